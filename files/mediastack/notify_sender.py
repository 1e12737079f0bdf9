"""Verb `notify-send`: delivers what is in the spool to ntfy, then ends.

Activated by a systemd path unit while spool/new is not empty. Each turn looks at the spool, asks
notify_queue for a plan and works on it for a moment; nothing but the storm windows is remembered
between runs. A message is removed only after ntfy has taken it, so a kill may deliver one twice but
never loses one. What leaves is masked first (known_secrets). What ntfy refuses for good (4xx) goes
to spool/failed with the reason. After 15 minutes of failures the verb exits 1, so that systemd's
restart and its log show that something is wrong.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mediastack import (
    atomic,
    config,
    known_secrets,
    notify,
    notify_message,
    notify_queue,
    quiet_hours,
)
from mediastack.notify_message import Message
from mediastack.notify_queue import Send, State
from mediastack.notify_spool import Spool
from mediastack.quiet_hours import Hours

TIMEOUT_SECONDS = 10.0
GIVE_UP_SECONDS = 900.0
# How soon a message that comes in during a back-off is looked at.
LONGEST_SLEEP_SECONDS = 2.0
# How soon one that comes in while thousands are delivered is looked at.
PLAN_SECONDS = 1.0
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
        settings = config.load()
        zone = settings["host"].get("timezone", "")
        hours = quiet_hours.of(settings["notify"].get("quiet_hours", ""), zone)
        deliver = transport(settings["notify"], known_secrets.of_this_house())
        return 0 if drain(spool, deliver, hours=hours) else 1


def drain(
    path: str,
    deliver: Transport,
    *,
    hours: Hours | None = None,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> bool:
    """Deliver until the spool is empty; return False when 15 minutes brought only failures."""
    spool = Spool(path, now())
    state = State(delivered=spool.windows(now()))
    failing_since: float | None = None
    while True:
        state = state._replace(delivered=notify_queue.recent(state.delivered, now()))
        queue = spool.look()
        if not queue:
            return True
        plan = notify_queue.plan(queue, state, now(), hours)
        for fold in plan.folds:
            spool.fold(fold)
        if plan.folds:
            continue
        if not plan.sends:
            sleep(min(plan.wait or LONGEST_SLEEP_SECONDS, LONGEST_SLEEP_SECONDS))
        started = now()
        state, worked = _carry_out(spool, plan.sends, deliver, state, now, jitter)
        failing_since = None if worked else failing_since
        if state.refused and failing_since is None:
            failing_since = started
        if failing_since is not None and now() - failing_since > GIVE_UP_SECONDS:
            return False


def _carry_out(
    spool: Spool,
    sends: Sequence[Send],
    deliver: Transport,
    state: State,
    now: Callable[[], float],
    jitter: Callable[[], float],
) -> tuple[State, bool]:
    """Deliver one after the other, for a moment: what has come in meanwhile may be urgent.

    Return the state after it, and whether anything was delivered.
    """
    until = now() + PLAN_SECONDS
    worked = False
    failed: set[str] = set()
    for send in sends:
        if send.message["subject"] in failed:
            continue
        result = deliver(send.message)
        if result.kind == "ok":
            state = notify_queue.delivered(send.message, state, now())
            # The window first: a kill in between repeats one message, else a whole storm.
            spool.delivered(send.message, state.delivered, now())
            spool.remove(send.names)
            worked = True
        elif result.kind == "poison":
            spool.give_up(send.names, send.message, result.reason)
        else:
            print(f"mediastack: notify: not delivered: {result.reason}", file=sys.stderr)
            everybody = result.kind == "away"
            state = notify_queue.failed(send.message, state, now(), jitter(), everybody=everybody)
            failed.add(send.message["subject"])
        if notify_queue.is_away(state, now()) or now() >= until:
            break
    return state, worked


def transport(settings: dict[str, Any], mask: Callable[[str], str]) -> Transport:
    """Return how messages leave this house by [notify]; without a url, into the journal."""
    url, topic = settings.get("url", ""), settings.get("topic", "")

    def journal(message: Message) -> Result:
        masked = masked_payload(message, topic, mask)
        print(f"notify: [{message['subject']}] {masked['title']}: {masked['message']}")
        return Result("ok")

    def publish(message: Message) -> Result:
        body = json.dumps(masked_payload(message, topic, mask)).encode()
        return post(url, body, _token(settings.get("token_file", "")))

    return publish if url else journal


def masked_payload(message: Message, topic: str, mask: Callable[[str], str]) -> dict[str, Any]:
    """Return what ntfy is sent of a message. Masked before it is cut: half a secret is one too."""

    def masked(one: Message) -> Message:
        texts = {name: mask(one[name]) for name in ("title", "message")}
        lists = {name: [mask(text) for text in one[name]] for name in ("tags", "also")}
        return {**one, **texts, **lists, "before": [masked(more) for more in one["before"]]}

    return notify_message.payload(masked(message), topic)


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
