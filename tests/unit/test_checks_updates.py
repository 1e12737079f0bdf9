"""The simulated host of checks/updates where it could lie: then every promise would hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks import updates_breaks, updates_case, updates_judge, updates_plain_simulation
from checks import updates_programs as programs
from checks import updates_simulation as simulation
from checks.framework import Context
from checks.updates_cases import ALL, CASES_BY_NAME
from checks.updates_containers import FIRST_ROW, Config, Image, Service, next_row
from checks.updates_house import House
from checks.updates_world import NEW, OLD, Killed, Refused, World
from mediastack.updater import transaction
from mediastack.updater.house import Trouble


def world(program: programs.Program = programs.old, **service: object) -> World:
    found = World(0, Service(**service), {OLD: Image(programs.old), NEW: Image(program)})  # type: ignore[arg-type]
    found.create(OLD)
    found.start()
    found.spend(100.0)
    return found


def begun(step: str = "pull") -> transaction.Transaction:
    old = {"image": "r.example/app:1.0.0", "digest": OLD}
    new = {"image": "r.example/app:1.0.1", "digest": NEW}
    tx = transaction.begin("app", old, new, identity="1", at="", asked_by="test", ran=[])
    return {**tx, "step": step}


def container(of: World) -> str:
    assert of.container is not None
    return of.container.status


def test_the_old_version_does_not_start_on_a_newer_schema() -> None:
    host = world()
    host.stop()
    host.change(schema=2)
    host.start()
    host.spend(1.0)
    assert container(host) == "restarting"
    assert not host.well()


def test_a_copy_taken_while_somebody_writes_is_torn_and_one_of_a_stopped_service_is_not() -> None:
    host = world()
    house = House(host)
    house.copy(begun("copy"))
    assert house.copied is not None
    assert house.copied.torn
    house.settle(begun("settle"))
    assert house.copied == host.config
    assert not house.copied.torn


def test_docker_calls_it_healthy_until_the_third_probe_has_failed() -> None:
    host = world(programs.answers((20.0, True), (1.0, False)))
    host.autoheal = False
    host.stop()
    host.local[NEW] = set()
    host.create(NEW)
    host.start()
    host.spend(70.0)
    assert host.container is not None
    shown = host.container.document(has_check=True)["State"]["Health"]
    assert (shown["Status"], shown["FailingStreak"]) == ("healthy", 2)
    host.spend(60.0)
    assert host.container.document(has_check=True)["State"]["Health"]["Status"] == "unhealthy"


def test_docker_starts_what_ended_after_growing_pauses_and_only_where_the_policy_says_so() -> None:
    for restarts, least in ((True, 4), (False, 1)):
        host = world(programs.ends(0.0, 1), restarts=restarts)
        host.stop()
        host.local[NEW] = set()
        host.create(NEW)
        host.start()
        host.spend(2.0)
        lives = sum(digest == NEW for _, digest in host.starts)
        assert least <= lives <= least + 1


def test_a_stopped_container_stays_so_and_one_that_ignores_sigterm_takes_its_grace() -> None:
    host = World(0, Service(grace=20.0), {OLD: Image(programs.old_with(stop_seconds=1e9))})
    host.create(OLD)
    host.start()
    host.spend(50.0)
    before = host.now
    host.stop()
    assert host.now - before == 20.0
    host.spend(300.0)
    assert container(host) == "exited"
    assert host.container is not None
    assert host.container.exit_code == 137


def test_a_prune_takes_what_has_neither_a_name_nor_a_container() -> None:
    host = world()
    host.local[NEW] = set()
    host.prune()
    assert set(host.local) == {OLD}
    host.stop()
    host.container = None
    host.local[OLD].add("ours")
    host.prune()
    assert set(host.local) == {OLD}
    host.prune(everything=True)
    assert not host.local


def test_a_start_of_the_old_version_on_a_foreign_config_is_noted() -> None:
    host = world()
    host.stop()
    host.local[NEW] = set()
    host.create(NEW)
    host.start()
    host.stop()
    host.change(files=(*host.config.files, ("new", "file")))
    host.create(OLD)
    host.start()
    assert any("the old version starts with files" in text for text in host.violations)


def test_replacing_a_running_container_is_noted() -> None:
    host = world()
    host.local[NEW] = set()
    host.create(NEW)
    assert host.violations == ["a container was replaced while its program ran"]


def test_a_killed_restore_leaves_a_torn_config_and_is_made_good_by_another() -> None:
    host = world()
    house = House(host)
    house.settle(begun("settle"))
    kept = host.config
    host.kill_at = {len(host.points) + 1}
    with pytest.raises(Killed):
        house.restore(begun("restore"))
    assert host.config.torn
    house.restore(begun("restore"))
    assert host.config == kept


def test_the_keeper_starts_what_ended_unless_an_update_holds_it() -> None:
    host = world()
    house = House(host)
    house.journal = begun("restore")
    host.stop()
    host.spend(30.0)
    assert container(host) == "exited"
    house.journal = begun("gate")
    host.spend(30.0)
    assert container(host) == "running"


def test_docker_that_is_away_refuses_and_a_registry_that_is_down_is_a_passing_trouble() -> None:
    host = world()
    host.restart_docker(10.0, live_restore=True)
    with pytest.raises(Refused):
        host.stop()
    host.spend(11.0)
    host.registry.mode = "down"
    with pytest.raises(Trouble) as raised:
        House(host).pull(begun())
    assert raised.value.kind == "passing"
    assert NEW not in host.local


def test_a_lost_a_doubled_and_a_foreign_row_break_the_chain() -> None:
    rows = [FIRST_ROW]
    for _ in range(4):
        rows.append(next_row(rows[-1]))
    whole = Config(rows=tuple(rows))
    assert whole.chain_is_whole()
    for wrong in ([*rows[:2], *rows[3:]], [*rows[:2], rows[1], *rows[2:]], [*rows[:-1], 7], []):
        assert not replace(whole, rows=tuple(wrong)).chain_is_whole()


def test_the_same_play_is_the_same_again() -> None:
    case = CASES_BY_NAME["docker-away-now-and-then"]
    assert simulation.play(case, 3, [20, 60]) == simulation.play(case, 3, [20, 60])


def test_there_are_forty_of_each_and_no_name_twice() -> None:
    ends = [case.ends for case in ALL]
    assert ends.count("new") >= 40
    assert ends.count("old") >= 40
    assert len(CASES_BY_NAME) == len(ALL)


def test_a_good_image_ends_new_and_a_bad_one_old_with_the_outage_in_the_figures() -> None:
    good = simulation.play(CASES_BY_NAME["migrates-for-1-min"])
    assert good.violations == []
    assert 60.0 < good.outage < 90.0
    bad = simulation.play(CASES_BY_NAME["migrates-then-crashes"])
    assert bad.violations == []
    assert bad.rolled_back
    untouched = simulation.play(CASES_BY_NAME["wrong-architecture"])
    assert (untouched.violations, untouched.outage) == ([], 0.0)


def test_an_updater_that_restores_nothing_is_found_out() -> None:
    context = Context(name="updates")
    with updates_breaks.config_not_restored(context):
        found = simulation.play(CASES_BY_NAME["migrates-then-crashes"]).violations
    assert any("the old version starts with" in text for text in found)


def test_the_judge_tells_a_service_that_is_down_at_the_end() -> None:
    host = updates_case.world_of(CASES_BY_NAME["quick"], 0)
    house = House(host)
    house.locked = True
    host.stop()
    updates_judge.at_the_end("old", host, house, [])
    assert "the service is not well at the end" in host.violations


def test_the_plain_updater_leaves_a_crashing_image_down_and_a_quick_one_up() -> None:
    assert updates_plain_simulation.play(CASES_BY_NAME["exits-at-once"])
    assert not updates_plain_simulation.play(CASES_BY_NAME["quick"])
