"""Each promise of the monitor is seen to be broken in a history in which it is."""

from __future__ import annotations

from typing import Any

from checks.monitor_group import DEPENDENTS, GROUP, SETTINGS
from checks.monitor_history import check

OWNER = "gluetun"
DAY = 86_400.0


class Story:
    """A history that is told by hand; all is well at its beginning."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.at = 0.0
        self.cascades: list[float] = []
        self.namespace = 1
        for name in GROUP:
            self.container(name)
        self.saved()

    def note(self, kind: str, **facts: Any) -> None:
        self.entries.append({"at": self.at, "powered": self.at, "kind": kind, **facts})

    def wait(self, seconds: float) -> None:
        self.at += seconds

    def container(self, name: str, status: str = "running", **facts: Any) -> None:
        usual = {
            "service": name,
            "status": status,
            "health": "healthy",
            "netns": self.namespace if status == "running" else None,
            "incarnation": ["id", self.namespace, "boot-1"],
            "firewall": True,
            "started_by": "",
        }
        self.note("container", **{**usual, **facts})

    def saved(self, **facts: Any) -> None:
        usual = {"cascades": list(self.cascades), "pause": None, "resumed": None, "numbers": []}
        self.note("saved", steady=self.at, **{**usual, **facts})

    def act(self, verb: str, *services: str, seconds: float = 1.0) -> None:
        self.note("looked", known=True, ready=True)
        self.note("asked", verb=verb, services=list(services))
        self.note("act", phase="begin", verb=verb, services=list(services))
        self.wait(seconds)
        nothing = {"failed": {}, "busy": "", "unknown": ""}
        self.note("act", phase="end", verb=verb, services=list(services), **nothing)
        self.note("answered")

    def moved(self) -> None:
        """Gluetun has another namespace, and nobody has followed."""
        self.namespace += 1
        self.container(OWNER)

    def cascade(self, *, counted: bool = True) -> None:
        self.moved()
        if counted:
            self.cascades.append(self.at)
            self.saved()
        self.act("revive", *DEPENDENTS)
        for name in DEPENDENTS:
            self.container(name, started_by="monitor")

    def told(self, kind: str, number: int, **facts: Any) -> None:
        self.note("told", message={"number": number, "kind": kind, **facts})

    def end(self) -> list[str]:
        self.wait(60.0)
        self.note("end", converged=True, why="")
        return check(self.entries, SETTINGS)


def found(problems: list[str]) -> set[str]:
    return {problem[:3] for problem in problems}


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


def test_e_a_sixth_cascade_within_the_hour_is_seen_and_one_after_it_is_not() -> None:
    for gap, broken in ((719.9, True), (720.0, False)):
        story = Story()
        for _ in range(6):
            story.cascade()
            story.wait(gap - 1.0)
        assert ("(e)" in found(story.end())) == broken, gap


def test_e_a_pause_without_a_reason_is_seen() -> None:
    for gap, broken in ((720.1, True), (719.9, False)):
        story = Story()
        for _ in range(5):
            story.cascade()
            story.wait(gap - 1.0)
        pause = {"since": story.at, "until": story.at + 3600.0, "reason": "limit"}
        story.saved(pause=pause, numbers=[1])
        story.told("paused", 1)
        assert ("(e)" in found(story.end())) == broken, gap


def test_e_a_cascade_that_is_not_counted_is_seen() -> None:
    story = Story()
    story.cascade()
    story.cascade(counted=False)
    assert found(story.end()) == {"(e)"}


def test_e_a_count_that_begins_anew_unasked_is_seen_and_asked_it_is_not() -> None:
    for asked in (False, True):
        story = Story()
        for _ in range(5):
            story.cascade()
        if asked:
            story.note("resume")
        story.saved(resumed=story.at)
        assert ("(e)" in found(story.end())) != asked


def test_e_a_pause_that_ends_early_or_never_or_in_which_the_group_is_revived_is_seen() -> None:
    def paused(lasts: float, *, revived: bool = False) -> set[str]:
        story = Story()
        for _ in range(5):
            story.cascade()
        pause = {"since": story.at, "until": story.at + 3600.0, "reason": "limit"}
        story.saved(pause=pause)
        story.told("paused", 1)
        if revived:
            story.cascade(counted=False)
        story.wait(lasts)
        story.saved(pause=pause if lasts > 3600.0 else None)
        story.told("pause_over", 2)
        return found(story.end())

    assert paused(3600.0) == set()
    assert "(e)" in paused(1000.0)
    assert "(e)" in paused(4000.0)
    assert "(e)" in paused(3600.0, revived=True)


def test_f_a_schedule_that_does_not_converge_is_seen() -> None:
    story = Story()
    story.note("end", converged=False, why="sonarr is away")
    assert found(check(story.entries, SETTINGS)) == {"(f)"}


def test_g_a_message_that_is_lost_or_told_too_often_is_seen() -> None:
    lost = Story()
    lost.saved(numbers=[7])
    assert found(lost.end()) == {"(g)"}
    twice = Story()
    for _ in range(2):
        twice.told("held", 1, services=[])
    assert found(twice.end()) == {"(g)"}
    another = Story()
    another.told("held", 1, services=[])
    another.note("monitor", alive=False)
    another.note("monitor", alive=True)
    another.note("repeated", message={"number": 1, "kind": "paused"})
    assert found(another.end()) == {"(g)"}
    killed = Story()
    killed.told("held", 1, services=[])
    killed.note("monitor", alive=False)
    killed.note("monitor", alive=True)
    killed.note("repeated", message={"number": 1, "kind": "held", "services": []})
    assert killed.end() == []


def test_g_an_alarm_is_raised_once_repeated_by_interval_and_over_once() -> None:
    def alarms(*messages: tuple[float, str]) -> set[str]:
        story = Story()
        for number, (seconds, kind) in enumerate(messages):
            story.wait(seconds)
            story.told(kind, number, service="sonarr")
        return found(story.end())

    down, still, over = "service_down", "service_down_still", "service_down_over"
    assert alarms((0, down), (21600, still), (10, over), (10, down), (10, over)) == set()
    assert "(g)" in alarms((0, down), (10, down), (10, over))
    assert "(g)" in alarms((0, down), (100, still), (10, over))
    assert "(g)" in alarms((0, over))
    assert "(g)" in alarms((0, down))
    assert "(g)" in alarms(*((10, kind) for _ in range(8) for kind in (down, over)))


def test_g_a_pause_untold_is_seen() -> None:
    story = Story()
    for _ in range(5):
        story.cascade()
    story.saved(pause={"since": story.at, "until": story.at + 3600.0, "reason": "limit"})
    assert found(story.end()) == {"(g)"}


def test_g_what_lasts_and_nobody_tells_is_seen() -> None:
    ill = Story()
    ill.container(OWNER, health="unhealthy")
    for _ in range(40):
        ill.wait(10.0)
        ill.note("looked", known=True, ready=False)
    ill.container(OWNER)
    assert found(ill.end()) == {"(g)"}
    blind = Story()
    blind.note("docker", mode="500")
    for _ in range(20):
        blind.wait(10.0)
        blind.note("looked", known=False, ready=False)
    blind.note("docker", mode="")
    assert found(blind.end()) == {"(g)"}
