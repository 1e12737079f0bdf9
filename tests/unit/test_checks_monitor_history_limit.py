"""The limit in the monitor's history: a cascade too many, a pause without reason, a lost count."""

from __future__ import annotations

from monitor_history_house import Story, found


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
