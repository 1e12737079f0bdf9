"""The simulation of the monitor is like Docker, replays by its seed, and finds what is wrong."""

from __future__ import annotations

import pytest

from checks import monitor, monitor_breaks, monitor_people, monitor_simulation
from checks.framework import Context
from checks.monitor_containers import OWNER, Steps, together
from checks.monitor_group import DEPENDENTS, GROUP
from checks.monitor_healer import Healer
from checks.monitor_house import Life
from checks.monitor_world import World, whole
from mediastack.docker_client import DockerError, NotReachable

# Breaks that show only after some hundred schedules are left to the check itself.
QUICK = [
    *("limit-off-by-one", "no-holds-in-a-pause", "never-holds", "ignores-the-user"),
    *("unknown-is-down", "revives-at-once", "does-not-verify", "never-tries-again"),
    *("incarnation-by-id", "believes-running", "believes-the-id", "two-acts-at-once"),
    *("tells-at-each-pass", "only-reacts", "acts-before-it-saves"),
]


def netns(world: World, name: str) -> int | None:
    one = world.docker.get(name)
    return one.netns if one is not None else None


def status(world: World, name: str) -> str:
    one = world.docker.get(name)
    return one.status if one is not None else "absent"


def finish(world: World, steps: Steps, seconds: float = 60.0) -> Exception | None:
    """Let a process run to its end; return its error."""
    ended: list[Exception | None] = []
    world.run(steps, lambda _, error: ended.append(error))
    world.advance(world.now + seconds)
    assert ended, "it has not ended"
    return ended[0]


def test_a_restarted_gluetun_leaves_its_dependents_running_and_healthy_elsewhere() -> None:
    world = whole(1)
    before = netns(world, OWNER)
    finish(world, monitor_people.docker_restart(world, OWNER))
    assert netns(world, OWNER) not in (None, before)
    for name in DEPENDENTS:
        one = world.docker.get(name)
        assert one is not None and (one.status, one.netns) == ("running", before)
        assert one.health in ("healthy", "none")


def test_a_dependent_cannot_join_a_gluetun_that_does_not_run_or_is_another() -> None:
    world = whole(1)
    sonarr = world.docker.get("sonarr")
    assert sonarr is not None
    world.docker.die(sonarr, 1)
    owner = world.docker.get(OWNER)
    assert owner is not None
    finish(world, monitor_people.docker_stop(world, OWNER))
    with pytest.raises(DockerError, match="409"):
        world.docker.start(sonarr, "test")
    finish(world, monitor_people.compose_up(world, [OWNER]))
    with pytest.raises(DockerError, match="No such container"):
        world.docker.start(sonarr, "test")
    assert sonarr.error


def test_only_gluetun_is_started_again_by_docker_and_not_after_a_stop() -> None:
    world = whole(1)
    for name in (OWNER, "sonarr"):
        one = world.docker.get(name)
        assert one is not None
        world.docker.die(one, 137)
    world.advance(5.0)
    assert (status(world, OWNER), status(world, "sonarr")) == ("running", "exited")
    finish(world, monitor_people.docker_stop(world, OWNER))
    assert status(world, OWNER) == "exited" and world.wishes[OWNER] == "stop"


def test_a_compose_killed_half_way_leaves_what_docker_would_have() -> None:
    seen = set()
    for moment in range(1, 250):
        world = whole(moment)
        world.docker.traits["sonarr"].stop_seconds = 1.0
        process = world.run(monitor_people.compose_up(world, ["sonarr"]))
        world.advance(moment / 100.0)
        process.kill()
        world.advance(20.0)
        names = tuple(sorted(name for name in world.docker.containers if "sonarr" in name))
        seen.add((len(names), status(world, "sonarr")))
    assert {(2, "running"), (2, "exited"), (1, "running")} <= seen


def test_a_daemon_that_is_away_answers_nobody_and_forgets_its_events() -> None:
    world = whole(1)
    world.run(monitor_people.daemon_restarts(world, 5.0, live=False))
    with pytest.raises(NotReachable):
        Healer(world).look()
    world.advance(30.0)
    assert status(world, OWNER) == "running"
    assert {status(world, name) for name in DEPENDENTS} == {"exited"}
    assert all(event["Action"] != "stop" for event in world.docker.memory)


