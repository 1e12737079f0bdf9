"""What can happen to Docker, to its events, to the host, to the monitor and to its healer."""

from __future__ import annotations

from checks import monitor_people as people
from checks.monitor_healer import Healer
from checks.monitor_mishaps_group import lasts
from checks.monitor_world import World
from mediastack.docker_client import DockerError, NotReachable


def docker_500(world: World, healer: Healer) -> None:
    """Docker answers with errors, or not at all, for a while."""
    mode = world.random.choice(("500", "500", "hang"))
    if world.docker.mode:
        return
    world.docker.mode = mode
    world.note("docker", mode=mode)

    def end() -> None:
        if world.docker.mode == mode:
            world.docker.mode = ""
            world.note("docker", mode="")

    world.after(lasts(world, 1, 10, 60), end)


def docker_restarts(world: World, healer: Healer) -> None:
    """dockerd restarts, with live-restore or without."""
    live = world.random.random() < 0.3
    world.run(people.daemon_restarts(world, lasts(world, 1, 6, 30), live=live))


def acts_fail(world: World, healer: Healer) -> None:
    """The next few requests that change something go wrong."""
    kinds: tuple[Exception, ...] = (
        DockerError("500: driver failed programming external connectivity"),
        DockerError("409: removal of container is already in progress"),
        NotReachable("read timed out"),
    )
    for _ in range(world.random.randint(1, 6)):
        world.docker.write_errors.append(world.random.choice(kinds))


def _delivery(world: World, mode: str) -> None:
    world.delivery = mode
    world.note("delivery", mode=mode)
    if mode == "cut":
        world.after(0.001, lambda: world.wake("cut"))

    def end() -> None:
        if world.delivery == mode:
            world.delivery = ""
            world.note("delivery", mode="")
            if mode == "cut":
                world.wake("back")

    world.after(lasts(world, 10, 60, 200), end)


def events_lost(world: World, healer: Healer) -> None:
    """The stream goes on and brings nothing."""
    _delivery(world, "lost")


def events_late(world: World, healer: Healer) -> None:
    """Events come seconds later."""
    _delivery(world, "late")


def events_doubled(world: World, healer: Healer) -> None:
    """Each event comes twice."""
    _delivery(world, "doubled")


def events_reordered(world: World, healer: Healer) -> None:
    """Events come in another order."""
    _delivery(world, "reordered")


def stream_cut(world: World, healer: Healer) -> None:
    """The stream ends, and is there again later."""
    _delivery(world, "cut")


def monitor_killed(world: World, healer: Healer) -> None:
    """The monitor dies at one of its next calls, when it has told something, or while it waits."""
    how = world.random.choice(("now", "telling", "call", "call"))
    if how == "now":
        world.must_die = True
    elif how == "telling":
        world.kill_at_tell = True
    else:
        world.kill_in = world.random.randint(1, 14)


def healer_killed(world: World, healer: Healer) -> None:
    """The healer dies, perhaps in the middle of an act or of a message, and is started again."""
    if world.random.random() < 0.3:
        world.healer_dies_at_tell = True
        lasts(world, 5)
    elif healer.alive:
        healer.kill()
        world.after(lasts(world, 1, 5), healer.revive)


def reboot(world: World, healer: Healer) -> None:
    """The host goes down and comes back."""
    people.host_down(world, healer)
    world.after(lasts(world, 15, 60, 600), lambda: people.host_up(world, healer))


def clock_jump(world: World, healer: Healer) -> None:
    """Somebody sets the clock, by seconds or by years."""
    world.wall_error += world.random.choice((-1e8, -3700.0, -61.0, -3.0, 3.0, 61.0, 3700.0, 1e8))
    world.note("clock")
    world.unsure()


def data_lost(world: World, healer: Healer) -> None:
    """/data goes: the keeper stops what uses it; later it is there again."""
    if not world.present:
        return
    world.present = False
    world.note("gate", present=False)

    def guard() -> None:
        world.run(people.mount_guard(world))

    world.after(world.random.uniform(0.1, 3.0), guard)

    def back() -> None:
        if not world.present:
            world.present = True
            world.note("gate", present=True)

    world.after(lasts(world, 10, 60), back)


def disk_full(world: World, healer: Healer) -> None:
    """Nearly no room is left; for some of the time the state cannot be written."""
    world.disk_free = 0.01
    seconds = lasts(world, 20, 60)

    def full(state: bool) -> None:
        world.full = state
        world.note("full", full=state)

    if world.random.random() < 0.5:
        world.after(world.random.uniform(0.0, 5.0), lambda: full(True))
        world.after(seconds, lambda: full(False))

    def room() -> None:
        world.disk_free = 0.6

    world.after(seconds, room)


def resume(world: World, healer: Healer) -> None:
    """stack-manage.sh resume."""
    world.resume_file = True
    world.note("resume")
    world.wake("signal")
