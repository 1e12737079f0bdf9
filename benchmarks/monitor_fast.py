"""The monitor with clocks that go faster: `monitor_fast SOCKET FACTOR`, run by monitor_hours.

A module of its own, and nothing imported but the monitor: what it weighs is what is measured.
"""

import select
import sys
import time
from types import SimpleNamespace

from mediastack.monitor import door, host, wakeups, watcher

PATH, FACTOR = sys.argv[1], float(sys.argv[2])
BEGAN = time.monotonic()


def fast(*_: int) -> float:
    """Seconds of any clock."""
    return BEGAN + (time.monotonic() - BEGAN) * FACTOR


class Poll:
    """A poll whose milliseconds are short ones."""

    def __init__(self) -> None:
        inner = select.poll()
        self.register, self.unregister = inner.register, inner.unregister
        self.poll = lambda milliseconds: inner.poll(milliseconds / FACTOR)


vars(wakeups)["time"] = SimpleNamespace(monotonic=fast)
vars(wakeups)["select"] = SimpleNamespace(poll=Poll, POLLIN=select.POLLIN)
vars(host)["time"] = SimpleNamespace(time=time.time, clock_gettime=fast, CLOCK_BOOTTIME=0)
door.Door.__init__.__defaults__ = door.Ear.__init__.__defaults__ = (PATH,)
sys.exit(watcher.main([]))
