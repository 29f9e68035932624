# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The perception node: one or several models on the cameras that they read, as a lifecycle node."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter

from people_perception.catalogue import get_spec, output_bases
from people_perception.errors import PerceptionError
from people_perception.loading import load_model
from people_perception.model import Perceiver
from people_perception.ros.diagnostics import ERROR, OK, WARN, status
from people_perception.ros.feed import CameraFeed
from people_perception.ros.outputs import OUTPUTS
from people_perception.ros.parameters import PERCEPTION, Parameter, checked_changes, declare, option_parameters
from people_perception.ros.worker import ModelWorker
from people_perception.tracking import Tracker

_TICK = 0.1
"""Seconds between two looks at who listens and whether the workers live."""

_ENGINE_SETTINGS = ("precision", "dla_core", "device", "allow_build", "providers", "threads")


class PerceptionNode(LifecycleNode):
    """Subscribes to cameras, runs models, publishes what they find.

    Configure loads the models, activate runs them, deactivate stops them and keeps them loaded, cleanup frees all.

    Args:
        name: of the node.
        models: default of the parameter ``models``.
        load: opens a model, with the arguments of `load_model`.
    """

    def __init__(
        self,
        name: str,
        models: Sequence[str] = (),
        load: Callable[..., Perceiver] = load_model,
        **node_arguments: Any,
    ) -> None:
        super().__init__(name, **node_arguments)
        self._load_model = load
        self._table: dict[str, Parameter] = {p.name: p for p in PERCEPTION}
        defaults = {"models": list(models)}
        declare(self, [_with_default(p, defaults) for p in PERCEPTION])
        self.values: dict[str, Any] = {}
        self._workers: list[ModelWorker] = []
        self._feeds: dict[str, CameraFeed] = {}
        # Two models may have one stand-in: its parameters are then those of both.
        self._owners: dict[str, list[Perceiver]] = {}
        self._state = "unconfigured"
        self._fault = ""
        self._active_since = 0.0
        self._next_diagnostics = 0.0
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # On a steady clock: with use_sim_time and no /clock, listeners and diagnostics are still served.
        self.create_timer(_TICK, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # -- lifecycle ---------------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load every model; on failure say why and free what was loaded."""
        try:
            self.values.update(declare(self, PERCEPTION))
            self._load()
        except (PerceptionError, ValueError, ParameterException) as error:
            self._fail(str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # a runtime's own; rclpy would swallow it and leave a node that says nothing
            self._fail(f"{type(error).__name__}: {error}")
            self.get_logger().error(traceback.format_exc())
            return TransitionCallbackReturn.FAILURE
        self._fault = ""
        self._state = "inactive"
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the workers; cameras are subscribed as soon as somebody listens."""
        self._active_since = time.monotonic()
        for worker in self._workers:
            worker.start()
        self._state = "active"
        self._tick()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the workers and unsubscribe; models stay loaded."""
        self._stop()
        self._state = "inactive"
        if self._fault:
            return TransitionCallbackReturn.ERROR
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything."""
        self._free()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything."""
        self._free()
        self._state = "finalized"
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything; the node is unconfigured afterwards and can be configured again."""
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Free everything, whatever the state; for the end of the process."""
        self._free()

    def _fail(self, why: str) -> None:
        self._free()
        self._fault = f"configure failed: {why}"
        self.get_logger().error(self._fault)

    # -- models ------------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        names = self.values["models"]
        if not names:
            raise PerceptionError("parameter models is empty; name at least one, such as [peoplenet]")
        if len(set(names)) != len(names):
            raise PerceptionError(f"parameter models names a model twice: {', '.join(names)}")
        if self.values["weights"] and len(names) > 1:
            raise PerceptionError(
                "parameter weights is for a single model; put several models' files into the model store"
            )
        settings = {name: self.values[name] for name in _ENGINE_SETTINGS}
        for name, base in output_bases(names).items():
            wanted = get_spec(name)
            model = self._load_model(name, self.values["engine"], self.values["weights"] or None, settings)
            self.get_logger().info(f"{name}: {model.selection.reason} [{model.device}]")
            try:
                self._declare_options(model)
                labels, threshold = model.spec.labels, _lowest_threshold(model)
                at_once = wanted.task == "instance"
                memory, tracking = self.values["tracking_memory"], self.values["tracking"]
                tracker = Tracker(labels, memory, at_once) if tracking else None
                output = OUTPUTS[wanted.task](self, base, self.values, labels, threshold)
            except Exception:
                model.close()
                raise
            feed = self._feed(wanted.input_topic)
            self._workers.append(ModelWorker(self, name, model, output, feed, self.values, tracker))

    def _feed(self, topic: str) -> CameraFeed:
        """The feed of a relative topic; topics that are remapped to one camera share it."""
        feed = CameraFeed(self, topic, self.values, self._on_malformed)
        return self._feeds.setdefault(feed.topic, feed)

    def _declare_options(self, model: Perceiver) -> None:
        prefix = model.spec.folder
        parameters = option_parameters(prefix, model.declared_options, model.options)
        for parameter in parameters:
            self._table[parameter.name] = parameter
            self._owners.setdefault(parameter.name, []).append(model)
        values = declare(self, parameters)
        model.configure(**_as_options(prefix, values))

    def _stop(self) -> None:
        for worker in self._workers:
            worker.wanted = False
        for worker in self._workers:
            worker.stop()
        for feed in self._feeds.values():
            feed.stop()

    def _free(self) -> None:
        self._stop()
        for worker in self._workers:
            worker.close()
        self._workers.clear()
        self._feeds.clear()
        self._owners.clear()
        self._state = "unconfigured"

    # -- parameters --------------------------------------------------------------------------------------------------

    def _on_set_parameters(self, parameters: list[RosParameter]) -> SetParametersResult:
        """All of them or none; refused with the reason."""
        try:
            changes = checked_changes(self._table, parameters, self._state != "unconfigured")
            low = changes.get("infrared.low", self.values.get("infrared.low", 0))
            if low >= changes.get("infrared.high", self.values.get("infrared.high", 100)):
                raise ValueError(f"infrared.low={low}: must be below infrared.high")
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.values.update({name: value for name, value in changes.items() if name not in self._owners})
        for worker in self._workers:
            model = worker.model
            mine = {name: value for name, value in changes.items() if model in self._owners.get(name, ())}
            model.configure(**_as_options(model.spec.folder, mine))
        if any(name.startswith("infrared.") for name in changes):
            for feed in self._feeds.values():
                feed.set_infrared(*(self.values[f"infrared.{name}"] for name in ("low", "high", "window")))
        return SetParametersResult(successful=True)

    # -- supervision -------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = time.monotonic()
        if self._state == "active":
            for worker in self._workers:
                worker.wanted = worker.output.wanted()
            for feed in self._feeds.values():
                listened = any(w.wanted for w in self._workers if w.feed is feed)
                if listened and not feed.open:
                    feed.start()
                elif not listened and feed.open:
                    feed.stop()
            self._look_for_faults()
        if now >= self._next_diagnostics:
            self._next_diagnostics = now + self.values.get("diagnostics.period", 1.0)
            self._publish_diagnostics(now)

    def _look_for_faults(self) -> None:
        for worker in self._workers:
            if worker.fault or not worker.alive:
                self._fault = f"{worker.requested}: {worker.fault or 'its thread died'}"
                self.get_logger().error(f"{self._fault}; the node stops, configure it again when the cause is mended")
                self.trigger_deactivate()
                return

    def _on_malformed(self, error: str) -> None:
        self.get_logger().error(f"image dropped: {error}", throttle_duration_sec=5.0)

    def _publish_diagnostics(self, now: float) -> None:
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        name = self.get_fully_qualified_name().lstrip("/")
        level, text = (ERROR, self._fault) if self._fault else (OK, self._state)
        message.status.append(status(name, "", level, text, {"state": self._state}))
        message.status.extend(self._worker_status(f"{name}: {w.requested}", w, now) for w in self._workers)
        self._diagnostics.publish(message)

    def _worker_status(self, name: str, worker: ModelWorker, now: float) -> DiagnosticStatus:
        feed, statistics, selection = worker.feed, worker.statistics, worker.model.selection
        values = {
            "model": worker.model.spec.name,
            "engine": selection.engine,
            "device": worker.model.device,
            "weights": str(selection.weights),
            "reason": selection.reason,
            "camera": feed.topic,
            "rate_in_hz": f"{feed.arrivals.rate():.1f}",
            "received": str(feed.count),
            "malformed": str(feed.malformed_count),
            **statistics.key_values(),
        }
        since = max(self._active_since, feed.opened or 0.0, feed.last_received or 0.0)
        if feed.last_received is not None:
            values["input_age_s"] = f"{now - feed.last_received:.2f}"
        latency = statistics.latency.percentiles()
        level, text = OK, f"{values['rate_out_hz']} Hz"
        if self._state != "active":
            text = self._state
        elif not worker.wanted:
            text = "idle: nobody subscribes"
        elif worker.requested.partition(":")[0] != worker.model.spec.folder:
            level, text = WARN, selection.reason
        if self._state == "active" and worker.wanted:
            if now - since > self.values["diagnostics.stale_after"]:
                level, text = WARN, f"no image on {feed.topic} for {now - since:.1f} s"
            elif statistics.clock_offset is not None:
                offset = statistics.clock_offset
                level, text = WARN, f"stamps are {offset:.1f} s off this node's clock; is use_sim_time right?"
            elif latency and latency[1] > self.values["diagnostics.slow_after"]:
                level, text = WARN, f"slow: capture to publication takes {latency[1]:.3f} s (p95)"
        return status(name, worker.model.device, level, text, values)


def _with_default(parameter: Parameter, defaults: dict[str, Any]) -> Parameter:
    from dataclasses import replace

    return replace(parameter, default=defaults[parameter.name]) if parameter.name in defaults else parameter


def _as_options(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    """``<prefix>.<option>`` and ``<prefix>.<option>.<label>`` back to a decoder's options."""
    options: dict[str, Any] = {}
    for name, value in values.items():
        option, _, label = name.removeprefix(f"{prefix}.").partition(".")
        if label:
            options.setdefault(option, {})[label] = value
        else:
            options[option] = value
    return options


def _lowest_threshold(model: Perceiver) -> float:
    threshold = model.options.get("confidence_threshold", 0.0)
    return min(threshold.values()) if isinstance(threshold, dict) else float(threshold)
