"""What the sender does next: pure, so that a simulation can try every order and every failure.

The queue is a list of (name, message) in the order of sending. Messages of one subject leave in
that order. Messages of one subject and key are folded into the newest, with a count; and when one
of that key was delivered less than a storm window ago, the next waits for the window's end - unless
a message of the same subject stands behind it that need not wait, for then the order matters more.
A failed delivery is tried again after an exponential back-off: for its subject alone when the
server refused this message, for all when the server is away or refuses everything.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mediastack import clock

STORM_WINDOW_SECONDS = 300.0
FIRST_RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 120.0
EVERYBODY = ""

Message = dict[str, Any]
Queue = list[tuple[str, Message]]


class State(NamedTuple):
    """What the sender remembers: delivery times per storm (seconds), failures and retry times.

    Its dictionaries are never changed in place.
    """

    delivered: dict[str, float] = {}
    failures: dict[str, int] = {}
    retry_at: dict[str, float] = {}


class Fold(NamedTuple):
    """Replace the newest message by `message`, which stands for the `members` too; drop those."""

    name: str
    message: Message
    members: tuple[str, ...]


class Send(NamedTuple):
    """Deliver this message now."""

    name: str
    message: Message


class Wait(NamedTuple):
    """Nothing to do for so long, unless something new comes in."""

    seconds: float


class Done(NamedTuple):
    """The queue is empty."""


Action = Fold | Send | Wait | Done


def step(queue: Queue, state: State, now: float) -> tuple[Action, State]:
    """Return the next action for this queue at `now` (seconds since the epoch)."""
    state = _forget(state, now)
    if not queue:
        return Done(), state
    for fold in _folds(queue):
        return fold, state
    waits: list[float] = []
    for subject in dict.fromkeys(message["subject"] for _, message in queue):
        mine = [entry for entry in queue if entry[1]["subject"] == subject]
        wait = max(_until_retry(state, subject, now), min(_held(m, state, now) for _, m in mine))
        if wait <= 0:
            return Send(*mine[0]), state
        waits.append(wait)
    return Wait(min(waits)), state


def delivered(message: Message, state: State, now: float) -> State:
    """Return the state after a delivery: the storm window opens, back-offs are over."""
    times = dict(state.delivered)
    if message["key"]:
        times[storm(message)] = now
    cleared = (EVERYBODY, message["subject"])
    return State(times, _without(state.failures, cleared), _without(state.retry_at, cleared))


def failed(message: Message, state: State, now: float, jitter: float, *, everybody: bool) -> State:
    """Return the state after a failed delivery; `jitter` is a random number from 0 to 1."""
    whom = EVERYBODY if everybody else message["subject"]
    count = state.failures.get(whom, 0)
    longest = min(FIRST_RETRY_SECONDS * 2 ** min(count, 20), LONGEST_RETRY_SECONDS)
    # Between half and all of it: senders of several hosts must not come back in step.
    retry_at = now + longest * (0.5 + jitter / 2)
    return State(
        state.delivered, {**state.failures, whom: count + 1}, {**state.retry_at, whom: retry_at}
    )


def storm(message: Message) -> str:
    """Return what identifies the storm a message belongs to."""
    return f"{message['subject']}\n{message['key']}"


def payload(message: Message, topic: str) -> dict[str, Any]:
    """Return the JSON that ntfy's root URL takes (its docs/publish.md); longer text is cut.

    ntfy turns more than 4096 bytes of message into an attachment.
    """
    text = str(message["message"])
    if message["count"] > 1:
        text += f"\n({message['count']} times since {message['first_time']})"
    cut = text.encode()
    if len(cut) > 4000:
        text = cut[:3990].decode(errors="ignore") + " …"
    return {
        "topic": topic,
        "title": message["title"],
        "message": text,
        "priority": message["priority"],
        "tags": message["tags"],
    }


def complete(entry: Any) -> Message:
    """Return a spooled JSON value as a message with every field. Raise ValueError when it is none.

    Files may come from an older release.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("message"), str):
        raise ValueError("is no message")
    time = _text(entry.get("time") or clock.timestamp(0))
    return {
        "time": time,
        "subject": _text(entry.get("subject", "")),
        "title": _text(entry.get("title", "")),
        "message": _text(entry["message"]),
        "priority": int(entry.get("priority", 3)),
        "tags": [_text(tag) for tag in entry.get("tags") or []],
        "key": _text(entry.get("key", "")),
        "count": int(entry.get("count", 1)),
        "first_time": _text(entry.get("first_time") or time),
        "members": [str(name) for name in entry.get("members") or []],
    }


def _text(value: Any) -> str:
    """A file name that is no UTF-8 must not stop the queue for good."""
    return str(value).encode(errors="replace").decode()


def _folds(queue: Queue) -> list[Fold]:
    storms: dict[str, Queue] = {}
    for name, message in queue:
        if message["key"]:
            storms.setdefault(storm(message), []).append((name, message))
    folds = []
    for entries in storms.values():
        if len(entries) > 1:
            name, newest = entries[-1]
            whole = {
                **newest,
                "count": sum(message["count"] for _, message in entries),
                "first_time": entries[0][1]["first_time"],
                "priority": max(message["priority"] for _, message in entries),
                "members": [member for member, _ in entries[:-1]],
            }
            folds.append(Fold(name, whole, tuple(whole["members"])))
    return folds


def _held(message: Message, state: State, now: float) -> float:
    last = state.delivered.get(storm(message)) if message["key"] else None
    return 0.0 if last is None else last + STORM_WINDOW_SECONDS - now


def _until_retry(state: State, subject: str, now: float) -> float:
    latest = max(state.retry_at.get(whom, now) for whom in (EVERYBODY, subject))
    # A clock that was set back must not turn seconds into years.
    return 0.0 if latest - now > LONGEST_RETRY_SECONDS else latest - now


def _forget(state: State, now: float) -> State:
    recent = {
        name: moment
        for name, moment in state.delivered.items()
        if 0 <= now - moment < STORM_WINDOW_SECONDS
    }
    return state._replace(delivered=recent)


def _without(values: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}