def test_a_reboot_is_another_boot_and_costs_no_powered_time() -> None:
    world = whole(1)
    healer = Healer(world)
    world.advance(100.0)
    boot, powered = world.boot, world.powered
    monitor_people.host_down(world, healer)
    world.advance(700.0)
    monitor_people.host_up(world, healer)
    world.advance(720.0)
    assert world.boot != boot and world.powered == powered + 20.0
    assert world.boottime() < 30.0
    assert status(world, OWNER) == "running" and status(world, "sonarr") == "exited"


def test_a_healer_killed_in_an_act_frees_the_lock_keeps_the_journal_and_hangs_up() -> None:
    world = whole(1)
    healer = Healer(world)
    finish(world, monitor_people.docker_restart(world, OWNER))
    answers: list[dict[str, object]] = []
    for name in DEPENDENTS:
        world.docker.traits[name].stop_seconds = 10.0
    healer.ask("hold", list(DEPENDENTS), answers.append)
    world.advance(world.now + 1.0)
    assert world.lock == "monitor"
    healer.kill()
    assert world.lock == "" and world.journal == set(DEPENDENTS)
    assert answers[0]["unknown"]


def test_what_the_user_stops_is_noted_and_what_we_stop_is_not() -> None:
    world = whole(1)
    healer = Healer(world)
    world.advance(100.0)
    finish(world, monitor_people.docker_stop(world, "sonarr"))
    healer.look()
    assert set(world.intents) == {"sonarr"}
    finish(world, monitor_people.docker_restart(world, OWNER))
    healer.ask("hold", ["radarr"], lambda _: None)
    world.advance(world.now + 60.0)
    healer.look()
    assert status(world, "radarr") == "exited" and set(world.intents) == {"sonarr"}


def test_processes_side_by_side_take_as_long_as_the_longest_and_fail_together() -> None:
    world = whole(1)
    ended: list[float] = []

    def one(seconds: float, *, fails: bool) -> Steps:
        yield seconds
        ended.append(world.now)
        if fails:
            raise DockerError("no")

    def both() -> Steps:
        yield from together([one(3.0, fails=True), one(5.0, fails=False)])

    error = finish(world, both())
    assert ended == [3.0, 5.0] and isinstance(error, DockerError)


def test_a_monitor_that_lives_in_a_quiet_world_does_nothing() -> None:
    world = whole(1)
    life = Life(world, Healer(world))
    life.until(600.0)
    assert 15 <= life.passes <= 40
    assert not [one for one in world.history if one["kind"] in ("asked", "told")]


def test_a_monitor_brings_everybody_back_after_a_restart_and_a_recreate() -> None:
    def restarted(world: World) -> Steps:
        return monitor_people.docker_restart(world, OWNER)

    def recreated(world: World) -> Steps:
        return monitor_people.compose_up(world, [OWNER])

    for command in (restarted, recreated):
        world = whole(1)
        life = Life(world, Healer(world))
        life.until(10.0)
        world.run(command(world))
        life.until(100.0)
        assert world.in_order() and {netns(world, name) for name in GROUP} == {netns(world, OWNER)}


def test_the_promises_hold_in_simulated_schedules() -> None:
    played = [monitor.play_quietly(seed) for seed in range(60)]
    assert [one.violations for one in played if one.violations] == []
    assert sum(one.cascades > 0 for one in played) > 48
    assert min(one.steps for one in played) >= monitor_simulation.LEAST_STEPS
    assert min(one.kinds for one in played) >= monitor.LEAST_KINDS


def test_a_schedule_replays_alone() -> None:
    for seed in (7, 63):
        one, other = (monitor_simulation.play(seed, keep_history=True) for _ in range(2))
        assert one.history == other.history and one.cells == other.cells


@pytest.mark.parametrize("name", QUICK)
def test_a_wrong_monitor_is_found(name: str) -> None:
    with monitor_breaks.BREAKS[name](Context("monitor")):
        assert any(monitor.play_quietly(seed).violations for seed in range(60))


def test_every_break_is_one_of_the_check() -> None:
    assert set(monitor.BREAKS) == set(monitor_breaks.BREAKS) >= set(QUICK)
    assert all(one.summary for one in monitor.BREAKS.values())
