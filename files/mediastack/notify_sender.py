"""Verb `notify-send`: delivers what is in the spool to ntfy, then ends.

Activated by a systemd path unit while spool/new is not empty. Each turn looks at the spool, asks
notify_queue for the next action and does it; nothing but the storm windows is remembered between
runs. A message is removed only after ntfy has taken it, so a kill may deliver one twice but never
loses one. What ntfy refuses for good (4xx) goes to spool/failed with the reason. After 15 minutes
of failures the verb exits 1, so that systemd's restart and its log show that something is wrong.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

from mediastack import atomic, config, notify, notify_queue
from mediastack.notify_queue import Done, Fold, Message, Queue, Send, State

TIMEOUT_SECONDS = 10.0
GIVE_UP_SECONDS = 900.0
# How soon a message that comes in during a back-off is looked at.
LONGEST_SLEEP_SECONDS = 2.0
ABANDONED_SECONDS = 60.0
# The server means us, not the message: wrong or expired token, or too many messages.
NOT_THE_MESSAGE = (401, 403, 429)


class Result(NamedTuple):
    """What became of one delivery: "ok", "poison" (never again), "later", or "away" (nobody)."""

    kind: str
    reason: str = ""


Transport = Callable[[Message], Result]


def main(arguments: list[str]) -> int:
    """Drain the spool; 0 when it is empty, 1 after 15 minutes of failures, 2 on wrong usage."""
    if arguments:
        print("usage: mediastack notify-send", file=sys.stderr)
        return 2
    spool = notify.default_spool()
    notify.make_directories(spool)
    with atomic.exclusive(os.path.join(spool, "sender")):
        return 0 if drain(spool, transport(config.load()["notify"])) else 1


def drain(
    spool: str,
    deliver: Transport,
    *,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> bool:
    """Deliver until the spool is empty; return False when 15 minutes brought only failures."""
    _recover(spool, now())
    state = State(delivered=_windows(spool))
    failing_since: float | None = None
    while True:
        queue = scan(spool)
        action, state = notify_queue.step(queue, state, now())
        if isinstance(action, Done):
            return True
        if isinstance(action, Fold):
            _fold(spool, action)
        elif isinstance(action, Send):
            result = deliver(action.message)
            if result.kind == "ok":
                failing_since = None
                state = notify_queue.delivered(action.message, state, now())
                # The window first: a kill in between repeats one message, else a whole storm.
                atomic.write_json(f"{spool}/sender.json", state.delivered, mode=notify.FILE_MODE)
                _remove(spool, action.name)
            elif result.kind == "poison":
                _give_up(spool, action.name, action.message, result.reason)
            else:
                failing_since = now() if failing_since is None else failing_since
                state = notify_queue.failed(
                    action.message, state, now(), jitter(), everybody=result.kind == "away"
                )
                print(f"mediastack: notify: not delivered: {result.reason}", file=sys.stderr)
        else:
            sleep(min(action.seconds, LONGEST_SLEEP_SECONDS))
        if failing_since is not None and now() - failing_since > GIVE_UP_SECONDS:
            return False


def scan(spool: str) -> Queue:
    """Return the waiting messages in order; what is no message goes to spool/failed."""
    queue: Queue = []
    for name in sorted(os.listdir(f"{spool}/new")):
        # A half-written fold of a killed sender; its next fold sweeps it away.
        if name.startswith("."):
            _remove(spool, name)
            continue
        try:
            with open(f"{spool}/new/{name}", "rb") as stream:
                text = stream.read()
            queue.append((name, notify_queue.complete(json.loads(text))))
        except (ValueError, TypeError) as error:
            _give_up(spool, name, {"text": repr(text)}, f"unreadable: {error}")
    members = {member for _, message in queue for member in message["members"]}
    # A kill between writing a fold and removing what it stands for must not count anything twice.
    for name in members:
        _remove(spool, name)
    return [entry for entry in queue if entry[0] not in members]


def transport(settings: dict[str, Any]) -> Transport:
    """Return how messages leave this house by [notify]; without a url, into the journal."""
    url, topic = settings.get("url", ""), settings.get("topic", "")

    def journal(message: Message) -> Result:
        print(f"notify: [{message['subject']}] {message['title']}: {message['message']}")
        return Result("ok")

    def publish(message: Message) -> Result:
        body = json.dumps(notify_queue.payload(message, topic)).encode()
        return post(url, body, _token(settings.get("token_file", "")))

    return publish if url else journal


def post(url: str, body: bytes, token: str) -> Result:
    """Publish one JSON message at ntfy's root URL; the token is in no result and no log."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    # A redirect would carry the token elsewhere, a proxy from the environment would see it.
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - settings
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            response.read(65536)
    except urllib.error.HTTPError as error:
        with error:
            if 400 <= error.code < 500 and error.code not in NOT_THE_MESSAGE:
                return Result("poison", f"{url} answered {error.code} {error.reason}")
            kind = "later" if error.code >= 500 else "away"
            return Result(kind, f"{url} answered {error.code} {error.reason}")
    except OSError as error:
        return Result("away", f"{url}: {error}")
    except (http.client.HTTPException, ValueError) as error:
        # Not its text: a header that cannot be sent is quoted in it, token and all.
        return Result(
            "away", f"{url}: {type(error).__name__} (is the url, or the token, misspelt?)"
        )
    return Result("ok")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _token(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read().strip()
    except FileNotFoundError:
        return ""


def _fold(spool: str, fold: Fold) -> None:
    data = json.dumps(fold.message).encode()
    atomic.write(f"{spool}/new/{fold.name}", data, mode=notify.FILE_MODE)
    for member in fold.members:
        _remove(spool, member)


def _give_up(spool: str, name: str, message: Any, reason: str) -> None:
    print(f"mediastack: notify: {spool}/failed/{name}: {reason}", file=sys.stderr)
    value = {"reason": reason, "message": message}
    atomic.write_json(f"{spool}/failed/{name}", value, mode=notify.FILE_MODE)
    _remove(spool, name)


def _remove(spool: str, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{spool}/new/{name}")


def _windows(spool: str) -> dict[str, float]:
    found = atomic.read_json(f"{spool}/sender.json", {})
    return {key: float(at) for key, at in found.items() if isinstance(at, (int, float))}


def _recover(spool: str, now: float) -> None:
    """Take over what a killed program had written whole but not yet handed in."""
    notify.make_directories(spool)
    for entry in list(os.scandir(os.path.join(spool, "tmp"))):
        with contextlib.suppress(FileNotFoundError):
            if abs(now - entry.stat().st_mtime) < ABANDONED_SECONDS:
                continue
            if entry.name.startswith("."):
                os.unlink(entry.path)
            else:
                os.rename(entry.path, f"{spool}/new/{entry.name}")
