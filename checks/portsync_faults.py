"""What can happen to Gluetun, qBittorrent, their keys, the clock and portsync, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

from checks.portsync_world import WRONG, World


def for_a_while(world: World, seconds: float) -> float:
    """The sequence lasts at least until this is over."""
    world.last = max(world.last, world.now + seconds)
    return seconds


def touch(world: World) -> None:
    """Gluetun's command, or its status file."""
    world.wake += 1


def tunnel_restart(world: World) -> None:
    """Stopped and started inside Gluetun: DOWN, no port, no device; then another device."""
    touch(world)
    port = world.port if world.random.random() < 0.5 else world.random.randint(1024, 65535)
    port = port or 40001
    _lose_port(world, world.random.uniform(0.01, 0.3))

    def gone() -> None:
        world.device = 0

    def back() -> None:
        world.device = next(world.counter) + 100
        if world.random.random() < 0.4 and world.running:
            # libtorrent may notice by itself.
            world.socket = (world.set["port"], world.device)

    down = world.random.uniform(0.5, 20.0)
    world.at(0.35, gone)
    world.at(0.35 + down, back)
    _get_port(world, for_a_while(world, 0.4 + down + world.random.uniform(0.0, 3.0)), port)


def new_port(world: World) -> None:
    """A renewal brought another port: Gluetun gives up the old one and asks again after 5 s."""
    touch(world)
    _lose_port(world, world.random.uniform(0.01, 0.3))
    _get_port(world, for_a_while(world, 5.3), world.random.randint(1024, 65535))


def _lose_port(world: World, delay: float) -> None:
    def lose() -> None:
        world.port = 0
        touch(world)

    world.at(delay, lose)


def _get_port(world: World, delay: float, port: int) -> None:
    def get() -> None:
        if world.device:
            world.port = port
            touch(world)
        else:
            # Another restart is under way: asked again when that is over.
            world.at(1.0, get)
            for_a_while(world, 2.0)

    world.at(delay, get)


def restart(world: World) -> None:
    """docker restart qbittorrent; killed, it forgets what it had not written yet."""
    _stop(world)
    _start(world, for_a_while(world, world.random.uniform(0.3, 4.0)))


def late_start(world: World) -> None:
    """It is away for long, or its container is there and its API is not."""
    _stop(world)
    _start(world, for_a_while(world, world.random.uniform(5.0, 60.0)))


def _stop(world: World) -> None:
    lost = world.random.random() < 0.3
    if not lost:
        world.disk = world.set.copy()
    world.running = world.ready = False
    world.session, world.socket = 0, (0, 0)


def _start(world: World, delay: float) -> None:
    def start() -> None:
        if world.running:
            return
        world.running = True
        world.client.started = str(next(world.counter))
        world.set = world.disk.copy()
        if world.set["port"] not in (0, world.ports_set[-1]):
            # It begins with an older port, which may be Gluetun's by now.
            world.ports_set.append(world.set["port"])
        world.failures = world.unsuccessful = 0
        world.banned_until = 0.0
        world.at(for_a_while(world, world.random.choice((0.0, 0.5, 3.0))), ready)

    def ready() -> None:
        if world.running and not world.ready:
            world.ready = True
            world.socket = (world.set["port"], world.device)

    world.at(delay, start)


def wrong_answers(world: World) -> None:
    """One of the two answers with HTML, an error, half of it, or not at all."""
    side = world.random.choice((world.gluetun, world.client))
    side.mode = world.random.choice(WRONG)

    def end() -> None:
        side.mode = ""

    world.at(for_a_while(world, world.random.uniform(0.3, 15.0)), end)


def password_rotated(world: World) -> None:
    """First in qBittorrent, then our file; sessions live on."""
    world.password = f"p{next(world.counter)}"

    def file() -> None:
        world.password_file = world.password
        world.written = next(world.counter)

    world.at(for_a_while(world, world.random.uniform(0.0, 1.5)), file)


def key_rotated(world: World) -> None:
    """The file first; Gluetun reads its own when it starts again."""
    world.key_file = f"k{next(world.counter)}"

    def take() -> None:
        world.key = world.key_file

    world.at(for_a_while(world, world.random.uniform(0.0, 10.0)), take)


def killed(world: World) -> None:
    """portsync dies at one of its next calls."""
    world.kill_in = world.random.randint(1, 14)


def clock_set(world: World) -> None:
    """Somebody sets the clock, by minutes or by years."""
    world.clock_error += world.random.choice((-1e8, -3700.0, -60.0, 60.0, 3700.0, 1e8))


def set_by_hand(world: World) -> None:
    """Somebody changes the port, the interface or UPnP in the web interface."""
    if not (world.running and world.ready):
        return
    what = world.random.choice(("port", "random", "upnp", "interface"))
    if what == "upnp":
        world.set["upnp"] = True
    elif what == "interface":
        world.set["interface"] = "eth0"
        world.socket = (world.set["port"], 2)
    else:
        world.set["port"] = 0 if what == "random" else 6881
        world.set["random"] = what == "random"
        world.socket = (world.set["port"] or 55555, world.device)


def long_without_port(world: World) -> None:
    """Its VPN server forwards none for longer than the user wants to wait."""
    touch(world)
    world.port = 0
    _get_port(world, for_a_while(world, world.random.uniform(920.0, 1500.0)), 50505)


def wrong_password(world: World) -> None:
    """Ours is wrong for long, and portsync keeps dying just after it tried."""
    world.password = f"p{next(world.counter)}"
    right, world.session = world.password, 0
    world.wrong_passwords_planned += 1
    world.password_file, world.written = "wrong", next(world.counter)
    world.kill_at_login = world.random.choice((0, 0, 6))
    if world.kill_at_login:
        # Tries that were lost count as failed, so nothing but a restart helps then.
        world.at(150.0, lambda: restart(world))

    def mend() -> None:
        # A rotation may have come first, or both servers were away all the time.
        world.wrong_passwords += world.failures >= 2  # noqa: PLR2004
        world.password_file, world.written = right, next(world.counter)

    world.at(for_a_while(world, world.random.uniform(100.0, 140.0)), mend)


FAULTS: tuple[Callable[[World], None], ...] = (
    *(tunnel_restart, tunnel_restart, new_port, restart, late_start, wrong_answers, wrong_answers),
    *(password_rotated, key_rotated, killed, killed, clock_set, set_by_hand),
)
RARE: tuple[Callable[[World], None], ...] = (long_without_port, wrong_password)
