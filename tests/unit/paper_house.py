"""What the houses on paper of updates and restores have in common: a lock, a clock, kills."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class Killed(BaseException):
    """The process dies here."""


class Paper:
    """`kill_at`: the so many-th line kills."""

    def __init__(self) -> None:
        self.locked = False
        self.lines, self.kill_at = 0, -1
        self.now = 0.0

    def line(self) -> None:
        """A point at which a kill is possible."""
        self.lines += 1
        if self.lines == self.kill_at:
            raise Killed

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        assert not self.locked
        self.locked = True
        try:
            yield
        finally:
            self.locked = False

    def sleep(self, seconds: float) -> None:
        assert not self.locked, "nobody sleeps with the lock"
        self.now += seconds
