"""The wall's keeper: one look after another, with nft and Docker as they may be."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from wall_house import TOML, Kernel, a_kernel, deployed, messages, outcomes, ports

from mediastack import nft, wall, wall_keeper, wall_rules, wall_state
from mediastack.wall import Keeper


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return a_kernel(monkeypatch)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    return deployed(tmp_path, monkeypatch)


@pytest.fixture
def keeper(kernel: Kernel, write: Callable[..., None], tmp_path: Path) -> Keeper:
    write()
    return Keeper(str(tmp_path / "wall.json"))


def test_second_look_loads_nothing(keeper: Keeper, kernel: Kernel, tmp_path: Path) -> None:
    keeper.look()
    before = (tmp_path / "wall.json").stat().st_mtime_ns
    keeper.look()
    assert kernel.loads == 1
    assert (tmp_path / "wall.json").stat().st_mtime_ns == before
    assert outcomes(tmp_path) == ["built"]


def test_keeper_that_is_started_anew_finds_its_wall(
    keeper: Keeper, kernel: Kernel, tmp_path: Path
) -> None:
    keeper.look()
    Keeper(keeper.path).look()
    assert kernel.loads == 1
    kernel.table = None
    Keeper(keeper.path).look()
    assert outcomes(tmp_path) == ["built", "mended"]
    assert messages(tmp_path) == ["The second wall was damaged"]


def test_counts_survive_mending(keeper: Keeper, kernel: Kernel) -> None:
    keeper.look()
    assert kernel.table is not None
    kernel.table["nftables"][0]["counter"] |= {"packets": 7, "bytes": 700}
    kernel.table["nftables"] = kernel.table["nftables"][:-1]
    keeper.look()
    assert wall_rules.counts(kernel.table)["owner_ipv4"] == {"packets": 7, "bytes": 700}


def test_nft_that_fails_is_told_once_tried_again_and_its_end_is_told(
    keeper: Keeper, kernel: Kernel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel.refuses = "nft: netlink: no"
    for _ in range(3):
        keeper.look()
    assert outcomes(tmp_path) == ["down"]
    assert capsys.readouterr().err.count("no") == 1
    keeper = Keeper(keeper.path)
    keeper.look()
    assert capsys.readouterr().err.count("no") == 1
    kernel.refuses = ""
    keeper.look()
    assert outcomes(tmp_path) == ["down", "built", "stands again"]
    assert messages(tmp_path) == ["The second wall is down", "The second wall stands again"]


def test_kernel_that_takes_the_rules_and_has_others_is_a_failure(
    keeper: Keeper, kernel: Kernel, tmp_path: Path
) -> None:
    kernel.forgets = True
    keeper.look()
    assert outcomes(tmp_path) == ["down"]


def test_configuration_that_breaks_leaves_the_last_good_one_in_force(
    keeper: Keeper, kernel: Kernel, write: Callable[..., None], tmp_path: Path
) -> None:
    keeper.look()
    write(text="schema = 2")
    assert keeper.is_outdated()
    kernel.table = None
    keeper.look()
    assert kernel.table is not None
    assert not keeper.is_outdated()
    assert outcomes(tmp_path) == ["built", "mended"]


def test_without_any_configuration_it_says_so_and_waits(
    kernel: Kernel, write: Callable[..., None], tmp_path: Path
) -> None:
    write(text='schema = 1\n[paths]\nstate = "{state}"')
    keeper = Keeper(str(tmp_path / "wall.json"))
    keeper.look()
    assert outcomes(tmp_path) == ["down"]
    write()
    keeper.look()
    assert outcomes(tmp_path) == ["down", "built", "stands again"]


@pytest.mark.parametrize("value", ['"nowhere"', "7", "[[]]"])
def test_configuration_of_nonsense_is_told_and_not_died_of(
    kernel: Kernel, write: Callable[..., None], tmp_path: Path, value: str
) -> None:
    write(text=TOML.replace('["172.30.0.0/24"]', value))
    Keeper(str(tmp_path / "wall.json")).look()
    assert outcomes(tmp_path) == ["down"]


def test_way_that_gluetun_was_created_for_stays_open_until_it_is_recreated(
    keeper: Keeper, kernel: Kernel, write: Callable[..., None], tmp_path: Path
) -> None:
    keeper.look()
    created = wall_state.nothing() | {"endpoints": [["", 51820]], "bridges": ["br-1"]}
    assert keeper.take(created)  # type: ignore[arg-type]
    assert not keeper.take(created)  # type: ignore[arg-type]
    write(1637)
    keeper.look()
    assert ports(kernel) == [1637, 51820]
    # Also for a keeper that was started meanwhile, before Docker answers.
    Keeper(keeper.path).look()
    assert ports(kernel) == [1637, 51820]
    keeper.take(wall_state.nothing() | {"endpoints": [["", 1637]]})  # type: ignore[arg-type]
    keeper.look()
    assert ports(kernel) == [1637]
    assert set(outcomes(tmp_path)) == {"built", "changed"}
    assert messages(tmp_path) == []


def test_table_is_listed_only_when_some_ruleset_changed_and_every_ten_minutes(
    kernel: Kernel, write: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write()
    now, lists = [0.0], [0]
    listed = kernel.listed

    def counted(family: str, table: str) -> dict[str, Any] | None:
        lists[0] += 1
        return listed(family, table)

    monkeypatch.setattr(nft, "listed", counted)
    keeper = Keeper(str(tmp_path / "wall.json"), clock=lambda: now[0])
    for _ in range(10):
        keeper.look()
    assert lists[0] == 2  # before and after loading
    now[0] += wall_keeper.COMPARE_SECONDS + 1
    keeper.look()
    assert lists[0] == 3
    # A kernel that does not say is asked each time.
    monkeypatch.setattr(nft, "generation", lambda: None)
    for _ in range(3):
        keeper.look()
    assert lists[0] == 6


def test_state_that_cannot_be_written_does_not_leave_the_wall_down(
    kernel: Kernel, write: Callable[..., None], tmp_path: Path
) -> None:
    write()
    keeper = Keeper(str(tmp_path / "no" / "such" / "wall.json"))
    keeper.look()
    keeper.look()
    assert kernel.loads == 1


def test_answer_of_docker_that_nobody_expected_is_no_end(
    keeper: Keeper, capsys: pytest.CaptureFixture[str]
) -> None:
    strange: Future[Any] = Future()
    strange.set_exception(KeyError("Id"))
    assert not wall.take(strange, keeper.take)
    assert "asking Docker" in capsys.readouterr().err


def test_a_process_begun_between_a_deploys_files_ends_for_one_that_finds_them_whole(
    keeper: Keeper,
) -> None:
    half: Future[Any] = Future()
    half.set_exception(ModuleNotFoundError("No module named 'docker'"))
    with pytest.raises(SystemExit, match="not whole"):
        wall.take(half, keeper.take)


def test_docker_away_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    assert wall.ask({"services": {"gluetun": {"owner": True}}, "stacks": {}}) is None
    assert wall.ask(None) is None
