"""Is /data there? Looking at a file on a dead mount must never hang the one who looks.

A stat on a stale NFS or FUSE mount can block in the kernel for ever, where no signal reaches. So
the stat is done by a child process (coreutils stat, 2 ms) with a deadline; a child that overstays
is killed and left behind, not waited for. What the kernel said is kept word for word, because
"Transport endpoint is not connected" is the beginning of every repair.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterable
from typing import TypedDict

DEADLINE_SECONDS = 3.0


class Probe(TypedDict):
    """`definite` tells an answer of the kernel from a time-out, after which nothing is known."""

    present: bool
    definite: bool
    error: str
    identity: tuple[int, int] | None


def probe(path: str, *, deadline_seconds: float = DEADLINE_SECONDS) -> Probe:
    """Return whether `path` can be seen, its (device, inode), and the error when it cannot."""
    found = identities([path], deadline_seconds=deadline_seconds)[path]
    if isinstance(found, tuple):
        return {"present": True, "definite": True, "error": "", "identity": found}
    definite = not found.startswith("timeout")
    return {"present": False, "definite": definite, "error": found, "identity": None}


def identities(
    paths: Iterable[str], *, deadline_seconds: float = DEADLINE_SECONDS
) -> dict[str, tuple[int, int] | str]:
    """Return {path: (st_dev, st_ino), or the error text}; "timeout …" after the deadline.

    All paths share one child and one deadline. Raise nothing.
    """
    wanted = list(paths)
    if not wanted:
        return {}
    command = ["stat", "-L", "--format=%d %i %n", "--", *wanted]
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError as error:
        return dict.fromkeys(wanted, f"timeout: the probe could not be started: {error.strerror}")
    try:
        output, errors = _said(child, deadline_seconds)
    except TimeoutError:
        # SIGKILL works as soon as the kernel lets it; subprocess reaps it later by itself.
        child.kill()
        return dict.fromkeys(wanted, f"timeout after {deadline_seconds:g} s")
    found: dict[str, tuple[int, int] | str] = dict.fromkeys(wanted, "no answer")
    for line in output.splitlines():
        device, inode, path = line.split(" ", 2)
        found[path] = (int(device), int(inode))
    for path in wanted:
        for line in errors.splitlines():
            if f"'{path}'" in line:
                found[path] = line.rpartition("': ")[2]
    return found


def _said(child: subprocess.Popen[bytes], deadline_seconds: float) -> tuple[str, str]:
    """What it printed on stdout and stderr until its end. Raise TimeoutError.

    Not communicate(timeout=…), which sleeps up to 50 ms until it notices the end.
    """
    deadline = time.monotonic() + deadline_seconds
    said = {stream.fileno(): b"" for stream in (child.stdout, child.stderr) if stream}
    poller = select.poll()
    for descriptor in said:
        poller.register(descriptor, select.POLLIN)
    open_ones = set(said)
    while open_ones:
        ready = poller.poll(max(0.0, 1000 * (deadline - time.monotonic())))
        if not ready:
            raise TimeoutError
        for descriptor, _ in ready:
            data = os.read(descriptor, 65536)
            said[descriptor] += data
            if not data:
                poller.unregister(descriptor)
                open_ones.remove(descriptor)
    # It has closed both, which it does at its very end.
    child.wait()
    for stream in (child.stdout, child.stderr):
        if stream:
            stream.close()
    output, errors = (text.decode(errors="surrogateescape") for text in said.values())
    return output, errors
