"""The wall's keeper: one look after another, with nft and Docker as they may be."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from mediastack import config as configuration
from mediastack import nft, wall, wall_rules, wall_state
from mediastack.wall import Keeper

TOML = """
schema = 1
[services.gluetun]
owner = true
[services.seerr]
[stacks.downloads]
[vpn]
endpoints = [{{address = "", port = {port}}}]
[wall]
subnets = ["172.30.0.0/24"]
owner_addresses = ["172.30.0.10"]
egress_addresses = []
outbound_subnets = []
[paths]
state = "{state}"
"""


class Kernel:
    """A packet filter that holds one table, or refuses."""

    def __init__(self) -> None:
        self.table: dict[str, Any] | None = None
        self.refuses = ""
        self.forgets = False
        self.loads = 0

    def listed(self, family: str, table: str) -> dict[str, Any] | None:
        assert (family, table) == ("inet", "mediastack_wall")
        if self.refuses:
            raise nft.NftError(self.refuses)
        return copy.deepcopy(self.table)

    def load(self, ruleset: dict[str, Any]) -> None:
        if self.refuses:
            raise nft.NftError(self.refuses)
        self.loads += 1
        added = [one["add"] for one in ruleset["nftables"] if "add" in one]
        objects = [one for one in added if "table" not in one]
        self.table = {"nftables": objects[: len(objects) // 2] if self.forgets else objects}


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(nft, "listed", made.listed)
    monkeypatch.setattr(nft, "load", made.load)
    return made


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    path = tmp_path / "mediastack.toml"
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(path))
    # Where ledger and spool are while the configuration cannot be read.
    monkeypatch.setitem(configuration.DEFAULT_PATHS, "state", str(tmp_path))

    def written(port: int = 51820, text: str = TOML) -> None:
        fresh = tmp_path / "fresh"
        fresh.write_text(text.format(port=port, state=tmp_path))
        fresh.rename(path)

    return written


@pytest.fixture
def keeper(kernel: Kernel, write: Callable[..., None], tmp_path: Path) -> Keeper:
    write()
    return Keeper(str(tmp_path / "wall.json"))


def outcomes(folder: Path) -> list[str]:
    path = folder / "ledger.jsonl"
    return [json.loads(one)["outcome"] for one in path.read_text().splitlines()]


def messages(folder: Path) -> list[str]:
    return [json.loads(one.read_text())["title"] for one in sorted(folder.glob("spool/new/*"))]


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


def ports(kernel: Kernel) -> list[int]:
    """The elements of endpoint_ports."""
    assert kernel.table is not None
    sets = [one["set"] for one in kernel.table["nftables"] if "set" in one]
    found: list[int] = next(one["elem"] for one in sets if one["name"] == "endpoint_ports")
    return found


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
    assert not wall.take(strange, keeper)
    assert "asking Docker" in capsys.readouterr().err


def test_docker_away_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    assert wall.ask({"services": {"gluetun": {"owner": True}}, "stacks": {}}) is None
    assert wall.ask(None) is None


def test_ready_is_said_to_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        wall._say_ready()
        assert heard.recv(100) == b"READY=1"
    # Nobody there is fine too.
    wall._say_ready()
    monkeypatch.delenv("NOTIFY_SOCKET")
    wall._say_ready()


def test_a_boot_is_another_kernel_or_another_first_process(tmp_path: Path) -> None:
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "1").mkdir()
    stat = "1 (sys) temd) S " + " ".join(str(number) for number in range(4, 53))
    found = set()
    for kernel, line in (("a", stat), ("b", stat), ("a", stat.replace(" 22 ", " 9 "))):
        (tmp_path / "sys/kernel/random/boot_id").write_text(f"{kernel}\n")
        (tmp_path / "1/stat").write_text(line)
        found.add(wall.boot(str(tmp_path)))
    assert found == {"a 22", "b 22", "a 9"}
