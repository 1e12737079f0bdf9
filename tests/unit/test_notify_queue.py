"""mediastack.notify_queue: order, folding, storm windows, quiet hours, back-off; pure functions."""

import zoneinfo
from datetime import datetime

from mediastack import notify_message, notify_queue
from mediastack.notify_queue import Fold, Plan, Send, State
from mediastack.quiet_hours import Hours

FRESH = State()
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
NIGHT = Hours(22 * 60, 7 * 60, BERLIN)


def message(text, subject="s", key="", **changes):
    entry = {"subject": subject, "title": "t", "message": text, "key": key, **changes}
    return notify_message.complete({"time": "2026-01-01T00:00:00.000+00:00", **entry})


def queue(*messages):
    return [(f"{index:03}", entry) for index, entry in enumerate(messages)]


def plan(entries, state=FRESH, now=1000.0, hours=None):
    return notify_queue.plan(entries, state, now, hours)


def texts(entries, state=FRESH, now=1000.0, hours=None):
    """What is sent, each with what it takes along before it."""
    return [
        [*(one["message"] for one in send.message["before"]), send.message["message"]]
        for send in plan(entries, state, now, hours).sends
    ]


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def test_empty_queue_needs_nothing():
    assert plan([]) == Plan((), (), None)


def test_oldest_goes_first_whoever_says_it():
    entries = queue(message("a", "s1"), message("b", "s2"), message("c", "s1"))

    assert texts(entries) == [["a"], ["b"], ["c"]]
    assert plan(entries).sends[0] == Send(("000",), entries[0][1])


def test_waiting_messages_of_one_storm_are_one_with_count_and_highest_priority():
    entries = queue(
        message("first", key="k", priority=5), message("x"), message("last", key="k", count=3)
    )

    sends = plan(entries).sends

    assert [send.names for send in sends] == [("001",), ("000", "002")]
    assert (sends[1].message["message"], sends[1].message["count"]) == ("last", 4)
    assert sends[1].message["priority"] == 5


def test_a_storm_of_many_files_becomes_one_file_first():
    entries = queue(*[message(str(index), key="k") for index in range(20)])

    (fold,) = plan(entries).folds

    assert isinstance(fold, Fold) and fold.name == "019" and len(fold.members) == 19
    assert fold.message["count"] == 20 and fold.message["members"] == list(fold.members)
    assert plan(entries[:16]).folds == ()


def test_same_key_of_another_subject_is_another_storm_and_no_key_is_none():
    entries = queue(message("a", "s1", "k"), message("b", "s2", "k"), message("c"), message("c"))

    assert texts(entries) == [["a"], ["b"], ["c"], ["c"]]


def test_within_the_window_after_a_delivery_the_storm_is_held_and_then_sent():
    entry = message("again", key="k")
    state = notify_queue.delivered(entry, State(), 1000.0)

    assert plan(queue(entry), state, 1100.0) == Plan((), (), 200.0)
    assert texts(queue(entry), state, 1300.0) == [["again"]]


def test_held_storm_does_not_keep_other_subjects_waiting():
    entry = message("again", "s1", "k")
    state = notify_queue.delivered(entry, State(), 1000.0)

    assert texts(queue(entry, message("other", "s2")), state, 1001.0) == [["other"]]


def test_held_storm_is_taken_along_when_its_subject_has_something_else_to_say():
    entry = message("again", key="k")
    state = notify_queue.delivered(entry, State(), 1000.0)
    entries = queue(entry, message("b", priority=5), message("c"))

    assert texts(entries, state, 1001.0) == [["again", "b"], ["c"]]
    assert plan(entries, state, 1001.0).sends[0].names == ("000", "001")


def test_clock_set_back_does_not_hold_a_storm():
    entry = message("again", key="k")
    state = notify_queue.delivered(entry, State(), 1_000_000.0)

    assert texts(queue(entry), state, 1000.0) == [["again"]]


def test_what_is_urgent_goes_before_a_thousand_others_but_not_before_its_own_subject():
    entries = queue(
        *[message(str(index), f"s{index}") for index in range(1000)],
        message("first", "vpn"),
        message("urgent", "vpn", priority=5),
    )

    assert texts(entries)[:3] == [["first"], ["urgent"], ["0"]]


def test_at_night_only_what_is_urgent_goes_and_takes_the_rest_of_its_subject_along():
    entries = queue(message("a", "s1"), message("b", "s2"), message("c", "s2", priority=4))
    now = at("2026-03-03T23:00")

    assert texts(entries, now=now, hours=NIGHT) == [["b", "c"]]
    assert plan(entries, now=now, hours=NIGHT).wait == 60.0
    assert texts(queue(message("test", at_once=True)), now=now, hours=NIGHT) == [["test"]]


def test_in_the_morning_each_subject_is_one_message():
    def came(text, when, subject="s1"):
        moment = datetime.fromisoformat(when).replace(tzinfo=BERLIN)
        return message(text, subject, time=moment.isoformat(timespec="milliseconds"))

    entries = queue(
        came("a", "2026-03-03T23:00"),
        came("b", "2026-03-04T03:00"),
        came("x", "2026-03-04T04:00", "s2"),
        came("c", "2026-03-04T06:59"),
        came("d", "2026-03-04T07:00"),
    )

    assert texts(entries, now=at("2026-03-04T07:00"), hours=NIGHT) == [
        ["x"],
        ["a", "b", "c"],
        ["d"],
    ]


def test_back_off_doubles_to_a_cap_with_jitter_and_ends_with_a_delivery():
    entry, state, waits = message("a"), State(), []
    for _ in range(12):
        state = notify_queue.failed(entry, state, 1000.0, 1.0, everybody=True)
        waits.append(plan(queue(entry), state).wait)
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0] + [120.0] * 6

    early = notify_queue.failed(entry, State(), 1000.0, 0.0, everybody=True)
    assert plan(queue(entry), early).wait == 1.0
    assert texts(queue(entry), notify_queue.delivered(entry, state, 1000.0)) == [["a"]]


def test_refused_message_holds_up_its_own_subject_only():
    entries = queue(message("a", "s1"), message("b", "s1"), message("c", "s2"))
    one = notify_queue.failed(entries[0][1], State(), 1000.0, 1.0, everybody=False)
    all_ = notify_queue.failed(entries[0][1], State(), 1000.0, 1.0, everybody=True)

    assert texts(entries, one) == [["c"]]
    assert plan(entries, all_) == Plan((), (), 2.0)


def test_three_subjects_refused_in_a_row_hold_up_everybody():
    state = State()
    for subject in ("s1", "s2", "s3"):
        assert not notify_queue.is_away(state, 1000.0)
        state = notify_queue.failed(message("a", subject), state, 1000.0, 1.0, everybody=False)

    assert notify_queue.is_away(state, 1000.0)
    assert texts(queue(message("a", "s4")), state) == []


def test_one_subject_that_is_refused_again_and_again_holds_up_nobody_else():
    state = State()
    for _ in range(9):
        state = notify_queue.failed(message("a", "s1"), state, 1000.0, 1.0, everybody=False)

    assert texts(queue(message("b", "s2")), state) == [["b"]]


def test_clock_set_back_during_a_back_off_does_not_wait_for_it_to_catch_up():
    entry = message("a")
    state = notify_queue.failed(entry, State(), 1_000_000.0, 1.0, everybody=True)

    assert texts(queue(entry), state, 1000.0) == [["a"]]
