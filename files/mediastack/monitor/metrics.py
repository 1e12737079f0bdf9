"""What Prometheus may ask, on the loopback address only, and only where a port is set.

prometheus_client is imported then and not before: it is a quarter of what the watcher weighs.
Everything comes from the last pass and its state, but for the seconds since the last good look,
and the ages of backups, which count on while nobody answers.
"""

from __future__ import annotations

import functools
import importlib
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mediastack.monitor import namespaces

if TYPE_CHECKING:
    from mediastack.monitor.watcher import Watcher

ADDRESS = "127.0.0.1"
PREFIX = "mediastack_monitor"
VERDICTS = (namespaces.INSIDE, namespaces.STRANDED, namespaces.OUT, namespaces.UNKNOWN)
LATENCY_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 30.0)


def start(port: int, watcher: Watcher) -> Callable[[], None]:
    """Serve metrics on this port of 127.0.0.1 (0: none); return what to call after each pass.

    Raise OSError when the port is taken.
    """
    if not port:
        return lambda: None
    prometheus = importlib.import_module("prometheus_client")
    registry = prometheus.CollectorRegistry()
    shown = Metrics(registry, watcher)
    prometheus.start_http_server(port, addr=ADDRESS, registry=registry)
    return shown.update


class Metrics:
    """The figures, and what of the state was counted already."""

    def __init__(self, registry: Any, watcher: Watcher) -> None:
        prometheus = importlib.import_module("prometheus_client")
        counter, gauge = prometheus.Counter, prometheus.Gauge
        self._watcher = watcher
        self._looked_at = time.monotonic()
        self._cascades = counter(f"{PREFIX}_cascades", "Cascades decided", registry=registry)
        self._recent = gauge(
            f"{PREFIX}_cascades_remembered", "Cascades of the last two hours", registry=registry
        )
        self._open = gauge(f"{PREFIX}_episode_open", "A cascade is under way", registry=registry)
        self._paused = gauge(f"{PREFIX}_paused", "Healing is paused", registry=registry)
        self._verdict = gauge(
            f"{PREFIX}_service", "Where it is", ["service", "verdict"], registry=registry
        )
        self._held = gauge(
            f"{PREFIX}_held", "Kept stopped for want of a tunnel", ["service"], registry=registry
        )
        self._latency = prometheus.Histogram(
            f"{PREFIX}_decision_seconds",
            "From Docker's event to the decision",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        blind = gauge(f"{PREFIX}_blind_seconds", "Since the last good look", registry=registry)
        blind.set_function(lambda: time.monotonic() - self._looked_at)
        self._backups: dict[str, Any] = {}
        self._saved = gauge(
            "mediastack_backup_age_seconds", "Since the last backup", ["target"], registry=registry
        )
        self._proven = gauge(
            "mediastack_restore_proven_age_seconds",
            "Since the last restore that was proven (NaN: never)",
            registry=registry,
        )
        self._proven.set_function(lambda: age(self._backups.get("proven")))
        self._counted = max((one["at"] for one in watcher.state["cascades"]), default=-1.0)
        self._decided = max((one["at"] for one in decisions(watcher.state)), default=-1.0)

    def update(self) -> None:
        """Take over what the last pass saw and decided."""
        state, look = self._watcher.state, self._watcher.look
        new = [one["at"] for one in state["cascades"] if one["at"] > self._counted]
        self._cascades.inc(len(new))
        self._counted = max([self._counted, *new])
        self._recent.set(len(state["cascades"]))
        self._open.set(state["episode"] is not None)
        self._paused.set(state["pause"] is not None)
        for one in decisions(state):
            if one["at"] > self._decided and one["event_at"] is not None:
                self._latency.observe(max(0.0, one["at"] - one["event_at"]))
        self._decided = max([self._decided, *(one["at"] for one in decisions(state))])
        if look is None:
            return
        self._looked_at = time.monotonic()
        self._take_over(look.get("backups", {}))
        waiting = state["pause"] is not None or state["episode"] is not None
        owner = look["services"][look["owner"]]
        for name, one in look["services"].items():
            if name == look["owner"]:
                continue
            found = namespaces.verdict(owner, one)
            for verdict in VERDICTS:
                self._verdict.labels(name, verdict).set(verdict == found)
            held = one["wanted"] and found == namespaces.OUT and waiting
            self._held.labels(name).set(held)

    def _take_over(self, backups: Any) -> None:
        """Show the ages of the targets that there are now."""
        saved = self._backups.get("saved", {})
        self._backups = backups
        for target in {**saved, **backups.get("saved", {})}:
            if target not in backups.get("saved", {}):
                self._saved.remove(target)
            elif target not in saved:
                self._saved.labels(target).set_function(functools.partial(self._age, target))

    def _age(self, target: str) -> float:
        return age(self._backups.get("saved", {}).get(target))


def age(moment: float | None) -> float:
    """Return the seconds since a moment (seconds since the epoch), NaN when there is none."""
    return math.nan if moment is None else max(0.0, time.time() - moment)


def decisions(state: Any) -> list[dict[str, Any]]:
    """Return the last decisions of a state, oldest first."""
    found: list[dict[str, Any]] = state.get("decisions", [])
    return found
