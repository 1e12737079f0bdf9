"""What one of us is doing to containers right now: acting.json in the state directory.

A stop that we began and did not finish (kill -9 in the middle of a restart or a backup) leaves a
container that looks exactly like one the user stopped with `docker stop`. So whoever stops a
container that is to run again writes it down before and crosses it out after; the keeper then sees
whose stop it was. An entry that outlives its writer counts until the service runs again; one of a
stop that Docker was asked for, no sooner than Docker must have carried it out: it does that also
when whoever asked is dead, and meanwhile the service runs.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

from mediastack import atomic, clock, config

LATER_SECONDS = 600.0


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


def begin(
    actor: str,
    action: str,
    services: Iterable[str],
    *,
    lasting_seconds: float = 0.0,
    path: str | None = None,
) -> None:
    """Write down what stays begun after this process: it counts until the service runs again, and
    at least for so long (unless it is crossed out)."""
    entry = {"actor": actor, "action": action, "at": clock.timestamp()}
    if lasting_seconds:
        entry["until"] = clock.timestamp(time.time() + lasting_seconds)
    _change(add=dict.fromkeys(services, entry), path=path)


def forget(services: Iterable[str], *, path: str | None = None) -> None:
    """Cross services out; unknown names are fine."""
    _change(remove=services, path=path)


def forget_finished(
    running: Iterable[str], *, begun_before: float | None = None, path: str | None = None
) -> None:
    """What was begun and not finished explains nothing any more once the service runs.

    `begun_before`: when it was seen running (seconds since the epoch, None: now). What was begun
    later is not finished: it runs still.
    """
    recorded = entries(path=path)
    seen = time.time() if begun_before is None else begun_before
    recorded = {k: v for k, v in recorded.items() if not _is_later(v.get("until"), seen)}
    if begun_before is not None:
        recorded = {k: v for k, v in recorded.items() if not _is_later(v.get("at"), begun_before)}
    if done := set(running) & recorded.keys():
        forget(done, path=path)


def entries(*, path: str | None = None) -> dict[str, dict[str, Any]]:
    """Return {service: {"actor","action","at","until" (ISO; may be absent)}} of what was begun and
    not finished."""
    recorded: dict[str, Any] = atomic.read_json(path or default_path(), {})
    return {service: entry for service, entry in recorded.items() if isinstance(entry, dict)}


def default_path() -> str:
    """Return where this house keeps it."""
    return os.path.join(config.paths()["state"], "acting.json")


def _is_later(text: Any, moment: float) -> bool:
    try:
        # Not hours later: then the clock was set back since, and it is an old one.
        return 0.0 <= clock.seconds(str(text or "")) - moment < LATER_SECONDS
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
