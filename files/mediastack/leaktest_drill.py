"""The drill: the tunnel is stopped for a moment, everything is tried again, and it is started.

Whatever happens in between: an error and Ctrl-C by `finally`, a killed leaktest by a guard, a child
in a session of its own that holds one end of a pipe and starts the tunnel when the other is gone.
Should both be killed, a note in /run says so and the next leaktest heals it first; a restart of the
container does too, since "stopped" is known to Gluetun's process alone. The drill holds the stack
lock: nobody shall take a Gluetun without a tunnel for a sick one and mend it meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from mediastack import atomic, clock, gluetun_client, lock, stacks
from mediastack import config as configuration

ACTOR = "leaktest"
STOP_SECONDS = 20.0
BACK_SECONDS = 60.0
POLL_SECONDS = 0.5
GUARD_PAUSE_SECONDS = 2.0
RUNNING, STOPPED = "running", "stopped"
NOTE = "leaktest-drill.json"
DONE = b"done"
Config = dict[str, Any]
Result = dict[str, Any]


def run(config: Config, measure: Callable[[], dict[str, Any]]) -> Result:
    """Return {"services": what `measure` returned without the tunnel, "error", "back_seconds"}.

    `back_seconds` is None when the tunnel did not come back in time. Raise lock.Busy.
    """
    result: Result = {"services": {}, "error": "", "back_seconds": None}
    wait = float(config.get("limits", {}).get("lock_wait_seconds", stacks.LOCK_WAIT_SECONDS))
    with lock.hold(ACTOR, "stopping the tunnel for a moment", wait_seconds=wait):
        if (before := tunnel_status(config)) != RUNNING:
            result["error"] = f"the tunnel is not running before ({before or 'no answer'})"
            return result
        with _interrupts_as_exceptions(), _guarded(config):
            try:
                client(config).set_status(STOPPED)
                if _becomes(config, STOPPED, STOP_SECONDS) is None:
                    result["error"] = "Gluetun did not stop the tunnel"
                else:
                    result["services"] = measure()
            except gluetun_client.GluetunError as error:
                result["error"] = str(error)
            finally:
                result["back_seconds"] = start(config)
    return result


def heal(config: Config) -> bool:
    """Start the tunnel if a killed drill left it stopped; return whether one did. Raise nothing."""
    note = _note(config)
    if not os.path.exists(note):
        return False
    with contextlib.suppress(lock.Busy), lock.hold(ACTOR, "healing a drill", wait_seconds=0.0):
        # With the lock in our hands no drill is under way.
        print(
            "mediastack leaktest: an earlier drill was killed; starting the tunnel", file=sys.stderr
        )
        if start(config) is not None:
            _forget(config)
            return True
    return False


def start(config: Config, seconds: float = BACK_SECONDS) -> float | None:
    """Start the tunnel; return after how many seconds it ran and knew its exit, None if it did
    not in time."""
    started = time.monotonic()
    with contextlib.suppress(gluetun_client.GluetunError):
        client(config).set_status(RUNNING)
    there = _becomes(config, RUNNING, seconds)
    return None if there is None else time.monotonic() - started


def client(config: Config) -> gluetun_client.Gluetun:
    """Return the way to Gluetun's control server."""
    vpn = config["vpn"]
    return gluetun_client.Gluetun(vpn["control_url"], vpn["control_key_file"])


def tunnel_status(config: Config) -> str:
    """Return Gluetun's word for the tunnel, "" when it does not say."""
    with contextlib.suppress(gluetun_client.GluetunError):
        return client(config).status()
    return ""


def child_environment() -> dict[str, str]:
    """Return the environment in which a child finds this package, wherever it lies."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return {**os.environ, "PYTHONPATH": package}


def guard_main(arguments: list[str]) -> int:
    """Verb `leaktest-guard`: start the tunnel if stdin ends without a word that it runs again."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() == DONE:
        return 0
    config = configuration.load()
    deadline = time.monotonic() + BACK_SECONDS
    while start(config, GUARD_PAUSE_SECONDS) is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    if tunnel_status(config) != RUNNING:
        return 1
    _forget(config)
    return 0


def _becomes(config: Config, wanted: str, seconds: float) -> float | None:
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        with contextlib.suppress(gluetun_client.GluetunError):
            gluetun = client(config)
            known = gluetun.status() == wanted
            # Running is a word; knowing one's exit is a tunnel that carries.
            if known and (wanted == STOPPED or gluetun.public_ip()):
                return time.monotonic() - started
        time.sleep(POLL_SECONDS)
    return None


@contextlib.contextmanager
def _guarded(config: Config) -> Iterator[None]:
    note = {"pid": os.getpid(), "since": clock.timestamp()}
    guard = subprocess.Popen(
        [sys.executable, "-m", "mediastack", "leaktest-guard"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        # Ctrl-C goes to everybody in the terminal's session.
        start_new_session=True,
        env=child_environment(),
    )
    try:
        atomic.write_json(_note(config), note, mode=0o600)
        yield
        if tunnel_status(config) == RUNNING and guard.stdin:
            guard.stdin.write(DONE)
            _forget(config)
    finally:
        # Without the word it does the rest, also after we are gone.
        if guard.stdin:
            guard.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            guard.wait(BACK_SECONDS)


@contextlib.contextmanager
def _interrupts_as_exceptions() -> Iterator[None]:
    """SIGTERM and SIGHUP end us through `finally`, as Ctrl-C does; that one, too, where a shell
    that started us in the background had it ignored."""

    def interrupted(number: int, _: Any) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    several = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in several}
    for number in before:
        signal.signal(number, interrupted)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _forget(config: Config) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_note(config))


def _note(config: Config) -> str:
    return os.path.join(config["paths"]["runtime"], NOTE)
