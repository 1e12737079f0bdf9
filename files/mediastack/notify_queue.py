"""What the sender does next: pure, so that a simulation can try every order and every failure.

The queue is a list of (name, message) in the order of sending. Messages of one subject leave in
that order. Messages of one subject and key are one storm: they leave as the newest with a count,
and not twice within a storm window. In quiet hours what is not urgent waits, and what came in then
leaves afterwards as one message for each subject. When something of a subject may go while an
earlier message of it has to wait, it takes that along (notify_message): so order, storm window and
quiet hours all hold at once, and nothing urgent waits for any of them. A failed delivery is tried
again after an exponential back-off: for its subject alone when the server refused this message, for
all when the server is away or refuses one subject after another. Everything here is linear in the
length of the queue: thousands may wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from mediastack import clock, notify_message, quiet_hours
from mediastack.notify_message import Message, storm
from mediastack.quiet_hours import URGENT, Hours

STORM_WINDOW_SECONDS = 300.0
FIRST_RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 120.0
# So many subjects refused in a row: it is not the message.
REFUSALS_OF_ALL = 3
# In quiet hours one looks at the clock again after so long.
QUIET_LOOK_SECONDS = 60.0
# So many files of one storm become one file.
FILES_OF_A_STORM = 16
EVERYBODY = ""

Queue = Sequence[tuple[str, Message]]
Entry = tuple[tuple[str, ...], Message]


class State(NamedTuple):
    """What the sender remembers: delivery times per storm (seconds), failures and retry times, and
    the subjects that were refused since the last delivery.

    Its dictionaries are never changed in place.
    """

    delivered: dict[str, float] = {}
    failures: dict[str, int] = {}
    retry_at: dict[str, float] = {}
    refused: frozenset[str] = frozenset()


class Fold(NamedTuple):
    """Replace the file `name` by this message, which stands for `members` too; remove those."""

    name: str
    message: Message
    members: tuple[str, ...]


class Send(NamedTuple):
    """Deliver this message, which stands for all these files."""

    names: tuple[str, ...]
    message: Message


class Plan(NamedTuple):
    """What to fold on the disk first, what to send in this order, and in how many seconds something
    that has to wait may go (None: nothing waits)."""

    folds: tuple[Fold, ...]
    sends: tuple[Send, ...]
    wait: float | None


def plan(queue: Queue, state: State, now: float, hours: Hours | None = None) -> Plan:
    """Return what there is to do for this queue at `now` (seconds since the epoch)."""
    subjects: dict[str, list[Entry]] = {}
    folds: list[Fold] = []
    for names, message in _storms(queue):
        subjects.setdefault(message["subject"], []).append((names, message))
        if len(names) > FILES_OF_A_STORM:
            whole = {**message, "members": list(names[:-1])}
            folds.append(Fold(names[-1], whole, names[:-1]))
    sends: list[Send] = []
    waits: list[float] = []
    quiet = quiet_hours.within(hours, now)
    for subject, entries in subjects.items():
        if (retry := _until_retry(state, subject, now)) > 0:
            waits.append(retry)
            continue
        held = [_held(message, state, now, quiet=quiet) for _, message in entries]
        sends += _sends(entries, held, hours)
        waits += [one for one in held if one > 0]
    # What is urgent goes before a thousand others, and what came before it goes with it.
    pressing = {one.message["subject"] for one in sends if _is_urgent(one.message)}
    sends.sort(key=lambda one: (one.message["subject"] not in pressing, one.names[-1]))
    return Plan(tuple(folds), tuple(sends), min(waits, default=None))


def delivered(message: Message, state: State, now: float) -> State:
    """Return the state after a delivery: the storm window opens, back-offs are over."""
    times = {**state.delivered, name: now} if (name := storm(message)) else state.delivered
    if not state.failures and not state.retry_at:
        return State(times)
    cleared = (EVERYBODY, message["subject"])
    return State(times, _without(state.failures, cleared), _without(state.retry_at, cleared))


def failed(message: Message, state: State, now: float, jitter: float, *, everybody: bool) -> State:
    """Return the state after a failed delivery; `jitter` is a random number from 0 to 1."""
    refused = state.refused | {message["subject"]}
    whom = message["subject"]
    if everybody or len(refused) >= REFUSALS_OF_ALL:
        whom = EVERYBODY
    count = state.failures.get(whom, 0)
    longest = min(FIRST_RETRY_SECONDS * 2 ** min(count, 20), LONGEST_RETRY_SECONDS)
    # Between half and all of it: senders of several hosts must not come back in step.
    retry_at = now + longest * (0.5 + jitter / 2)
    return State(
        state.delivered,
        {**state.failures, whom: count + 1},
        {**state.retry_at, whom: retry_at},
        refused,
    )


def is_away(state: State, now: float) -> bool:
    """Whether nobody's messages are to be tried now."""
    return _until_retry(state, EVERYBODY, now) > 0


