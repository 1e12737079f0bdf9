"""What can happen to disks, qBittorrent, its torrents, the clock and the guard, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

from checks.disk_guard_oracle import Oracle
from checks.disk_guard_world import GIB, LOADING_SECONDS, WRONG, Item, World

Mishap = Callable[[World, Oracle], None]


def add(world: World, oracle: Oracle) -> None:
    """A torrent is added: mostly to download, sometimes complete, or stopped by choice."""
    draw, number = world.random, next(world.counter)
    one = Item(f"t{number}", int(world.now), draw.uniform(2, 60) * GIB, running_since=world.now)
    if draw.random() < 0.15:
        one.left = 0.0
    if draw.random() < 0.15:
        one.stopped, one.by = True, "user"
    one.forced = not one.stopped and draw.random() < 0.2
    world.items[one.name] = one


def some(world: World, *, stopped: bool) -> Item | None:
    """One of those that are loaded."""
    if not (world.server.running and world.server.ready):
        return None
    there = [
        one for one in world.items.values() if one.stopped is stopped and one.loaded_at <= world.now
    ]
    return world.random.choice(there) if there else None


def user_stops(world: World, oracle: Oracle) -> None:
    """Its user stops a torrent, of whichever kind."""
    if one := some(world, stopped=False):
        oracle.stopped(one, by_guard=False)


def user_starts(world: World, oracle: Oracle) -> None:
    """Its user starts a torrent, whoever stopped it."""
    if one := some(world, stopped=True):
        oracle.started(one, by_guard=False, forced=world.random.random() < 0.3)


def user_plays(world: World, oracle: Oracle) -> None:
    """Several of both, quickly: around what the guard is doing."""
    for number in range(world.random.randint(2, 5)):
        what = world.random.choice((user_stops, user_starts, user_stops))
        world.at(number * world.random.uniform(0.0, 2.0), lambda what=what: what(world, oracle))  # type: ignore[misc]
    world.lasts(10.0)


def user_deletes(world: World, oracle: Oracle) -> None:
    """A torrent is removed; sometimes it is added again, stopped, a little later."""
    one = some(world, stopped=world.random.random() < 0.7)
    if one is None:
        return
    del world.items[one.name]
    if world.random.random() < 0.5:

        def again() -> None:
            world.items[one.name] = Item(
                one.name, int(world.now), 5.0 * GIB, stopped=True, by="user"
            )  # fmt: skip

        world.at(world.lasts(world.random.uniform(2.0, 60.0)), again)


def recheck(world: World, oracle: Oracle) -> None:
    """A stopped torrent is checked: it runs for that time, and downloads nothing."""
    one = some(world, stopped=True)
    if one is None:
        return
    one.checking = True

    def end() -> None:
        one.checking, one.running_since, one.checked_at = False, world.now, world.now

    world.at(world.lasts(world.random.uniform(1.0, 30.0)), end)


def fill(world: World, oracle: Oracle) -> None:
    """Somebody else writes a lot at once."""
    world.change(world.random.choice(("/data", "/data", "/config")), world.random.uniform(1, 25))


def make_room(world: World, oracle: Oracle) -> None:
    """Something large is deleted from everywhere."""
    for path in world.disks:
        world.change(path, -world.random.uniform(30, 90))


def make_some_room(world: World, oracle: Oracle) -> None:
    """Not always enough."""
    world.change(world.random.choice(("/data", "/data", "/config")), -world.random.uniform(0.5, 15))


def data_gone(world: World, oracle: Oracle) -> None:
    """/data is unmounted or does not answer, for a while."""
    disk = world.disks[world.random.choice(("/data", "/data", "/config"))]
    disk.there = False

    def back() -> None:
        disk.there = True

    world.at(world.lasts(world.random.uniform(1.0, 90.0)), back)


def restart(world: World, oracle: Oracle) -> None:
    """qBittorrent is restarted, by its user, an update, a backup, or with the tunnel."""
    server = world.server
    server.running = server.ready = False
    server.session = 0
    if world.random.random() < 0.3:
        # Killed: a stop of the last moment was never written.
        for one in world.items.values():
            if one.stopped and one.by == "guard" and world.now - one.stopped_at < 2.0:
                one.stopped, one.by, one.running_since = False, "", world.now

    def start() -> None:
        if not server.running:
            server.running, server.started = True, str(next(world.counter))
            server.failures = 0
            world.at(world.lasts(world.random.choice((0.0, 1.0, 8.0))), ready)

    def ready() -> None:
        if server.running and not server.ready:
            server.ready = True
            for one in world.items.values():
                one.loaded_at = world.now + world.random.choice((0.0, 0.0, LOADING_SECONDS))

    world.at(world.lasts(world.random.choice((0.5, 3.0, 20.0, 70.0))), start)


def wrong_answers(world: World, oracle: Oracle) -> None:
    """It answers with HTML, an error, half of it, or not at all."""
    _answers(world, world.random.choice(WRONG), world.random.uniform(0.3, 40.0))


def tunnel(world: World, oracle: Oracle) -> None:
    """The VPN restarts: nobody answers at its address for a moment."""
    _answers(world, "refused", world.random.uniform(1.0, 15.0))


def password(world: World, oracle: Oracle) -> None:
    """It is rotated: first in qBittorrent, then our file; sessions end."""
    rotated = _rotates(world)
    world.at(world.lasts(world.random.uniform(0.0, 1.5)), rotated)


def killed(world: World, oracle: Oracle) -> None:
    """The guard dies at one of its next calls."""
    world.kill_in = world.random.randint(1, 14)


def killed_in_the_act(world: World, oracle: Oracle) -> None:
    """It dies around its next stop or start: before, in the middle, before it is written down."""
    world.kill_at_act = world.random.randint(1, 4)


def answer_lost(world: World, oracle: Oracle) -> None:
    """Of its next stop or start it does not hear whether it was done."""
    world.lose_answer = True


def clock_set(world: World, oracle: Oracle) -> None:
    """Somebody sets the clock, by minutes or by years."""
    world.clock_error += world.random.choice((-1e8, -3700.0, -60.0, 60.0, 3700.0, 1e8))


def long_away(world: World, oracle: Oracle) -> None:
    """qBittorrent hangs for a quarter of an hour."""
    _answers(world, "hangs", world.random.uniform(650.0, 1000.0))


def _answers(world: World, mode: str, seconds: float) -> None:
    """qBittorrent answers so for a while."""
    world.server.mode = mode

    def end() -> None:
        world.server.mode = ""

    world.at(world.lasts(seconds), end)


def wrong_password(world: World, oracle: Oracle) -> None:
    """Ours is wrong for long, and a restart brings a right one."""
    rotated = _rotates(world)

    def mend() -> None:
        rotated()
        restart(world, oracle)

    world.at(world.lasts(world.random.uniform(100.0, 140.0)), mend)


def _rotates(world: World) -> Callable[[], None]:
    """qBittorrent has a new password; return what writes it into our file."""
    server = world.server
    server.password, server.session = f"p{next(world.counter)}", 0

    def written() -> None:
        server.password_file, server.written = server.password, next(world.counter)

    return written


MISHAPS: tuple[Mishap, ...] = (
    *(add, add, user_stops, user_starts, user_plays, user_deletes, recheck),
    *(fill, fill, fill, make_room, make_some_room, make_some_room, data_gone),
    *(restart, wrong_answers, tunnel, password, answer_lost, clock_set),
    *(killed, killed, killed_in_the_act),
)
RARE: tuple[Mishap, ...] = (long_away, wrong_password)
