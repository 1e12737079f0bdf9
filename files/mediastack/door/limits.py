"""How often somebody may knock, and when too many were turned away to keep it quiet: pure.

A bucket of requests for each peer, filled steadily; peers are addresses of our own subnet, so there
are few. Of the refused (401) only times are kept; when enough came within a while that is told
once, and then not again for an hour.
"""

from __future__ import annotations

import collections

BURST = 120.0
PER_SECOND = 2.0
REFUSALS = 10
REFUSALS_SECONDS = 600.0
QUIET_SECONDS = 3600.0
PEERS = 1024


class Rate:
    """Requests of each peer; not for several threads at once. `now` is a steady clock's."""

    def __init__(self, burst: float = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, peer: str, now: float) -> bool:
        """Whether this request of the peer may come in; if so it is counted."""
        left, seen = self._left.pop(peer, (self._burst, now))
        left = min(self._burst, left + (now - seen) * self._per_second)
        allowed = left >= 1.0
        self._left[peer] = (left - 1.0 if allowed else left, now)
        while len(self._left) > PEERS:
            # The one that was quiet for longest.
            del self._left[next(iter(self._left))]
        return allowed


class Refusals:
    """Those that were turned away lately; not for several threads at once."""

    def __init__(self) -> None:
        self._times: collections.deque[float] = collections.deque(maxlen=REFUSALS)
        self._told_at: float | None = None

    def note(self, now: float) -> bool:
        """Count one; whether that is to be told now."""
        self._times.append(now)
        many = len(self._times) == REFUSALS and now - self._times[0] <= REFUSALS_SECONDS
        quiet = self._told_at is not None and now - self._told_at < QUIET_SECONDS
        if not many or quiet:
            return False
        self._told_at = now
        return True

    def take_back(self) -> None:
        """What was to be told could not be kept: try again with the next one."""
        self._told_at = None
