# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""DetectNet_v2 decoding done plainly: what the decoder must equal, and what it is measured against.

DBSCAN is scikit-learn's on the full matrix of distances, as in TAO Deploy; the suppression is DeepStream's, one
candidate after the other. Nothing here is used at run time.
"""

from __future__ import annotations

import numpy as np

STRIDE, NORM, OFFSET = 16, 35, 0.5


def absolute_boxes(bbox: np.ndarray) -> np.ndarray:
    """(4 * C, H, W) network output to (C, 4, W, H) corners in network pixels.

    Added in float64, rounded to float32, multiplied in float32.
    """
    channels, height, width = bbox.shape
    boxes = bbox.astype(np.float32).reshape(channels // 4, 4, height, width).transpose(0, 1, 3, 2).copy()
    centre_x = ((np.arange(width) * STRIDE + OFFSET) / NORM)[:, None]
    centre_y = (np.arange(height) * STRIDE + OFFSET) / NORM
    boxes[:, 0] -= centre_x
    boxes[:, 1] -= centre_y
    boxes[:, 2] += centre_x
    boxes[:, 3] += centre_y
    boxes[:, :2] *= -NORM
    boxes[:, 2:] *= NORM
    return boxes


def distances(boxes: np.ndarray) -> np.ndarray:
    """(N, N) 1 - IoU, with a hundredth of a pixel added to the union."""
    x1, y1, x2, y2 = boxes.T
    width = np.maximum(0, np.minimum(x2[:, None], x2) - np.maximum(x1[:, None], x1))
    height = np.maximum(0, np.minimum(y2[:, None], y2) - np.maximum(y1[:, None], y1))
    intersection = width * height
    area = (x2 - x1) * (y2 - y1)
    return 1.0 - intersection / ((area[:, None] + area - intersection) + 0.01)


def sklearn_labels(boxes: np.ndarray, weights: np.ndarray, eps: float, min_samples: float) -> np.ndarray:
    """scikit-learn's cluster of each box, -1 for noise."""
    from sklearn.cluster import DBSCAN

    clustering = DBSCAN(eps=eps + 1e-12, min_samples=max(int(min_samples), 1), metric="precomputed")
    return clustering.fit_predict(distances(boxes), sample_weight=weights)


def decode_dbscan(
    cov: np.ndarray,
    bbox: np.ndarray,
    coverage_threshold: float,
    eps: float,
    min_samples: float,
    min_height: float,
    confidence: list[float],
    image_size: tuple[int, int],
) -> np.ndarray:
    """(N, 6) float64 rows class, confidence, x1, y1, x2, y2 in pixels of the image, as TAO returns them."""
    size = np.array([cov.shape[2] * STRIDE, cov.shape[1] * STRIDE])
    scale = np.tile(np.array(image_size) / size, 2)
    rows = []
    for index, boxes in enumerate(absolute_boxes(bbox)):
        weights = cov[index].T.ravel()
        valid = weights > coverage_threshold
        weights, boxes = weights[valid], boxes.reshape(4, -1).T[valid]
        if not len(weights):
            continue
        labels = sklearn_labels(boxes, weights, eps, min_samples)
        found = []
        for label in np.unique(labels[labels >= 0]):
            members = labels == label
            total = weights[members].sum()
            mean = (boxes[members].T * (weights[members] / total)).T.sum(axis=0)
            if mean[3] - mean[1] > min_height and total >= confidence[index]:
                found.append((total, mean))
        for total, mean in sorted(found, key=lambda item: -item[0]):
            box = np.clip(mean.astype(np.float64), 0, np.tile(size, 2))
            box[2:] = np.maximum(box[2:], box[:2])
            rows.append([index, total, *(box * scale)])
    return np.array(rows).reshape(-1, 6)


def decode_nms(
    cov: np.ndarray, bbox: np.ndarray, iou: float, top_k: int, confidence: list[float], image_size: tuple[int, int]
) -> np.ndarray:
    """(N, 6) float64 rows class, confidence, x1, y1, x2, y2 in pixels of the image, as DeepStream returns them."""
    size = np.array([cov.shape[2] * STRIDE, cov.shape[1] * STRIDE], np.float32)
    limit = np.tile(size, 2)
    rows = []
    for index, boxes in enumerate(absolute_boxes(bbox)):
        scores = cov[index].ravel()
        valid = scores >= np.float32(confidence[index])
        scores, boxes = scores[valid], boxes.transpose(2, 1, 0).reshape(-1, 4)[valid]
        boxes = np.where(boxes >= limit, limit - 1, boxes)
        boxes = np.maximum(boxes, 0)
        proper = (boxes[:, 2] >= boxes[:, 0]) & (boxes[:, 3] >= boxes[:, 1])
        scores, boxes = scores[proper], boxes[proper]
        for i in greedy_nms(boxes, scores, iou)[:top_k]:
            rows.append([index, scores[i], *(boxes[i] * np.tile(np.array(image_size) / size, 2))])
    return np.array(rows).reshape(-1, 6)


def greedy_nms(boxes: np.ndarray, scores: np.ndarray, iou: float, plus_one: int = 0) -> list[int]:
    """From the best box to the worst: keep what overlaps no kept box by more than ``iou``."""
    x1, y1, x2, y2 = boxes.T
    area = (x2 - x1 + plus_one) * (y2 - y1 + plus_one)
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable").tolist():
        width = np.maximum(0, np.minimum(x2[i], x2[kept]) - np.maximum(x1[i], x1[kept]) + plus_one)
        height = np.maximum(0, np.minimum(y2[i], y2[kept]) - np.maximum(y1[i], y1[kept]) + plus_one)
        intersection = width * height
        union = area[i] + area[kept] - intersection
        ratio = np.divide(intersection, union, out=np.zeros_like(union), where=union != 0)
        if not (ratio > iou).any():
            kept.append(i)
    return kept
