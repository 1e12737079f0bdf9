"""keeper_step.step: schedule, messages, and a simulated house under every order of troubles."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_docker import DATA, EVERYTHING, OWNER, VPN, SimulatedDocker, running_house

from mediastack import keeper_step, plan


def seen(docker: SimulatedDocker | None, **changes: Any) -> keeper_step.Observed:
    observed: keeper_step.Observed = {
        "config": docker.config if docker else {},
        "observation": docker.observation() if docker else None,
        "busy": "",
        "undecided": [],
        "causes": {},
    }
    observed.update(changes)  # type: ignore[typeddict-item]
    return observed


def crash(docker: SimulatedDocker, service: str) -> None:
    container = docker.get(service)
    assert container is not None
    container["status"] = "exited"


def test_without_an_answer_from_docker_nothing_is_done() -> None:
    todo, state = keeper_step.step(seen(None), {}, 0.0)
    assert todo["apply"] == []
    assert todo["soon"]
    assert state == keeper_step.initial_state()


def test_while_somebody_else_holds_the_lock_nothing_is_done() -> None:
    docker = running_house()
    crash(docker, "seerr")
    todo, _ = keeper_step.step(seen(docker, busy="deploy"), {}, 0.0)
    assert todo["apply"] == []


def test_a_crashed_service_is_started_at_once_and_then_less_and_less_often() -> None:
    docker = running_house()
    crash(docker, "seerr")
    state: dict[str, Any] = {}
    attempts = []
    for second in range(4000):
        todo, state = keeper_step.step(seen(docker), state, float(second))
        attempts += [second] if todo["apply"] else []
    assert attempts[:5] == [0, 5, 15, 35, 75]
    gaps = [later - earlier for earlier, later in zip(attempts, attempts[1:], strict=False)]
    assert max(gaps) == keeper_step.LONGEST_PAUSE_SECONDS


def test_one_message_when_a_service_keeps_failing_and_one_when_it_is_over() -> None:
    docker = running_house()
    crash(docker, "seerr")
    state: dict[str, Any] = {}
    messages = []
    causes = {"seerr": "no space left on device"}
    for second in range(2000):
        todo, state = keeper_step.step(seen(docker, causes=causes), state, float(second))
        messages += todo["messages"]
    assert [message["title"] for message in messages] == ["seerr does not run"]
    assert "no space left on device" in messages[0]["message"]
    container = docker.get("seerr")
    assert container is not None
    container["status"] = "running"
    for second in range(2000, 4000):
        todo, state = keeper_step.step(seen(docker), state, float(second))
        messages += todo["messages"]
    assert [message["title"] for message in messages[1:]] == ["seerr is all right again"]
    assert state == keeper_step.initial_state()


def test_a_service_whose_stop_is_not_explained_yet_waits_for_the_next_pass() -> None:
    docker = running_house()
    crash(docker, "seerr")
    todo, _ = keeper_step.step(seen(docker, undecided=["seerr"]), {}, 0.0)
    assert todo["apply"] == []
    assert todo["soon"]


def test_a_clock_set_back_by_a_day_does_not_stretch_a_pause() -> None:
    docker = running_house()
    crash(docker, "seerr")
    _, state = keeper_step.step(seen(docker), {}, 100000.0)
    todo, _ = keeper_step.step(seen(docker), state, 100000.0 - 86400)
    assert todo["apply"] == ["seerr"]


def test_an_attempt_that_was_not_made_is_taken_back() -> None:
    docker = running_house()
    crash(docker, "seerr")
    _, state = keeper_step.step(seen(docker), {}, 0.0)
    assert keeper_step.take_back(state, ["seerr", "other"], 0.0) == keeper_step.initial_state()
    _, state = keeper_step.step(seen(docker), state, 5.0)
    state = keeper_step.take_back(state, ["seerr"], 5.0)
    assert state["services"]["seerr"]["attempts"] == 1
    todo, _ = keeper_step.step(seen(docker), state, 6.0)
    assert todo["apply"] == ["seerr"]


def test_gluetun_and_what_lives_in_its_namespace_are_the_monitors() -> None:
    docker = running_house()
    crash(docker, "sonarr")
    docker.config["services"]["flaresolverr"]["config_hash"] = "new"
    owner = docker.get(OWNER)
    assert owner is not None
    docker.containers.append({**owner, "name": f"0123456789ab_{OWNER}", "id": "left"})
    record = {"attempts": 9, "last": 0.0, "next": 0.0, "told": False}
    todo, state = keeper_step.step(seen(docker, undecided=["sonarr"]), {}, 0.0)
    assert todo == {"apply": [], "messages": [], "soon": False}
    crash(docker, OWNER)
    # What an earlier release had begun with them is dropped, and nobody is told.
    before = {"services": {"sonarr": record, OWNER: record}}
    todo, state = keeper_step.step(seen(docker), before, 1.0)
    assert todo == {"apply": [], "messages": [], "soon": False}
    assert state == keeper_step.initial_state()


def test_a_service_of_the_vpn_zone_that_nobody_wants_any_more_is_the_keepers() -> None:
    docker = running_house()
    docker.config["stacks"]["downloads"]["services"].remove("sonarr")
    del docker.config["services"]["sonarr"]
    todo, _ = keeper_step.step(seen(docker), {}, 0.0)
    assert todo["apply"] == ["sonarr"]


TROUBLES = st.lists(
    st.tuples(
        st.sampled_from(
            ["crash", "stop", "up", "unmount", "mount", "gluetun restarts", "time", "time"]
        ),
        st.sampled_from(EVERYTHING),
        # The keeper is killed: before its state is saved, before it acts, after 1, 2 acts, never.
        st.sampled_from([None, None, None, -1, 0, 1, 2]),
        st.sampled_from(["", "", "", "deploy"]),
    ),
    max_size=25,
)


@settings(max_examples=250, deadline=None)
@given(TROUBLES)
def test_killed_at_any_point_it_still_brings_the_house_to_what_the_user_wants(
    troubles: list[tuple[str, str, int | None, str]],
) -> None:
    """The simulated Docker asserts on every start (409, user's stop, /data, gluetun's health).

    Gluetun's group is brought back by somebody else at the end, as the monitor does.
    """
    docker = running_house()
    saved: dict[str, Any] = {}
    now = 0.0

    def one_pass(killed: int | None, busy: str) -> None:
        nonlocal saved
        todo, after = keeper_step.step(seen(docker, busy=busy), saved, now)
        assert not (busy and todo["apply"])
        assert not {OWNER, *VPN} & set(todo["apply"])
        if killed == -1:
            return
        saved = after
        observation = docker.observation()
        actions = plan.ready(docker.config, observation, plan.plan(docker.config, observation))
        for number, action in enumerate(a for a in actions if a["service"] in todo["apply"]):
            if killed is not None and number >= killed:
                return
            docker.act(action)

    for trouble, service, killed, busy in troubles:
        container = docker.get(service)
        if trouble == "crash" and container:
            container["status"] = "exited"
        elif trouble == "stop" and container:
            docker.intents[service] = {}
            container["status"] = "exited"
        elif trouble == "up":
            docker.intents.pop(service, None)
        elif trouble == "unmount":
            docker.present = False
            for name in DATA:
                if writer := docker.get(name):
                    writer["status"] = "exited"
        elif trouble == "mount":
            docker.present = True
        elif trouble == "gluetun restarts" and (owner := docker.get(OWNER)):
            owner["netns"] = next(docker.counter)
            owner["health"] = "starting"
        elif trouble == "time":
            docker.time_passes()
        one_pass(killed, busy)
        now += 1.0
    docker.present = True
    for _ in range(40):
        docker.time_passes()
        one_pass(None, "")
        now += keeper_step.LONGEST_PAUSE_SECONDS
        observation = docker.observation()
        actions = plan.plan(docker.config, observation)
        for action in plan.ready(docker.config, observation, actions):
            if action["service"] in (OWNER, *VPN):
                docker.act(action)
    assert plan.plan(docker.config, docker.observation()) == []
    owner = docker.get(OWNER)
    for service in EVERYTHING:
        if service in docker.intents or (OWNER in docker.intents and service in VPN):
            continue
        container = docker.get(service)
        assert container and container["status"] == "running"
        if service in VPN:
            assert owner and container["netns"] == owner["netns"]
    assert saved["services"] == {}
