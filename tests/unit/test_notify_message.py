"""mediastack.notify_message: what ntfy is sent, however much became one message."""

import pytest

from mediastack import notify_message


def message(text, subject="s", key="", **changes):
    entry = {"subject": subject, "title": "t", "message": text, "key": key, **changes}
    return notify_message.complete({"time": "2026-01-01T00:00:00.000+00:00", **entry})


def test_payload_is_what_ntfys_root_url_takes():
    found = notify_message.payload(message("text", priority=4, tags=["x"]), "mediastack")

    assert found == {
        "topic": "mediastack",
        "title": "t",
        "message": "text",
        "priority": 4,
        "tags": ["x"],
    }


def test_payload_of_a_storm_says_how_often_and_since_when():
    text = notify_message.payload(message("text", count=7), "t")["message"]

    assert text == "text\n(7 times since 2026-01-01T00:00:00.000+00:00)"


def test_payload_of_a_storm_names_what_was_short_and_different():
    storm = [message(text) for text in ("S01E01", "S01E02", "S01E01", "x" * 200, "two\nlines")]
    whole = notify_message.folded([*storm, message("S01E03")])

    text = notify_message.payload(whole, "t")["message"]

    assert text.startswith("S01E01\nS01E02\nS01E03\n(6 times since")
    again = notify_message.folded([notify_message.complete(whole), message("S01E04")])
    assert notify_message.payload(again, "t")["message"].startswith(
        "S01E01\nS01E02\nS01E03\nS01E04"
    )
    assert again["count"] == 7


def test_payload_of_a_storm_of_long_texts_is_the_newest_alone():
    whole = notify_message.folded([message("short"), message("long " * 50)])

    assert notify_message.payload(whole, "t")["message"].startswith("long long")


def test_a_storm_of_a_thousand_names_is_cut_to_the_newest():
    whole = notify_message.folded([message(f"S01E{number}") for number in range(1000)])

    assert len(whole["also"]) == 9
    assert notify_message.payload(whole, "t")["message"].startswith("S01E990\nS01E991")


def test_payload_longer_than_ntfy_takes_is_cut_at_a_character():
    text = notify_message.payload(message("ü" * 5000), "t")["message"]

    assert 3900 < len(text.encode()) <= 4096 and text.endswith("ü …")


def test_a_title_is_cut_too():
    assert len(notify_message.payload(message("x", title="ü" * 500), "t")["title"]) < 130


def test_what_had_to_wait_is_a_list_below_oldest_first():
    whole = notify_message.taking_along(
        message("now", priority=2), [message("a\nb", title="A", priority=3), message("c", count=4)]
    )

    assert notify_message.payload(whole, "t")["message"] == (
        "now\n\nBefore that:\n- A: a b\n- t: c (4 times)"
    )
    assert whole["priority"] == 3


def test_what_has_no_room_is_counted():
    whole = notify_message.taking_along(message("now"), [message("ü" * 100)] * 1000)
    text = notify_message.payload(whole, "t")["message"]

    shown = text.count("- t: ")
    assert 10 < shown < 30
    assert text.endswith(f"\n- and {1000 - shown} more")
    assert len(text.encode()) <= 4096


def test_long_text_leaves_no_room_for_what_was_before():
    whole = notify_message.taking_along(message("x" * 5000), [message("a")] * 3)

    text = notify_message.payload(whole, "t")["message"]

    assert text.endswith("- and 3 more") and len(text.encode()) <= 4096


def test_text_that_is_no_unicode_still_makes_a_payload():
    assert notify_message.payload(message("file \udcff"), "t")["message"] == "file ?"


def test_a_message_of_an_older_release_is_whole():
    old = {"time": "2026-01-01T00:00:00.000+00:00", "subject": "s", "title": "t", "message": "m"}

    found = notify_message.complete({**old, "count": 3, "members": ["001"]})

    assert (found["count"], found["members"], found["at_once"]) == (3, ["001"], False)


@pytest.mark.parametrize("value", [None, [], "text", {}, {"message": 1}])
def test_value_that_is_no_message_is_refused(value):
    with pytest.raises(ValueError, match="is no message"):
        notify_message.complete(value)
