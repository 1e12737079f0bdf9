"""mediastack.notify_queue: order, folding, storm windows and back-off, as pure functions."""

import pytest

from mediastack import notify_queue
from mediastack.notify_queue import Done, Fold, Send, State, Wait

FRESH = State()


def message(text, subject="s", key="", **changes):
    entry = {"subject": subject, "title": "t", "message": text, "key": key, **changes}
    return notify_queue.complete({"time": "2026-01-01T00:00:00.000+00:00", **entry})


def queue(*messages):
    return [(f"{index:03}", entry) for index, entry in enumerate(messages)]


def action(entries, state=FRESH, now=1000.0):
    return notify_queue.step(entries, state, now)[0]


def test_empty_queue_is_done():
    assert action([]) == Done()


def test_oldest_goes_first():
    entries = queue(message("a"), message("b"))

    assert action(entries) == Send(*entries[0])


def test_waiting_messages_of_one_storm_become_one_with_count_and_highest_priority():
    entries = queue(
        message("first", key="k", priority=5), message("x"), message("last", key="k", count=3)
    )

    fold = action(entries)

    assert isinstance(fold, Fold) and fold.name == "002" and fold.members == ("000",)
    assert (fold.message["message"], fold.message["count"]) == ("last", 4)
    assert fold.message["priority"] == 5


def test_same_key_of_another_subject_is_another_storm_and_no_key_is_none():
    entries = queue(message("a", "s1", "k"), message("b", "s2", "k"), message("c"), message("d"))

    assert isinstance(action(entries), Send)


def test_within_the_window_after_a_delivery_the_storm_is_held_and_then_sent():
    entry = message("again", key="k")
    state = notify_queue.delivered(entry, State(), 1000.0)

    assert action(queue(entry), state, 1100.0) == Wait(200.0)
    assert isinstance(action(queue(entry), state, 1300.0), Send)


def test_held_storm_does_not_keep_other_subjects_waiting():
    entry = message("again", "s1", "k")
    state = notify_queue.delivered(entry, State(), 1000.0)

    assert action(queue(entry, message("other", "s2")), state, 1001.0).message["message"] == "other"


def test_held_storm_goes_early_when_its_subject_has_something_else_to_say():
    entry = message("again", key="k")
    state = notify_queue.delivered(entry, State(), 1000.0)

    assert action(queue(entry, message("b")), state, 1001.0).message["message"] == "again"


def test_clock_set_back_does_not_hold_a_storm():
    entry = message("again", key="k")
    state = notify_queue.delivered(entry, State(), 1_000_000.0)

    assert isinstance(action(queue(entry), state, 1000.0), Send)


def test_back_off_doubles_to_a_cap_with_jitter_and_ends_with_a_delivery():
    entry, state, waits = message("a"), State(), []
    for _ in range(12):
        state = notify_queue.failed(entry, state, 1000.0, 1.0, everybody=True)
        waits.append(action(queue(entry), state).seconds)
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0] + [120.0] * 6

    early = notify_queue.failed(entry, State(), 1000.0, 0.0, everybody=True)
    assert action(queue(entry), early) == Wait(1.0)
    assert isinstance(action(queue(entry), notify_queue.delivered(entry, state, 1000.0)), Send)


def test_refused_message_holds_up_its_own_subject_only():
    entries = queue(message("a", "s1"), message("b", "s1"), message("c", "s2"))
    one = notify_queue.failed(entries[0][1], State(), 1000.0, 1.0, everybody=False)
    all_ = notify_queue.failed(entries[0][1], State(), 1000.0, 1.0, everybody=True)

    assert action(entries, one).message["message"] == "c"
    assert action(entries, all_) == Wait(2.0)


def test_clock_set_back_during_a_back_off_does_not_wait_for_it_to_catch_up():
    entry = message("a")
    state = notify_queue.failed(entry, State(), 1_000_000.0, 1.0, everybody=True)

    assert isinstance(action(queue(entry), state, 1000.0), Send)


def test_payload_is_what_ntfys_root_url_takes():
    found = notify_queue.payload(message("text", priority=4, tags=["x"]), "mediastack")

    assert found == {
        "topic": "mediastack",
        "title": "t",
        "message": "text",
        "priority": 4,
        "tags": ["x"],
    }


def test_payload_of_a_storm_says_how_often_and_since_when():
    text = notify_queue.payload(message("text", count=7), "t")["message"]

    assert text == "text\n(7 times since 2026-01-01T00:00:00.000+00:00)"


def test_payload_longer_than_ntfy_takes_is_cut_at_a_character():
    text = notify_queue.payload(message("ü" * 5000), "t")["message"]

    assert 3900 < len(text.encode()) <= 4096 and text.endswith("ü …")


def test_text_that_is_no_unicode_still_makes_a_payload():
    assert notify_queue.payload(message("file \udcff"), "t")["message"] == "file ?"


@pytest.mark.parametrize("value", [None, [], "text", {}, {"message": 1}])
def test_value_that_is_no_message_is_refused(value):
    with pytest.raises(ValueError, match="is no message"):
        notify_queue.complete(value)
