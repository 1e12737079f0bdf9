"""A restore driven to its end, also when it is killed anywhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from restore_paper import MOVE, OWNER, Paper, begun

from mediastack.restore import run, transaction

STEPS = ("stop", "swap", "start", "watch", "commit", "drop", "return", "back", "unswap", "revive")


def one(**changes: Any) -> Paper:
    return Paper({"seerr": begun("seerr", **changes)})


def end(house: Paper, service: str = "seerr") -> str:
    return str(house.journal[service]["step"])


def test_a_good_backup_ends_as_the_new_config() -> None:
    house = one()
    house.drive()
    assert end(house) == "done"
    assert (house.live["seerr"], house.staged["seerr"]) == ("new", "")
    assert house.up["seerr"] == ("new", "old"), "the image stays"
    assert house.told == [("seerr", "done")] and not house.ours


def test_one_that_is_not_well_on_it_gets_its_old_config_back() -> None:
    house = one(move=MOVE)
    house.sick.add("seerr")
    house.drive()
    assert end(house) == "undone"
    assert (house.live["seerr"], house.staged["seerr"]) == ("old", "")
    assert house.up["seerr"] == ("old", "old")
    assert "unhealthy" in house.journal["seerr"]["why"] and not house.journal["seerr"]["sick"]


def test_what_cannot_be_stopped_is_as_it_was() -> None:
    house = one()
    house.troubles = [("seerr", "stop", "passing")]
    house.drive()
    assert (end(house), house.live["seerr"]) == ("failed", "old")
    assert house.up["seerr"] == ("old", "old") and house.staged["seerr"] == ""


@pytest.mark.parametrize("step", ["swap", "start"])
def test_what_fails_from_the_swap_on_is_taken_back(step: str) -> None:
    house = one(move=MOVE)
    house.troubles = [("seerr", step, "bad")]
    house.drive()
    assert (end(house), house.live["seerr"]) == ("undone", "old")
    assert house.up["seerr"] == ("old", "old")


def test_one_that_the_user_has_stopped_is_exchanged_and_its_old_config_kept() -> None:
    house = one(runs=False)
    house.drive()
    assert (end(house), house.live["seerr"], house.up["seerr"]) == ("done", "new", None)
    assert house.kept == {"seerr"}


def test_one_that_the_user_stops_meanwhile_counts_as_that() -> None:
    house = one()
    house.sick.add("seerr")
    sleep = house.sleep

    def stopping(seconds: float) -> None:
        sleep(seconds)
        house.stopped_by_user.add("seerr")
        house.up["seerr"] = None

    house.sleep = stopping  # type: ignore[method-assign]
    house.drive()
    assert (end(house), house.live["seerr"], house.up["seerr"]) == ("done", "new", None)
    assert house.kept == {"seerr"}


def test_a_service_without_a_config_gets_one_and_loses_it_again() -> None:
    house = one(old=None)
    house.drive()
    assert (end(house), house.live["seerr"]) == ("done", "new")
    house = one(old=None)
    house.sick.add("seerr")
    house.drive()
    assert (end(house), house.live["seerr"]) == ("undone", "")


def test_a_lock_that_cannot_be_had_leaves_everything_as_it_is() -> None:
    house = one()
    house.busy = 1
    house.drive()
    assert (end(house), house.live["seerr"]) == ("failed", "old")
    assert house.up["seerr"] == ("old", "old") and "the lock" in house.journal["seerr"]["why"]


def test_a_lock_that_cannot_be_had_later_changes_no_direction() -> None:
    house = one()
    house.journal["seerr"] |= {"step": "swap", "tries": 1}
    house.busy = 2
    house.drive()
    assert end(house) == "done" and house.now > 0


def test_what_is_stuck_is_told_and_left_to_a_later_run() -> None:
    house = one()
    house.sick.add("seerr")
    house.troubles = [("seerr", "unswap", "passing")] * 7
    house.drive()
    assert end(house) == "unswap" and house.journal["seerr"]["stuck"] == "passing at unswap"
    assert house.told == [("seerr", "stuck")]
    house.drive()
    assert (end(house), house.live["seerr"]) == ("undone", "old")


def test_a_tree_that_cannot_be_removed_keeps_nobody_from_the_end() -> None:
    house = one()
    house.troubles = [("seerr", "drop", "passing")] * 3
    house.drive()
    assert end(house) == "done" and house.journal["seerr"]["left"] == "passing at drop"


def test_dependents_wait_for_the_owner_and_others_do_not() -> None:
    names = ("sonarr", OWNER, "seerr")
    house = Paper({name: begun(name) for name in names})
    order: list[str] = []
    stop = house.stop

    def noted(tx: Any) -> None:
        order.append(tx["service"])
        if tx["service"] == "sonarr":
            assert transaction.is_over(house.journal[OWNER])
        stop(tx)

    house.stop = noted  # type: ignore[method-assign]
    house.drive()
    assert order == [OWNER, "seerr", "sonarr"]
    assert {one["step"] for one in house.journal.values()} == {"done"}


def test_dependents_of_an_owner_that_is_stuck_are_left_alone() -> None:
    house = Paper({name: begun(name) for name in (OWNER, "sonarr")})
    house.sick.add(OWNER)
    house.troubles = [(OWNER, "back", "passing")] * 9
    house.drive()
    assert (end(house, OWNER), end(house, "sonarr")) == ("back", "stop")
    assert house.up["sonarr"] == ("old", "old")


def test_a_step_that_kills_us_each_time_is_not_tried_for_ever() -> None:
    house = one()
    lines = [house.lines]

    def until_stop(tx: Any) -> None:
        lines.append(1)
        house.kill_at = house.lines + 1
        house.line()

    house.stop = until_stop  # type: ignore[method-assign]
    house.drive([-1] * (transaction.MOST_TRIES + 1))
    assert end(house) == "failed" and len(lines) == transaction.MOST_TRIES + 1


def test_every_kill_of_a_good_and_of_a_bad_restore() -> None:
    """One kill at each line there is, then the same again with two."""
    for sick in (False, True):
        for changes in ({}, {"move": MOVE}, {"atomic": False}, {"old": None}, {"runs": False}):
            undisturbed = one(**changes)
            undisturbed.sick |= {"seerr"} if sick else set()
            undisturbed.drive()
            for kill in range(1, undisturbed.lines + 1):
                for again in (-1, 1, 3, 6):
                    house = one(**changes)
                    house.sick |= {"seerr"} if sick else set()
                    house.drive([kill, again])
                    judge(house, may_fail=False)
                    assert end(house) == end(undisturbed)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_order_of_kills_and_troubles(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from([OWNER, "sonarr", "radarr", "seerr"]),
                               min_size=1, unique=True))  # fmt: skip
    house = Paper({name: begun(
        name,
        old=data.draw(st.sampled_from([1, None])),
        runs=data.draw(st.booleans()),
        atomic=data.draw(st.booleans()),
        move=data.draw(st.sampled_from([None, MOVE])),
    ) for name in names})  # fmt: skip
    house.sick = set(data.draw(st.lists(st.sampled_from(names), unique=True)))
    house.busy = data.draw(st.integers(0, 3))
    house.troubles = data.draw(
        st.lists(st.tuples(st.sampled_from(names), st.sampled_from(STEPS),
                           st.sampled_from(["passing", "bad"])), max_size=4)
    )  # fmt: skip
    house.drive(data.draw(st.lists(st.integers(1, 40), max_size=5)))
    for _ in range(3):
        house.drive()
    judge(house, may_fail=True)


def judge(house: Paper, *, may_fail: bool) -> None:
    """By what is there, and not by what the journal says alone."""
    house.check()
    for name, tx in house.journal.items():
        assert transaction.is_over(tx), tx
        restored = tx["step"] == "done"
        assert house.live[name] == ("new" if restored else "old" if tx["old"] else "")
        assert (house.staged[name] == "" or tx["left"]) and name not in house.aside
        assert house.image[name] == ("new" if restored and tx["move"] else "old")
        wanted = name not in house.stopped_by_user
        if wanted and house.live[name]:
            assert house.up[name] == (house.live[name], house.image[name]), "it stays stopped"
        assert name not in house.ours, "its stop is still explained"
        if name in house.sick and wanted:
            assert not restored
        if not may_fail and name not in house.sick:
            assert restored


def test_the_pauses_grow_and_end() -> None:
    tx = begun("seerr")
    pauses = [transaction.pause_seconds({**tx, "tries": tries}) for tries in range(9)]
    assert pauses == sorted(pauses) and pauses[-1] == transaction.LONGEST_PAUSE_SECONDS
    assert run.MOST_TRIES_IN_A_RUN > run.TELL_AFTER_TRIES


def test_a_step_without_a_next_one_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="no step that has a next one"):
        transaction.after({**begun("seerr"), "step": "done"}, transaction.DONE)
