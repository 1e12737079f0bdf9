"""Many plays on all cores, each in a fork: what is planted here is planted there."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.pool
import os
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def pool() -> Iterator[multiprocessing.pool.Pool]:
    """Forks of this process, ended with the context.

    They do not inherit how a check ends itself at SIGTERM, which is how a pool ends them: Python
    notices a signal between two of its instructions, and a worker that is about to wait never has
    another one.
    """
    default = (signal.SIGTERM, signal.SIG_DFL)
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), signal.signal, default) as made:
        yield made
