"""Whether the owner's packet filter stands, without making a look wait for the answer.

Only a command inside the owner's container tells, and that takes a tenth of a second or more: too
long for the moment at which Gluetun is healthy and nine services wait. So it is found out in a
thread, while the owner is still getting ready, and kept for some seconds, for that run of the owner
alone. A run of which nothing is known yet is unknown, and the end of the probe wakes the loop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from mediastack.monitor.state import Look

# How old the knowledge may be, and after which time it is asked for again.
KNOWN_SECONDS, AGAIN_SECONDS = 5.0, 1.0


class Firewall:
    """What the last probe told; `probe` looks with the packet filter, `wake` ends a wait."""

    def __init__(self, probe: Callable[[], Look | None], wake: Callable[[], None]) -> None:
        self._probe, self._wake = probe, wake
        self._known: tuple[Any, bool | None, float] = (None, None, 0.0)
        self._probing = False

    def of(self, look: Look) -> bool | None:
        """Return whether it stands in the owner of this look, None when that is not known."""
        now = time.monotonic()
        run, value, since = self._known
        if run != _run(look):
            value, since = None, now - AGAIN_SECONDS
        if not self._probing and now - since >= AGAIN_SECONDS:
            self._probing = True
            threading.Thread(target=self._find_out, daemon=True).start()
        return value if now - since < KNOWN_SECONDS else None

    def _find_out(self) -> None:
        began = time.monotonic()
        try:
            look = self._probe()
            if look is not None:
                self._known = (_run(look), look["firewall"], began)
        finally:
            self._probing = False
        # What is known already needs no other look; only an answer does.
        if look is not None:
            self._wake()


def _run(look: Look) -> tuple[Any, Any]:
    """What is another one whenever the owner's process is."""
    owner = look["services"][look["owner"]]
    return owner["id"], owner["started_at"]
