"""Messages in the monitor's history: lost, told twice or never, and alarms out of turn."""

from __future__ import annotations

from monitor_history_house import OWNER, Story, found


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
