"""checks.parallel: forks that end when they are told to."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from checks import parallel


@pytest.fixture
def ends_itself() -> Iterator[None]:
    """As checks/__main__.py does it."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


def handler(_: int) -> bool:
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("ends_itself")
def test_a_fork_ends_at_sigterm_whatever_we_do_at_it() -> None:
    assert not handler(0)
    with parallel.pool() as pool:
        assert all(pool.imap(handler, range(20)))
    assert not handler(0)
