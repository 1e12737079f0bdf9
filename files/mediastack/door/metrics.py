"""What Prometheus may ask the door, and what is counted for it; never a name that a body holds."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

PREFIX = "mediastack_door"
NOWHERE = "other"


class Counts:
    """Requests and deliveries since the start."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{PREFIX}_requests", "Requests answered", ["hook", "status"], registry=self._registry
        )
        self._deliveries = Counter(
            f"{PREFIX}_deliveries",
            "Deliveries accepted; repeated: one that waited already",
            ["source", "kind"],
            registry=self._registry,
        )
        self._waiting = Gauge(
            f"{PREFIX}_waiting", "Deliveries that nobody has read yet", registry=self._registry
        )

    def answered(self, hook: str, status: int) -> None:
        """One request is over; `hook` is one of ours or ""."""
        self._requests.labels(hook or NOWHERE, str(status)).inc()

    def delivered(self, source: str, new: bool) -> None:
        """One delivery is on disk, or was already."""
        self._deliveries.labels(source, "new" if new else "repeated").inc()

    def text(self, waiting: int) -> bytes:
        """All of it, as Prometheus reads it."""
        self._waiting.set(waiting)
        return generate_latest(self._registry)
