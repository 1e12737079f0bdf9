"""mediastack.notify_sender: nothing lost, order kept per subject, whatever fails or is killed."""

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediastack import notify, notify_sender
from mediastack.notify_sender import Result


@pytest.fixture
def spool(tmp_path):
    return str(tmp_path / "spool")


def names(spool, part):
    return sorted(os.listdir(os.path.join(spool, part)))


class Killed(BaseException):
    """SIGKILL, as far as Python can play it."""


class World:
    """A clock that only sleeping moves, messages that arrive meanwhile, a server with moods."""

    def __init__(self, spool, arrivals=(), moods=()):
        self.spool, self.time = spool, 1_000_000.0
        self.arrivals, self.moods = list(arrivals), list(moods)
        self.taken, self.refused, self.sent, self.by_itself = [], [], [], []
        self.set_aside = 0
        notify.make_directories(spool)

    def now(self):
        return self.time

    def sleep(self, seconds):
        assert seconds > 0
        self.time += max(seconds, 0.001)
        self.arrive()

    def arrive(self):
        while self.arrivals and self.arrivals[0][0] <= self.time - 1_000_000.0:
            _, subject, key = self.arrivals.pop(0)
            self.send(subject, key)

    def send(self, subject, key=""):
        number = len(self.sent)
        self.sent.append((subject, key))
        notify.send(subject, "t", str(number), key=key, spool=self.spool)

    def deliver(self, message):
        mood = self.moods.pop(0) if self.moods else "ok"
        self.time += 0.1
        whole = [
            (message["subject"], int(one["message"]), one["count"])
            for one in (*message["before"], message)
        ]
        if mood in ("ok", "killed after"):
            self.taken += whole
            self.by_itself.append((self.time, message["subject"], message["key"]))
        if mood == "poison":
            self.refused += whole
            self.set_aside += 1
        if mood.startswith("killed"):
            raise Killed
        self.arrive()
        return Result(mood, mood)

    def drain(self):
        return notify_sender.drain(
            self.spool, self.deliver, now=self.now, sleep=self.sleep, jitter=lambda: 0.5
        )


def too_soon(deliveries):
    """Messages of one storm that came within the window of the one before."""
    last, found = {}, []
    for moment, subject, key in deliveries:
        if key and moment - last.get((subject, key), -1e9) < 300:
            found.append((moment, subject, key))
        last[(subject, key)] = moment
    return found


ARRIVAL = st.tuples(
    st.integers(0, 1500), st.sampled_from(["vpn", "disk"]), st.sampled_from(["", "", "a", "b"])
)
MOOD = st.sampled_from(["ok", "ok", "ok", "later", "away", "poison"])
DEADLY = st.sampled_from(["ok", "ok", "later", "away", "killed before", "killed after"])


@settings(max_examples=60, deadline=None)
@given(arrivals=st.lists(ARRIVAL, max_size=25), moods=st.lists(MOOD, max_size=25))
def test_nothing_is_lost_and_order_is_kept_per_subject(tmp_path_factory, arrivals, moods):
    world = World(str(tmp_path_factory.mktemp("x") / "spool"), sorted(arrivals), moods)
    while world.arrivals:
        world.time = max(world.time, 1_000_000.0 + world.arrivals[0][0])
        world.arrive()
        assert world.drain()

    ended = world.taken + world.refused
    assert sum(count for _, _, count in ended) == len(world.sent)
    for subject in ("vpn", "disk"):
        mine = [number for whose, number, _ in world.taken if whose == subject]
        assert mine == sorted(set(mine))
    for number, (subject, key) in enumerate(world.sent):
        alone = [entry for entry in ended if entry[:2] == (subject, number)]
        later = [
            other
            for whose, other, count in ended
            if whose == subject
            and other > number
            and count > 1
            and world.sent[other] == (subject, key)
        ]
        assert alone or (key and later)
    assert names(world.spool, "new") == []
    assert len(names(world.spool, "failed")) == world.set_aside
    assert not too_soon(world.by_itself)


