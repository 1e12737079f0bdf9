"""mediastack.notify: a message is in the spool, whole, or on stderr; nothing is raised."""

import fcntl
import json
import os
import stat
import time

import pytest

from mediastack import config, notify


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
        "at_once": False,
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


def test_order_outlives_an_empty_spool_a_reboot_and_a_damaged_record(spool, monkeypatch):
    found = []
    for index, moment in enumerate([9_000, 8_000, 7_000, 6_000]):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
        if index == 2:
            # As after a boot: the record is of another one.
            with open(f"{spool}/newest", "w") as stream:
                stream.write("another-boot 00000000000000000001\n")
        if index == 3:
            os.truncate(f"{spool}/newest", 3)
        notify.send("a", "b", str(index), spool=spool)
        found.append(max(os.listdir(f"{spool}/new")))
        if index == 0:
            os.unlink(f"{spool}/new/{found[0]}")

    assert found == sorted(found)


def test_a_record_that_somebody_holds_locked_keeps_nobody(spool, monkeypatch):
    notify.send("a", "b", "0", spool=spool)
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    with open(f"{spool}/newest") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        notify.send("a", "b", "1", spool=spool)

    assert [message["message"] for message in waiting(spool)] == ["0", "1"]


def test_what_waits_is_not_looked_through(spool, monkeypatch):
    notify.send("a", "b", "0", spool=spool)
    listed = []
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(path) or real(path))

    notify.send("a", "b", "1", spool=spool)

    assert listed == []


def test_what_is_not_spooled_is_masked_on_stderr(spool, tmp_path, monkeypatch, capsys):
    secret = tmp_path / "etc" / "secrets" / "sonarr" / "api_key"
    secret.parent.mkdir(parents=True)
    secret.write_text("canary-of-sonarr")
    monkeypatch.setattr(config, "paths", lambda: {"etc": str(tmp_path / "etc")})
    (tmp_path / "state").write_text("")

    notify.send("a", "b", "key canary-of-sonarr", spool=spool)

    assert "key REDACTED" in capsys.readouterr().err


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
