"""The loop wakes at once for what matters, and no storm makes it look more than so often."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import door_house
import pytest
from door_house import Healer, wait

from mediastack.monitor import wakeups
from mediastack.monitor.door import Door, Ear
from mediastack.monitor.wakeups import Wakeups


@pytest.fixture
def healer(tmp_path: Path) -> Iterator[Healer]:
    with door_house.healer(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The signals are the process's, and pytest has its own."""
    numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


class Loop:
    """The poll set with its ear and its door; `wait` measures."""

    def __init__(self, path: str) -> None:
        self.door, self.ear = Door(path), Ear(path)
        self.wakes = Wakeups(self.ear, self.door.ended)

    def wait(self, seconds: float) -> tuple[float, wakeups.Woken]:
        started = time.monotonic()
        woken = self.wakes.wait(seconds)
        return time.monotonic() - started, woken


@pytest.fixture
def loop(healer: Healer) -> Loop:
    made = Loop(healer.path)
    wait(lambda: healer.listeners)
    made.wait(0.0)
    made.wait(0.0)
    return made


def test_without_anything_it_sleeps_as_long_as_it_may(loop: Loop) -> None:
    took, woken = loop.wait(0.2)
    assert 0.2 <= took < 0.4
    assert woken == (False, None)


def test_an_event_wakes_at_once_and_brings_its_time(loop: Loop, healer: Healer) -> None:
    healer.say({"event": "die", "service": "gluetun", "at": 1.5})
    healer.say({"event": "start", "service": "gluetun", "at": 2.5})
    took, woken = loop.wait(5.0)
    assert took < 0.05
    assert woken.event_at == 1.5


def test_a_signal_that_was_sent_to_a_container_wakes_nobody(loop: Loop, healer: Healer) -> None:
    # It would spend the look that belongs to the end a few milliseconds later.
    healer.say({"event": "kill", "service": "gluetun", "at": 1.0})
    took, woken = loop.wait(0.2)
    assert took >= 0.2
    assert woken.event_at is None


def test_what_an_act_of_ours_does_wakes_nobody(loop: Loop, healer: Healer) -> None:
    # Nine starts would be nine looks, and the one that matters would have to wait for them.
    started = time.monotonic()
    healer.say({"event": "start", "service": "sonarr", "at": 1.0})
    loop.wakes.wait(0.2, ["sonarr", "radarr"])
    assert time.monotonic() - started >= 0.2
    healer.say({"event": "die", "service": "gluetun", "at": 2.0})
    assert loop.wakes.wait(5.0, ["sonarr", "radarr"]).event_at == 2.0


def test_the_end_of_a_process_wakes_at_once_without_docker(
    loop: Loop, healer: Healer, child: subprocess.Popen[bytes]
) -> None:
    loop.wakes.watch([child.pid, 0])
    healer.close()
    loop.wait(0.0)
    loop.wait(0.0)
    child.kill()
    took, woken = loop.wait(5.0)
    assert took < 0.2
    assert woken == (False, None)
    # Docker may still list it: that must not keep us busy.
    loop.wakes.watch([child.pid])
    assert loop.wait(0.3)[0] >= 0.3


def test_a_process_that_ended_before_it_was_watched_wakes_once(loop: Loop) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    loop.wakes.watch([gone.pid])
    assert loop.wait(1.0)[0] < 0.1
    loop.wakes.watch([gone.pid])
    assert loop.wait(0.2)[0] >= 0.2


def test_processes_that_are_not_in_the_last_look_are_forgotten(
    loop: Loop, child: subprocess.Popen[bytes]
) -> None:
    loop.wakes.watch([child.pid])
    before = len(os.listdir("/proc/self/fd"))
    loop.wakes.watch([])
    assert len(os.listdir("/proc/self/fd")) == before - 1
    child.kill()
    assert loop.wait(0.2)[0] >= 0.2


def test_the_end_of_an_act_wakes(loop: Loop, healer: Healer) -> None:
    loop.door.act({"verb": "hold", "services": ["a"]})
    took, _ = loop.wait(5.0)
    assert took < 1.0
    assert len(loop.door.results()) == 1


def test_sighup_wakes_and_sigterm_ends(loop: Loop) -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    assert loop.wait(5.0)[1] == (False, None)
    os.kill(os.getpid(), signal.SIGTERM)
    assert loop.wait(5.0)[1].end


def test_a_storm_is_not_a_storm_of_looks(loop: Loop, healer: Healer) -> None:
    looks, until = 0, time.monotonic() + 1.0
    first = None
    while time.monotonic() < until:
        healer.say({"event": "start", "service": "gluetun", "at": 1.0})
        took, _ = loop.wait(1.0)
        first = took if first is None else first
        looks += 1
    assert first is not None and first < 0.05
    assert looks <= wakeups.PASSES_AT_ONCE + wakeups.PASSES_PER_SECOND + 2


def test_what_was_missed_while_deaf_is_looked_for(loop: Loop, healer: Healer) -> None:
    healer.hang_up()
    took, _ = loop.wait(5.0)
    assert took < 0.1
    # It listens again soon, and looks then.
    took, _ = loop.wait(5.0)
    assert took < 1.5
    assert loop.ear.hears
    assert loop.wait(0.2)[0] >= 0.2


def test_a_healer_that_hangs_up_on_everybody_does_not_keep_it_busy(
    loop: Loop, healer: Healer
) -> None:
    healer.close()
    passes, until = 0, time.monotonic() + 1.5
    while time.monotonic() < until:
        loop.wait(2.0)
        passes += 1
    assert passes <= 4


def test_a_socket_that_comes_later_is_found(tmp_path: Path) -> None:
    loop = Loop(str(tmp_path / "healer.sock"))
    assert loop.wait(0.1)[0] >= 0.1
    with door_house.healer(tmp_path):
        took, _ = loop.wait(5.0)
    assert took < 1.5
    assert loop.ear.hears


def test_pids_of_a_look_are_those_of_its_containers() -> None:
    look: Any = {"services": {"a": {"pid": 5}, "b": {"pid": 0}, "c": {"pid": None}}}
    assert wakeups.pids(look) == [5, 0]
    assert wakeups.pids(look, ["a"]) == [0]
