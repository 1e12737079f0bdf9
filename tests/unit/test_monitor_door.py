"""Whatever goes wrong on the way to the healer is "unknown", in time; the next question works."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import door_house
import pytest
from door_house import Healer, line, wait
from monitor_house import House

from mediastack.monitor import door, firewall
from mediastack.monitor.door import Door, Ear


@pytest.fixture
def healer(tmp_path: Path) -> Iterator[Healer]:
    with door_house.healer(tmp_path) as made:
        yield made


def look_of(healer: Healer, look: Any) -> None:
    healer.answer = lambda request: line({"ok": True, "look": look})


def damaged(**changes: Any) -> Any:
    return {**House().look(), **changes}


def test_a_look_is_what_the_healer_says(healer: Healer) -> None:
    there = Door(healer.path)
    look_of(healer, House().look())
    assert there.look(False) == House().look()
    assert there.look(False) is not None
    assert healer.asked == [{"do": "look"}, {"do": "look"}]
    assert len(healer.connections) == 1


def test_a_look_does_not_wait_for_the_packet_filter_but_is_told_of_it(healer: Healer) -> None:
    docker, there = House(), Door(healer.path)

    def slow(request: Any) -> bytes:
        if request.get("firewall"):
            time.sleep(0.3)
        return line({"ok": True, "look": docker.look()})

    def look() -> Any:
        found = there.look(True)
        assert found is not None
        return found["firewall"]

    healer.answer = slow
    started = time.monotonic()
    assert look() is None and look() is None
    assert time.monotonic() - started < 0.2
    # The end of the probe wakes the loop, and is no result of an act.
    wait(lambda: _readable(there.ended))
    assert there.results() == []
    assert look() is True
    assert [one.get("firewall") for one in healer.asked].count(True) == 1
    # Another run of Gluetun is another packet filter.
    docker.now += 1.0
    docker.start_owner()
    assert look() is None


def test_what_is_known_of_the_packet_filter_grows_old(
    healer: Healer, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Door(healer.path)
    look_of(healer, House().look())
    there.look(True)
    wait(lambda: _readable(there.ended))
    monkeypatch.setattr(firewall, "AGAIN_SECONDS", 1e6)
    assert there.look(True)["firewall"] is True  # type: ignore[index]
    monkeypatch.setattr(firewall, "KNOWN_SECONDS", 0.0)
    assert there.look(True)["firewall"] is None  # type: ignore[index]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\n",
        b"no json\n",
        b"[1]\n",
        b'"text"\n',
        b'{"ok":false,"unknown":"Docker: 500"}\n',
        b'{"ok":false,"refused":"unknown key"}\n',
        b'{"ok":true}\n',
        b'{"ok":true,"look":null}\n',
        b"x" * (door.MAXIMUM_BYTES + 10),
        line({"ok": True, "look": damaged(schema=2)}),
        line({"ok": True, "look": damaged(owner="nobody")}),
        line({"ok": True, "look": damaged(services=[])}),
        line({"ok": True, "look": damaged(services={"gluetun": {"status": "running"}})}),
        line({"ok": True, "look": {"schema": 1}}),
        b'{"ok":true,"look":{}}\n{"more":1}\n',
        None,
    ],
)
def test_an_answer_that_says_nothing_is_unknown_and_the_next_one_counts(
    healer: Healer, answer: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "LOOK_SECONDS", 0.3)
    there = Door(healer.path)
    healer.answer = lambda request: answer
    assert there.look(False) is None
    look_of(healer, House().look())
    assert there.look(False) is not None


def test_a_healer_that_is_slow_in_pieces_is_unknown_after_the_deadline(
    healer: Healer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "LOOK_SECONDS", 0.3)

    def drip(request: Any) -> bytes:
        with contextlib.suppress(OSError, IndexError):
            for _ in range(20):
                healer.connections[-1].sendall(b" ")
                time.sleep(0.1)
        return b""

    healer.answer = drip
    started = time.monotonic()
    assert Door(healer.path).look(False) is None
    assert time.monotonic() - started < 1.0


def test_a_late_answer_is_not_taken_for_the_next_one(
    healer: Healer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "LOOK_SECONDS", 0.2)
    there = Door(healer.path)

    def late(request: Any) -> bytes:
        time.sleep(0.4)
        return line({"ok": True, "look": damaged(busy="late")})

    healer.answer = late
    assert there.look(False) is None
    look_of(healer, damaged(busy="present"))
    time.sleep(0.4)
    look = there.look(False)
    assert look is not None and look["busy"] == "present"


def test_nobody_there_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = Door(str(tmp_path / "none.sock"))
    for _ in range(3):
        assert there.look(False) is None
    # Said once, not every two seconds.
    assert capsys.readouterr().err.count("no look") == 1


def test_a_message_is_handed_over_whole(healer: Healer) -> None:
    message = {"number": 3, "kind": "held", "services": ["sonarr"]}
    assert Door(healer.path).tell(message)
    assert healer.asked == [{"do": "tell", **message}]


def test_a_message_waits_for_a_healer_but_not_for_one_that_refuses_it(healer: Healer) -> None:
    there = Door(healer.path)
    healer.answer = lambda request: None
    assert not there.tell({"number": 1, "kind": "held"})
    healer.answer = lambda request: line({"ok": False, "unknown": "disk full"})
    assert not there.tell({"number": 1, "kind": "held"})
    healer.answer = lambda request: line({"ok": False, "refused": "unknown kind"})
    taken = [there.tell({"number": 1, "kind": "held"}) for _ in range(door.REFUSALS)]
    assert taken == [False, False, True]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'{"ok":true,"failed":{}}\n', {"failed": {}, "busy": "", "unknown": ""}),
        (b'{"ok":true,"failed":{"a":"no"}}\n', {"failed": {"a": "no"}, "busy": "", "unknown": ""}),
        (b'{"ok":false,"busy":"deploy"}\n', {"failed": {}, "busy": "deploy", "unknown": ""}),
        (b'{"ok":false,"unknown":"500"}\n', {"failed": {}, "busy": "", "unknown": "500"}),
        (b'{"ok":false,"refused":"who?"}\n', {"failed": {}, "busy": "", "unknown": "who?"}),
        (None, {"failed": {}, "busy": "", "unknown": "the healer hung up"}),
    ],
)
def test_the_end_of_an_act_comes_as_a_result_and_a_byte(
    healer: Healer, answer: bytes | None, expected: dict[str, Any]
) -> None:
    there = Door(healer.path)
    healer.answer = lambda request: answer
    there.act({"verb": "hold", "services": ["a"]})
    wait(lambda: _readable(there.ended))
    assert there.results() == [{"verb": "hold", "services": ["a"], **expected}]
    assert not _readable(there.ended)
    assert there.results() == []
    assert healer.asked == [{"do": "act", "verb": "hold", "services": ["a"]}]


def test_looks_go_on_while_an_act_takes_its_time(healer: Healer) -> None:
    def slow(request: Any) -> bytes:
        if request["do"] == "act":
            time.sleep(0.5)
            return line({"ok": True, "failed": {}})
        return line({"ok": True, "look": House().look()})

    there = Door(healer.path)
    healer.answer = slow
    there.act({"verb": "hold", "services": ["a"]})
    wait(lambda: len(healer.asked) == 1)
    assert there.look(False) is not None
    assert there.results() == []
    wait(lambda: _readable(there.ended))
    assert len(there.results()) == 1


def _readable(descriptor: int) -> bool:
    import select

    return bool(select.select([descriptor], [], [], 0)[0])


def test_events_come_in_whole_lines(healer: Healer) -> None:
    ear = Ear(healer.path)
    assert ear.listen() and not ear.listen()
    wait(lambda: healer.listeners)
    assert healer.asked == [{"do": "listen"}]
    assert ear.events() == []
    healer.say(b'{"event":"die","serv')
    time.sleep(0.05)
    assert ear.events() == []
    healer.say(b'ice":"gluetun","at":5.5}\n{"event":"start"}\n')
    time.sleep(0.05)
    assert [one["event"] for one in ear.events()] == ["die", "start"]


def test_it_knows_that_it_is_deaf(healer: Healer) -> None:
    ear = Ear(healer.path)
    assert not ear.hears and ear.fileno() == -1 and ear.events() == []
    ear.listen()
    wait(lambda: healer.listeners)
    assert ear.hears
    healer.say({"event": "cut"})
    time.sleep(0.05)
    ear.events()
    assert not ear.hears
    healer.say({"event": "back"})
    time.sleep(0.05)
    ear.events()
    assert ear.hears
    healer.hang_up()
    time.sleep(0.05)
    assert ear.events() == [{"event": "cut"}]
    assert not ear.hears and ear.fileno() == -1
    assert ear.listen() and ear.hears


@pytest.mark.parametrize("nonsense", [b"no json\n", b"[]\n", b"x" * (door.MAXIMUM_BYTES * 2)])
def test_nonsense_ends_the_connection(healer: Healer, nonsense: bytes) -> None:
    ear = Ear(healer.path)
    ear.listen()
    wait(lambda: healer.listeners)
    healer.say(nonsense)
    found: list[Any] = []
    wait(lambda: found.extend(ear.events()) or ear.fileno() == -1)
    assert found == [{"event": "cut"}]


def test_nobody_to_listen_to_is_no_error(tmp_path: Path) -> None:
    assert not Ear(str(tmp_path / "none.sock")).listen()


def test_no_descriptor_is_left_behind(healer: Healer) -> None:
    there, ear = Door(healer.path), Ear(healer.path)
    healer.answer = lambda request: None
    there.look(False)
    before = len(os.listdir("/proc/self/fd")) - len(healer.connections)
    for _ in range(20):
        there.look(False)
        there.tell({"number": 1, "kind": "held"})
        there.act({"verb": "hold", "services": []})
        ear.listen()
        healer.hang_up()
        ear.events()
    ear.close()
    wait(lambda: len(there.results()) >= 0 and _threads() <= 3)
    wait(lambda: len(os.listdir("/proc/self/fd")) <= before + 3)


def _threads() -> int:
    import threading

    return sum("_act" in thread.name for thread in threading.enumerate())