def recent(times: dict[str, float], now: float) -> dict[str, float]:
    """Return the delivery times whose storm window is still open."""
    return {
        name: moment for name, moment in times.items() if 0 <= now - moment < STORM_WINDOW_SECONDS
    }


def _storms(queue: Queue) -> Iterable[Entry]:
    """The queue with each storm as one message, in the place of its newest."""
    storms: dict[str, list[tuple[str, Message]]] = {}
    for name, message in queue:
        # A name is no storm's name: those have a line break.
        storms.setdefault(storm(message) or name, []).append((name, message))
    entries = [
        (tuple(name for name, _ in members), notify_message.folded([one for _, one in members]))
        if len(members) > 1
        else ((members[0][0],), members[0][1])
        for members in storms.values()
    ]
    return sorted(entries, key=lambda entry: entry[0][-1])


def _sends(entries: list[Entry], held: list[float], hours: Hours | None) -> list[Send]:
    """What may go of one subject; those before the last of them go along with one of them."""
    free = [index for index, seconds in enumerate(held) if seconds <= 0]
    sends: list[Send] = []
    earlier: list[Entry] = []
    for index in range(free[-1] + 1 if free else 0):
        of_the_night = index < free[-1] and all(
            _came_in_quiet(message, hours) for _, message in entries[index : index + 2]
        )
        if held[index] > 0 or of_the_night:
            earlier.append(entries[index])
            continue
        names, message = entries[index]
        along = tuple(name for earlier_names, _ in earlier for name in earlier_names)
        whole = notify_message.taking_along(message, [one for _, one in earlier])
        sends.append(Send((*along, *names), whole))
        earlier = []
    return sends


def _held(message: Message, state: State, now: float, *, quiet: bool) -> float:
    """For how many seconds it has to wait; 0 or less: not."""
    last = state.delivered.get(name) if (name := storm(message)) else None
    # A clock that was set back must not stretch a window.
    within = last is not None and 0 <= now - last < STORM_WINDOW_SECONDS
    window = last + STORM_WINDOW_SECONDS - now if last is not None and within else 0.0
    return max(window, QUIET_LOOK_SECONDS if quiet and not _is_urgent(message) else 0.0)


def _is_urgent(message: Message) -> bool:
    return bool(message["priority"] >= URGENT or message["at_once"])


def _came_in_quiet(message: Message, hours: Hours | None) -> bool:
    if hours is None or _is_urgent(message):
        return False
    try:
        return quiet_hours.within(hours, clock.seconds(message["time"]))
    except ValueError:
        return False


def _until_retry(state: State, subject: str, now: float) -> float:
    latest = max(state.retry_at.get(whom, now) for whom in (EVERYBODY, subject))
    # A clock that was set back must not turn seconds into years.
    return 0.0 if latest - now > LONGEST_RETRY_SECONDS else latest - now


def _without(values: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}
