"""When a new version counts as well, and when as bad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mediastack.updater import gate
from mediastack.updater.gate import Limits, Seen

LIMITS = Limits(stable_seconds=60, deadline_seconds=300)
WELL: dict[str, Any] = {
    "known": True,
    "present": True,
    "right_image": True,
    "status": "running",
    "health": "healthy",
    "life": "a",
}


def seen(**changes: Any) -> Seen:
    return Seen(**{**WELL, **changes})


def run(
    looks: Iterable[tuple[float, Seen]], limits: Limits = LIMITS, every: float = 1.0
) -> tuple[str, float]:
    """Show each look for so many seconds, one second apart; return the verdict and its moment."""
    state, now = gate.begin(), 0.0
    for seconds, look in looks:
        end = now + seconds
        while now < end:
            # Its health check runs every five seconds, unless the look says otherwise.
            probed = look._replace(probe=look.probe or str(now // 5))
            verdict, state = gate.step(probed, state, limits, now)
            if verdict:
                return verdict, now
            now += every
    return "", now


def test_what_is_well_without_a_break_passes_after_the_stable_time() -> None:
    assert run([(100, seen())]) == ("passed", 60.0)


def test_a_slow_start_within_the_deadline_passes() -> None:
    assert run([(290, seen(health="starting")), (100, seen())])[0] == "passed"


def test_what_is_not_healthy_at_the_deadline_fails_and_says_what_it_was() -> None:
    verdict, at = run([(400, seen(health="unhealthy"))])
    assert verdict == "failed: health: unhealthy after 300 s"
    assert at == 300


def test_one_restart_by_itself_and_a_flicker_are_allowed() -> None:
    looks = [
        (20, seen()),
        (5, seen(status="exited", health="none", life="a")),
        (30, seen(health="starting", life="b")),
        (20, seen(life="b")),
        (10, seen(health="unhealthy", life="b")),
        (100, seen(life="b")),
    ]
    assert run(looks)[0] == "passed"


def test_health_that_comes_and_goes_fails_before_the_deadline() -> None:
    verdict, at = run([(10, seen()), (10, seen(health="unhealthy"))] * 10)
    assert verdict == "failed: its health comes and goes"
    assert at < 100


def test_a_health_check_that_fails_once_more_proves_nothing_and_is_no_fall() -> None:
    looks = [(50, seen()), (10, seen(failing=True))] * 3
    assert run([*looks, (100, seen())])[0] == "passed"
    verdict, at = run([(50, seen()), (20, seen(failing=True))] * 10)
    assert verdict == "failed: its health check has failed after 300 s"


def test_one_probe_is_no_proof_however_long_ago_it_was() -> None:
    assert run([(200, seen(probe="1"))])[0] == ""
    assert run([(200, seen(probe="1")), (5, seen(probe="2"))]) == ("passed", 200.0)


def test_a_loop_of_crashes_fails_before_the_deadline() -> None:
    looks = [(5, seen(health="starting", life=str(number))) for number in range(20)]
    assert run(looks)[0].startswith("failed: it ends again and again")
    assert run([(5, seen(health="starting", restarts=4))])[0].startswith("failed: it ends again")


def test_a_container_that_nobody_starts_again_is_not_waited_for() -> None:
    verdict, at = run([(100, seen(status="exited", health="none", exit_code=3))])
    assert verdict == "failed: it is exited (exit code 3)"
    assert at == 30


def test_an_image_that_lost_its_health_check_fails_at_once() -> None:
    assert run([(5, seen(health="none"))]) == (
        "failed: the new image has lost its health check",
        0.0,
    )
    assert run([(100, seen(health="none", expects_health=False))])[0] == "passed"


def test_the_wrong_image_never_passes() -> None:
    assert run([(400, seen(right_image=False))])[0] == (
        "failed: its container runs another image after 300 s"
    )


def test_those_in_its_namespace_have_to_be_back() -> None:
    assert run([(100, seen(others=("sonarr",))), (100, seen())])[0] == "passed"
    assert run([(400, seen(others=("sonarr",)))])[0] == "failed: not back yet: sonarr after 300 s"


def test_unknown_is_not_down_and_stops_the_clock() -> None:
    assert run([(250, Seen(known=False)), (290, seen(health="starting")), (70, seen())])[0] == (
        "passed"
    )


def test_a_docker_that_does_not_answer_now_and_then_takes_nothing_back() -> None:
    looks = [(18, seen()), (2, Seen(known=False))] * 10
    assert run(looks) == ("passed", 66.0)


def test_a_restart_while_nobody_could_look_shows_in_the_next_look() -> None:
    verdict, at = run([(50, seen()), (5, Seen(known=False)), (100, seen(life="b"))])
    assert (verdict, at) == ("passed", 115.0)


def test_somebody_elses_work_stops_the_clock_but_not_for_ever() -> None:
    excused = seen(health="starting", excused="a cascade")
    assert run([(250, excused), (290, seen(health="starting")), (70, seen())])[0] == "passed"
    assert run([(1000, excused)])[1] <= 2 * LIMITS.deadline_seconds + 1


def test_a_docker_that_never_answers_ends_in_failure() -> None:
    assert run([(1000, Seen(known=False))])[0] == "given up: nobody could look at it after 300 s"


def test_well_from_just_before_the_deadline_may_be_proven() -> None:
    assert run([(299, seen(health="starting")), (70, seen())])[0] == "passed"


def test_never_well_for_long_is_bad_in_the_end() -> None:
    short = Limits(stable_seconds=60, deadline_seconds=100)
    looks = [(50, seen()), (10, seen(health="unhealthy"))] * 2 + [(39, seen()), (1, seen())]
    verdict, at = run(looks + [(1, seen(others=("x",))), (59, seen())] * 5, short)
    assert verdict.startswith("failed")
    assert at <= 165


def test_what_the_user_stops_during_the_trial_is_no_success() -> None:
    verdict, _ = run([(5, seen(status="exited", stopped_by_user=True))])
    assert verdict == "given up: you stopped it during its trial"


def test_a_frozen_worker_and_a_new_boot_prove_nothing() -> None:
    state = gate.begin()
    _, state = gate.step(seen(), state, LIMITS, 1000.0)
    verdict, state = gate.step(seen(), state, LIMITS, 5000.0)
    assert verdict == ""
    verdict, state = gate.step(seen(), state, LIMITS, 3.0)
    assert verdict == ""
    assert state["well"] <= gate.LONGEST_STEP_SECONDS
