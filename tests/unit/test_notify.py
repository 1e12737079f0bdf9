"""mediastack.notify: a message is in the spool, whole, or on stderr; nothing is raised."""

import json
import os
import stat
import time

import pytest

from mediastack import notify


@pytest.fixture
def spool(tmp_path):
    return str(tmp_path / "state" / "spool")


def waiting(spool):
    found = []
    for name in sorted(os.listdir(f"{spool}/new")):
        with open(f"{spool}/new/{name}") as stream:
            found.append(json.load(stream))
    return found


def test_message_is_spooled_with_everything_in_it(spool):
    notify.send(
        "vpn", "Title", "Text ü", priority=5, tags=("warning",), key="vpn-down", spool=spool
    )

    (found,) = waiting(spool)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "subject": "vpn",
        "title": "Title",
        "message": "Text ü",
        "priority": 5,
        "tags": ["warning"],
        "key": "vpn-down",
    }


def test_spool_is_private_and_nothing_is_left_in_tmp(spool):
    notify.send("a", "b", "c", spool=spool)

    (name,) = os.listdir(f"{spool}/new")
    assert stat.S_IMODE(os.stat(f"{spool}/new/{name}").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(spool).st_mode) == 0o700
    assert os.listdir(os.path.join(spool, "tmp")) == []


def test_messages_sort_in_the_order_of_sending_also_when_the_clock_is_set_back(spool, monkeypatch):
    moments = [5_000, 4_000, 4_000, 9_000, 1]
    for index, moment in enumerate(moments):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
        notify.send("a", "b", str(index), spool=spool)

    assert [message["message"] for message in waiting(spool)] == list("01234")


@pytest.mark.parametrize(("given", "spooled"), [(0, 1), (9, 5), (4, 4)])
def test_priority_stays_within_what_ntfy_takes(spool, given, spooled):
    notify.send("a", "b", "c", priority=given, spool=spool)

    assert waiting(spool)[0]["priority"] == spooled


@pytest.mark.parametrize("obstacle", ["file in the way", "priority", "fsync"])
def test_send_never_raises_and_says_on_stderr_what_it_could_not_spool(
    spool, tmp_path, monkeypatch, capsys, obstacle
):
    priority = 3
    if obstacle == "file in the way":
        (tmp_path / "state").write_text("")
    elif obstacle == "priority":
        priority = "high"
    else:
        monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))

    notify.send("vpn", "Title", "the text", priority=priority, spool=spool)

    assert "the text" in capsys.readouterr().err
    if obstacle == "fsync":
        assert os.listdir(f"{spool}/new") == []
