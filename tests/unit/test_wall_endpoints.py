"""What the wall knows of the provider's servers: the last good list, and the one before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediastack import endpoint_list, wall_endpoints
from mediastack.wall_endpoints import Known, Lists, merged, servers, settled

A, B, C, D = (f"198.51.100.{number}" for number in range(4))
P = ["protonvpn"]


def known(*current: str, older: tuple[str, ...] = (), at: float = 0.0) -> Known:
    return {"protonvpn": {"current": [*current], "older": [*older], "replaced_at": at}}


def test_first_list_is_in_force_and_has_replaced_nothing() -> None:
    assert merged({}, {"protonvpn": [A, B]}, 5.0) == known(A, B)
    assert servers({}, P) is None
    assert servers(known(A, B), P) == {A, B}
    assert servers(known(A), [*P, "ivpn"]) is None


def test_what_a_new_list_no_longer_has_stays_until_gluetun_started_after_it() -> None:
    after = merged(known(A, B), {"protonvpn": [B, C]}, 5.0)
    assert after == known(B, C, older=(A,), at=5.0)
    assert servers(after, P) == {A, B, C}
    assert settled(after, None) == after
    assert settled(after, 4.9) == after
    assert settled(after, 5.1) == known(B, C, at=5.0)


def test_what_comes_back_is_no_longer_old_and_a_second_list_adds_to_the_old_ones() -> None:
    after = merged(known(B, C, older=(A,), at=5.0), {"protonvpn": [A, D]}, 9.0)
    assert after == known(A, D, older=(B, C), at=9.0)


def test_list_without_the_provider_or_the_same_one_changes_nothing() -> None:
    before = known(A, older=(B,), at=5.0)
    assert merged(before, {}, 9.0) == before
    assert merged(before, {"protonvpn": [A]}, 9.0) == before
    assert merged(before, {"mullvad": [D]}, 9.0)["protonvpn"] == before["protonvpn"]


def test_old_ones_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_list, "MAXIMUM_ADDRESSES", 2)
    after = merged(known(A, older=(B, C), at=5.0), {"protonvpn": [D]}, 9.0)
    assert after == known(D, older=(A,), at=9.0)


@given(st.lists(st.one_of(st.sets(st.sampled_from([A, B, C, D]), min_size=1), st.floats(0, 50))))
def test_no_order_of_lists_and_starts_cuts_off_what_a_running_gluetun_knows(
    events: list[Any],
) -> None:
    state: Known = {}
    running: set[str] = set()
    now, on_disk = 0.0, set[str]()
    for event in events:
        now += 1.0
        if isinstance(event, float):
            # It starts, reads what is on disk, and only later Docker is asked when that was.
            running, state = set(on_disk), settled(state, now)
        else:
            # It is updated by itself or by a hand; a running one may know both from now on.
            on_disk = set(event)
            running |= on_disk
            state = merged(state, {"protonvpn": sorted(on_disk)}, now)
        assert running <= (servers(state, P) or running)


def test_it_is_kept_on_disk_and_what_is_damaged_there_counts_as_absent(tmp_path: Path) -> None:
    place = str(tmp_path / "known.json")
    lists = Lists(place, clock=lambda: 7.0)
    assert lists.take({"protonvpn": [A]}, None)
    assert not lists.take({"protonvpn": [A]}, None)
    assert lists.take({"protonvpn": [B]}, None)
    assert Lists(place).known == known(B, older=(A,), at=7.0)
    Path(place).write_text('{"protonvpn": {"current": 7}, "ivpn": 3}')
    assert Lists(place).known == {}
    Path(place).write_text("{")
    assert Lists(place).known == {}


def test_disk_that_is_full_is_no_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists = Lists(str(tmp_path / "no" / "known.json"))
    assert lists.take({"protonvpn": [A]}, None)
    assert servers(lists.known, P) == {A}
    assert "known.json" in capsys.readouterr().err


def test_list_is_read_once_and_a_broken_one_again_after_a_while_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lists, now = Lists(str(tmp_path / "known.json")), [1000.0]
    monkeypatch.setattr(wall_endpoints.time, "monotonic", lambda: now[0])
    assert not lists.due("", P)
    assert not lists.due(str(tmp_path), [])
    assert lists.due(str(tmp_path), P)
    assert lists.read(str(tmp_path), P) == {}
    assert not lists.due(str(tmp_path), P)
    (tmp_path / "servers.json").write_text("{")
    for _ in range(2):
        assert lists.due(str(tmp_path), P)
        assert lists.read(str(tmp_path), P) == {}
        assert not lists.due(str(tmp_path), P)
        now[0] += wall_endpoints.RETRY_SECONDS + 1
    assert capsys.readouterr().err.count("not JSON") == 1
    assert "not JSON" in lists.problem
    (tmp_path / "servers.json").write_text("{}")
    assert lists.read(str(tmp_path), P) == {}
    now[0] += wall_endpoints.RETRY_SECONDS + 1
    assert not lists.due(str(tmp_path), P)
    assert lists.due(str(tmp_path), ["ivpn"])


def test_list_that_is_being_written_is_no_problem_and_read_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = Lists(str(tmp_path / "known.json"))
    listed = tmp_path / "servers.json"
    listed.write_text("{")

    def meanwhile(*_: Any) -> Any:
        listed.write_text("{}")
        raise endpoint_list.ListError("is not JSON")

    with monkeypatch.context() as patched:
        patched.setattr(endpoint_list, "read_apart", meanwhile)
        assert lists.read(str(tmp_path), P) == {}
    assert lists.problem == capsys.readouterr().err == ""
    assert lists.due(str(tmp_path), P)
    lists.read(str(tmp_path), P)
    assert not lists.due(str(tmp_path), P)