@settings(max_examples=60, deadline=None)
@given(arrivals=st.lists(ARRIVAL, max_size=15), moods=st.lists(DEADLY, max_size=15))
def test_killed_sender_loses_nothing(tmp_path_factory, arrivals, moods):
    world = World(str(tmp_path_factory.mktemp("x") / "spool"), sorted(arrivals), moods)
    kills = sum(mood == "killed after" for mood in moods)
    while world.arrivals or names(world.spool, "new"):
        if world.arrivals:
            world.time = max(world.time, 1_000_000.0 + world.arrivals[0][0])
        world.arrive()
        try:
            assert world.drain()
        except Killed:
            continue

    newest = {}
    for number, storm in enumerate(world.sent):
        if storm[1]:
            newest[storm] = number
        else:
            assert storm[0] in [whose for whose, taken, _ in world.taken if taken == number]
    for storm, number in newest.items():
        assert number in [taken for whose, taken, _ in world.taken if whose == storm[0]]
    assert sum(count for _, _, count in world.taken) >= len(world.sent)
    repeated = len(world.taken) - len({entry[:2] for entry in world.taken})
    # What a kill repeats is one message, with all that it took along.
    assert repeated <= kills * 15


def test_storm_of_a_thousand_is_two_messages(spool):
    world = World(spool, [(index / 20, "vpn", "down") for index in range(1000)])
    world.arrive()

    assert world.drain()

    assert [count for _, _, count in world.taken] == [1, 999]
    assert world.time - 1_000_000.0 < 310


def test_storm_window_outlives_the_sender(spool):
    world = World(spool)
    world.send("vpn", "down")
    world.drain()
    for _ in range(3):
        world.send("vpn", "down")
    started = world.time

    world.drain()

    assert [count for _, _, count in world.taken] == [1, 3]
    assert world.time - started > 290


def test_server_that_is_away_for_an_hour_delays_and_loses_nothing(spool):
    world = World(spool)
    for _ in range(5):
        world.send("vpn")
    world.moods = ["away"] * 1000
    runs = 0
    while not world.drain():
        runs += 1
        if runs == 4:
            world.moods = []
    assert [number for _, number, _ in world.taken] == [0, 1, 2, 3, 4]
    # Fifteen minutes each, and far fewer attempts than seconds.
    assert 3600 <= world.time - 1_000_000.0 < 4500
    assert len(world.moods) == 0


def test_attempts_during_an_outage_are_few(spool):
    world = World(spool)
    world.send("vpn")
    world.moods = ["away"] * 1000

    assert not world.drain()
    assert 10 <= 1000 - len(world.moods) <= 30


def test_kill_between_a_fold_and_the_removal_of_its_members_counts_nothing_twice(
    spool, monkeypatch
):
    world = World(spool)
    for _ in range(20):
        world.send("vpn", "down")
    removals = []

    def killed(*_):
        if removals:
            raise Killed
        removals.append(True)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(os, "unlink", killed)
        world.drain()
    world.drain()

    assert world.taken == [("vpn", 19, 20)]


def test_unreadable_file_is_set_aside_with_its_reason_and_the_rest_goes_on(spool):
    world = World(spool)
    world.send("vpn")
    with open(f"{spool}/new/00-broken.json", "wb") as stream:
        stream.write(b'{"message": \xff')
    with open(f"{spool}/new/.half.tmp", "wb") as stream:
        stream.write(b"{")

    assert world.drain()

    assert len(world.taken) == 1 and names(spool, "new") == []
    with open(f"{spool}/failed/00-broken.json") as stream:
        assert json.load(stream)["reason"].startswith("unreadable")


def test_message_of_a_killed_program_is_taken_over(spool):
    world = World(spool)
    world.send("vpn")
    (name,) = names(spool, "new")
    os.rename(f"{spool}/new/{name}", os.path.join(spool, "tmp", name))
    open(os.path.join(spool, "tmp", ".half.1.1.tmp"), "w").close()

    world.drain()

    assert world.taken == [("vpn", 0, 1)] and names(spool, "tmp") == []


# --- over real HTTP, on loopback ---------------------------------------------------------------
