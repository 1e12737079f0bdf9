"""The group in the monitor's history: astray, ended, started unasked, two acts at once, no end."""

from __future__ import annotations

from monitor_history_house import OWNER, Story, found

from checks.monitor_group import DEPENDENTS, SETTINGS
from checks.monitor_history import check


def test_a_good_history_is_good() -> None:
    story = Story()
    for _ in range(5):
        story.wait(100.0)
        story.cascade()
    assert story.end() == []


def test_a_running_in_another_namespace_for_longer_than_the_bound_is_seen() -> None:
    story = Story()
    story.moved()
    story.wait(2.5)
    story.act("hold", *DEPENDENTS)
    for name in DEPENDENTS:
        story.container(name, "exited")
    story.act("revive", *DEPENDENTS)
    for name in DEPENDENTS:
        story.container(name)
    assert "(a)" not in found(story.end())
    late = Story()
    late.moved()
    late.wait(4.0)
    late.act("hold", *DEPENDENTS)
    assert "(a)" in found(late.end())


def test_a_without_a_running_gluetun_it_is_another_namespace_too() -> None:
    story = Story()
    story.container(OWNER, "exited")
    assert "(a)" in found(story.end())


def test_a_time_in_which_nobody_could_act_does_not_count() -> None:
    for kind, on, off in (
        ("docker", {"mode": "500"}, {"mode": ""}),
        ("lock", {"holder": "deploy"}, {"holder": ""}),
        ("monitor", {"alive": False}, {"alive": True}),
        ("healer", {"alive": False}, {"alive": True}),
    ):
        story = Story()
        story.note(kind, **on)
        story.moved()
        story.wait(100.0)
        story.note(kind, **off)
        story.note("looked", known=True, ready=True)
        story.wait(1.0)
        story.container(OWNER, "running", netns=1)
        assert "(a)" not in found(story.end()), kind
        story = Story()
        story.note(kind, **on)
        story.moved()
        story.note(kind, **off)
        story.note("looked", known=True, ready=True)
        assert "(a)" in found(story.end()), kind


def test_b_one_that_should_run_and_stays_ended_is_seen() -> None:
    story = Story()
    story.container("sonarr", "exited")
    assert found(story.end()) == {"(b)"}


def test_b_not_while_gluetun_is_not_ready_or_a_pause_is_announced_or_it_is_not_wanted() -> None:
    for prepare in (
        lambda story: story.container(OWNER, health="starting"),
        lambda story: story.container(OWNER, firewall=False),
        lambda story: story.container(OWNER, "paused", netns=1),
        lambda story: story.note("wish", service="sonarr", wish="stop"),
        lambda story: story.note("wish", service="sonarr", wish="unknown"),
        lambda story: story.note("gate", present=False),
        lambda story: story.note("full", full=True),
    ):
        story = Story()
        prepare(story)
        story.container("sonarr", "exited")
        assert "(b)" not in found(story.end())


def test_b_asking_for_a_revival_before_gluetun_is_ready_is_seen() -> None:
    story = Story()
    story.note("looked", known=True, ready=False)
    story.note("asked", verb="revive", services=["sonarr"])
    assert "(b)" in found(story.end())


def test_c_starting_what_the_user_has_stopped_is_seen() -> None:
    story = Story()
    story.container("sonarr", "exited")
    story.note("wish", service="sonarr", wish="stop")
    story.wait(5.0)
    story.container("sonarr", started_by="monitor")
    assert found(story.end()) == {"(c)"}
    theirs = Story()
    theirs.container("sonarr", "exited")
    theirs.note("wish", service="sonarr", wish="stop")
    theirs.container("sonarr", started_by="user")
    assert theirs.end() == []


def test_d_two_acts_at_once_are_seen() -> None:
    asked = Story()
    asked.note("asked", verb="hold", services=["sonarr"])
    asked.note("asked", verb="revive", services=["radarr"])
    assert found(asked.end()) == {"(d)"}
    begun = Story()
    begun.note("act", phase="begin", verb="hold", services=["sonarr"])
    begun.note("act", phase="begin", verb="revive", services=["radarr"])
    assert found(begun.end()) == {"(d)"}


def test_f_a_schedule_that_does_not_converge_is_seen() -> None:
    story = Story()
    story.note("end", converged=False, why="sonarr is away")
    assert found(check(story.entries, SETTINGS)) == {"(f)"}
