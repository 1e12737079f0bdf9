"""What one of us is doing to containers right now: acting.json in the state directory.

A stop that we began and did not finish (kill -9 in the middle of a restart or a backup) leaves a
container that looks exactly like one the user stopped with `docker stop`. So whoever stops a
container that is to run again writes it down before and crosses it out after; the keeper then sees
whose stop it was. An entry that outlives its writer counts until the service runs again.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mediastack import atomic, clock, config

LATER_SECONDS = 600.0
# Longer than any service's grace.
STOPPING_SECONDS = 300.0


@contextlib.contextmanager
def acting(
    actor: str, action: str, services: Iterable[str], *, path: str | None = None
) -> Iterator[None]:
    """Keep these services written down as being worked on by `actor` while the block runs.

    Left in place when the block raises: what was begun may then be half done. What was written
    down of them before (a hold by the monitor, say) still explains a service that did not start.
    """
    names = list(services)
    before = {name: entry for name, entry in entries(path=path).items() if name in names}
    begin(actor, action, names, path=path)
    yield
    _change(add=before, remove=names, path=path)


def begin(actor: str, action: str, services: Iterable[str], *, path: str | None = None) -> None:
    """Write down what stays begun after this process: it counts until the service runs again."""
    entry = {"actor": actor, "action": action, "at": clock.timestamp()}
    _change(add=dict.fromkeys(services, entry), path=path)


def forget(services: Iterable[str], *, path: str | None = None) -> None:
    """Cross services out; unknown names are fine."""
    _change(remove=services, path=path)


def forget_finished(
    running: Mapping[str, float | None],
    *,
    begun_before: float | None = None,
    now: float | None = None,
    path: str | None = None,
) -> None:
    """What was begun and not finished explains nothing any more once the service runs again.

    `running`: {service: when it was started} (seconds since the epoch, None: not known). One that
    has not been started since may be about to end: Docker goes on with a stop whose asker is dead.
    `begun_before`: when it was seen running (None: now). What was begun later is not finished: it
    runs still.
    """
    now = time.time() if now is None else now
    recorded = entries(path=path)
    if begun_before is not None:
        recorded = {k: v for k, v in recorded.items() if not _is_later(v, begun_before)}
    if done := [
        name
        for name, entry in recorded.items()
        if name in running and _is_over(entry, running[name], now)
    ]:
        forget(done, path=path)


def entries(*, path: str | None = None) -> dict[str, dict[str, Any]]:
    """Return {service: {"actor","action","at" (ISO)}} of what was begun and not finished."""
    recorded: dict[str, Any] = atomic.read_json(path or default_path(), {})
    return {service: entry for service, entry in recorded.items() if isinstance(entry, dict)}


def default_path() -> str:
    """Return where this house keeps it."""
    return os.path.join(config.paths()["state"], "acting.json")


def _is_over(entry: dict[str, Any], started: float | None, now: float) -> bool:
    """Whether a service that runs is not one that is still being stopped."""
    try:
        begun = clock.seconds(str(entry.get("at", "")))
    except ValueError:
        return True
    # Set back since, the clock says nothing of an old entry.
    return started is None or started >= begun or not 0.0 <= now - begun < STOPPING_SECONDS


def _is_later(entry: dict[str, Any], moment: float) -> bool:
    try:
        # Not hours later: then the clock was set back since, and it is an old one.
        return 0.0 <= clock.seconds(str(entry.get("at", ""))) - moment < LATER_SECONDS
    except ValueError:
        return False


def _change(
    *,
    add: dict[str, dict[str, Any]] | None = None,
    remove: Iterable[str] = (),
    path: str | None = None,
) -> None:
    path = path or default_path()
    with atomic.exclusive(path):
        before = entries(path=path)
        gone = set(remove)
        after = {name: entry for name, entry in before.items() if name not in gone} | (add or {})
        if after != before:
            atomic.write_json(path, after)
