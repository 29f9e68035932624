# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A machine with a GPU, TensorRT and pycuda, as far as their Python surfaces go: it refuses what the real ones refuse.

`gpu` is the GPU's memory, streams and contexts; ``pycuda/`` and `tensorrt_api` are the two packages on top of it. What
TensorRT offers in which version is in ``surface.txt``. pycuda's rules (whose thread may free what, what a context is
needed for) follow its C++ source.
"""
