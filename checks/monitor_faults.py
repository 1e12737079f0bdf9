"""Monitors that are wrong in a way that people have built: planted in the box, and undone.

Each is one passage of a program in the box replaced by another, with its unit restarted; or the
unit itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from checks import box
from checks.framework import CheckError, Context
from checks.monitor_schedules import HEALER, MONITOR

LIBRARY = "/opt/mediastack/lib/mediastack"
STATE_FILE = "/var/lib/mediastack/monitor/monitor.json"
DROP_IN = f"/etc/systemd/system/{MONITOR}.d/check.conf"
SLOW_SECONDS = 4


@contextlib.contextmanager
def patched(context: Context, unit: str, file: str, *passages: str) -> Iterator[None]:
    """A program's file in the box has passages (old, new, old, new …) replaced."""
    path = f"{LIBRARY}/{file}"
    before = box.run(context.box, f"cat {path}")
    text = before
    for old, new in zip(passages[::2], passages[1::2], strict=True):
        if old not in text:
            raise CheckError(f"{file} has no passage {old!r}: the fault has to follow the program")
        text = text.replace(old, new, 1)
    write = f"cat >{path} && systemctl restart {unit}"
    box.run(context.box, write, stdin=text)
    try:
        yield
    finally:
        box.run(context.box, write, stdin=before)


@contextlib.contextmanager
def stopped(context: Context) -> Iterator[None]:
    """The monitor does not run."""
    box.run(context.box, f"systemctl stop {MONITOR}")
    try:
        yield
    finally:
        box.run(context.box, f"systemctl start {MONITOR}")


@contextlib.contextmanager
def leaves_them_stranded(context: Context) -> Iterator[None]:
    """The healer says that it stopped who was stranded, and did not."""
    with patched(context, HEALER, "healer/acts.py", "if not stranded:", "if True:"):
        yield


@contextlib.contextmanager
def deaf(context: Context) -> Iterator[None]:
    """Events and the ends of processes are ignored: it looks when its time has come."""
    with patched(
        context,
        MONITOR,
        "monitor/wakeups.py",
        "for event in self._ear.events():",
        "for event in self._ear.events() and []:",
        "self._pidfds[pid] = os.pidfd_open(pid)",
        "raise OSError",
    ):
        yield


@contextlib.contextmanager
def ignores_the_user(context: Context) -> Iterator[None]:
    """What the user stopped is taken for something that ended."""
    with patched(
        context, HEALER, "intent.py", "    recorded: dict", "    return {}\n    recorded: dict"
    ):
        yield


@contextlib.contextmanager
def loses_volumes(context: Context) -> Iterator[None]:
    """Whoever makes a container anew gives it new anonymous volumes."""
    with patched(
        context,
        HEALER,
        "compose.py",
        'force = ["--force-recreate"]',
        'force = ["--force-recreate", "--renew-anon-volumes"]',
    ):
        yield


@contextlib.contextmanager
def trusts_the_stream(context: Context) -> Iterator[None]:
    """It believes that it hears when it does not, and does not look after processes."""
    with (
        patched(
            context,
            MONITOR,
            "monitor/wakeups.py",
            "self._pidfds[pid] = os.pidfd_open(pid)",
            "raise OSError",
        ),
        patched(context, MONITOR, "monitor/host.py", "return self._ear.hears", "return True"),
    ):
        yield


@contextlib.contextmanager
def slow(context: Context) -> Iterator[None]:
    """The healer takes its time before it brings anybody back."""
    with patched(
        context,
        HEALER,
        "healer/acts.py",
        "    return stacks.apply(",
        f"    time.sleep({SLOW_SECONDS})\n    return stacks.apply(",
    ):
        yield


@contextlib.contextmanager
def forgets_its_count(context: Context) -> Iterator[None]:
    """Each start of the monitor begins with nothing remembered."""
    directory = DROP_IN.rpartition("/")[0]
    text = f"[Service]\nExecStartPre=+/bin/rm -f {STATE_FILE}\n"
    write = f"mkdir -p {directory} && cat >{DROP_IN} && systemctl daemon-reload"
    box.run(context.box, write, stdin=text)
    try:
        yield
    finally:
        box.run(context.box, f"rm -rf {directory} && systemctl daemon-reload")
