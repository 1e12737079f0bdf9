"""The wall's keeper: one look after another, with nft and Docker as they may be."""

from __future__ import annotations

import copy
import json
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from mediastack import config as configuration
from mediastack import endpoint_list, nft, wall, wall_keeper, wall_rules, wall_state
from mediastack.wall import Keeper

TOML = """
schema = 1
[services.gluetun]
owner = true
config = "{state}/gluetun"
[services.seerr]
[stacks.downloads]
[vpn]
provider = "{provider}"
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

    def generation(self) -> int:
        """Another number for another table, whoever changed it."""
        return zlib.crc32(json.dumps(self.table).encode())

    def load(self, ruleset: dict[str, Any]) -> None:
        if self.refuses:
            raise nft.NftError(self.refuses)
        self.loads += 1
        added = [one["add"] for one in ruleset["nftables"] if "add" in one]
        objects = copy.deepcopy([one for one in added if "table" not in one])
        self.table = {"nftables": objects[: len(objects) // 2] if self.forgets else objects}


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(nft, "listed", made.listed)
    monkeypatch.setattr(nft, "load", made.load)
    monkeypatch.setattr(nft, "generation", made.generation)
    return made


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    path = tmp_path / "mediastack.toml"
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(path))
    # Where ledger and spool are while the configuration cannot be read.
    monkeypatch.setitem(configuration.DEFAULT_PATHS, "state", str(tmp_path))

    def written(port: int = 51820, text: str = TOML, provider: str = "protonvpn") -> None:
        fresh = tmp_path / "fresh"
        fresh.write_text(text.format(port=port, state=tmp_path, provider=provider))
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


def elements(kernel: Kernel, name: str) -> list[Any]:
    """The elements of a set."""
    assert kernel.table is not None
    sets = [one["set"] for one in kernel.table["nftables"] if "set" in one]
    found: list[Any] = next(one.get("elem", []) for one in sets if one["name"] == name)
    return found


def ports(kernel: Kernel) -> list[int]:
    """The elements of endpoint_ports."""
    return elements(kernel, "endpoint_ports")


def gluetun_writes(folder: Path, **providers: list[str]) -> None:
    """Its list of servers, as it writes it."""
    (folder / "gluetun").mkdir(exist_ok=True)
    listed: dict[str, Any] = {"version": 1}
    for name, several in providers.items():
        servers = [{"vpn": "wireguard", "ips": [one]} for one in several]
        listed[name] = {"version": 4, "timestamp": 1, "servers": servers}
    (folder / "gluetun" / "servers.json").write_text(json.dumps(listed))


def read(keeper: Keeper) -> bool:
    """What the loop does each tick: read the list when it is another; whether that was news."""
    where = keeper.where()
    return keeper.lists.due(*where) and keeper.take_lists(keeper.lists.read(*where))


def test_without_any_list_the_port_is_open_and_with_the_first_one_no_longer(
    keeper: Keeper, kernel: Kernel, tmp_path: Path
) -> None:
    keeper.look()
    assert elements(kernel, "unlisted_ports") == [51820]
    gluetun_writes(tmp_path, protonvpn=["198.51.100.10"], mullvad=["198.51.100.99"])
    assert read(keeper)
    keeper.look()
    assert elements(kernel, "servers_ipv4") == ["198.51.100.10"]
    assert elements(kernel, "unlisted_ports") == []
    assert not read(keeper)
    assert outcomes(tmp_path) == ["built", "changed"]
    assert messages(tmp_path) == []


def test_list_that_is_there_before_the_wall_leaves_the_port_open_at_no_moment(
    keeper: Keeper, kernel: Kernel, tmp_path: Path
) -> None:
    gluetun_writes(tmp_path, protonvpn=["198.51.100.10"])
    keeper.look()
    assert kernel.loads == 1
    assert elements(kernel, "unlisted_ports") == []


@pytest.mark.parametrize("damage", ["{", "", "[]", '{"protonvpn": 7}', "gone"])
def test_list_that_is_damaged_or_gone_leaves_the_last_good_one_in_force_also_after_a_boot(
    keeper: Keeper, kernel: Kernel, tmp_path: Path, damage: str
) -> None:
    gluetun_writes(tmp_path, protonvpn=["198.51.100.10"])
    keeper.look()
    path = tmp_path / "gluetun" / "servers.json"
    path.unlink() if damage == "gone" else path.write_text(damage)
    assert not read(keeper)
    for one in (keeper, Keeper(keeper.path)):
        kernel.table = None
        one.look()
        assert elements(kernel, "servers_ipv4") == ["198.51.100.10"]
        assert elements(kernel, "unlisted_ports") == []


def test_servers_of_the_list_before_are_reached_until_gluetun_has_started_anew(
    keeper: Keeper, kernel: Kernel, tmp_path: Path
) -> None:
    gluetun_writes(tmp_path, protonvpn=["198.51.100.10", "198.51.100.11"])
    keeper.look()
    running = wall_state.nothing() | {"started": 1000.0}
    keeper.take(running)  # type: ignore[arg-type]
    gluetun_writes(tmp_path, protonvpn=["198.51.100.11", "198.51.100.12"])
    assert read(keeper)
    three = ["198.51.100.10", "198.51.100.11", "198.51.100.12"]
    for one in (keeper, Keeper(keeper.path)):
        one.look()
        assert elements(kernel, "servers_ipv4") == three
    restarted = wall_state.nothing() | {"started": time.time() + 1}
    keeper.take(restarted)  # type: ignore[arg-type]
    keeper.look()
    assert elements(kernel, "servers_ipv4") == three[1:]
    assert messages(tmp_path) == []


def test_another_provider_opens_nothing_but_its_own_servers_beside_the_old_ones(
    keeper: Keeper, kernel: Kernel, write: Callable[..., None], tmp_path: Path
) -> None:
    gluetun_writes(tmp_path, protonvpn=["198.51.100.10"], mullvad=["198.51.100.99"])
    keeper.look()
    created = {"endpoints": [["", 51820]], "providers": ["protonvpn"]}
    keeper.take(wall_state.nothing() | created)  # type: ignore[arg-type]
    write(provider="mullvad")
    keeper.look()
    assert elements(kernel, "servers_ipv4") == ["198.51.100.10", "198.51.100.99"]
    assert elements(kernel, "unlisted_ports") == []
    keeper.take(wall_state.nothing() | created | {"providers": ["mullvad"]})  # type: ignore[arg-type]
    keeper.look()
    assert elements(kernel, "servers_ipv4") == ["198.51.100.99"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("servers_ipv4", []),
        ("servers_ipv4", ["198.51.100.10", "203.0.113.80"]),
        ("unlisted_ports", [51820]),
    ],
)
def test_set_that_was_emptied_or_widened_is_mended_with_an_alarm(
    keeper: Keeper, kernel: Kernel, tmp_path: Path, name: str, change: list[Any]
) -> None:
    gluetun_writes(tmp_path, protonvpn=["198.51.100.10"])
    keeper.look()
    before = elements(kernel, name)
    assert kernel.table is not None
    sets = [one["set"] for one in kernel.table["nftables"] if "set" in one]
    next(one for one in sets if one["name"] == name)["elem"] = change
    keeper.look()
    assert elements(kernel, name) == before
    assert messages(tmp_path) == ["The second wall was damaged"]


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


def test_custom_endpoint_needs_no_list(
    kernel: Kernel, write: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("read a list")

    monkeypatch.setattr(endpoint_list, "read_apart", never)
    write(text=TOML.replace('address = ""', 'address = "198.51.100.10"'), provider="custom")
    keeper = Keeper(str(tmp_path / "wall.json"))
    keeper.look()
    assert not keeper.lists.due(*keeper.where())
    assert elements(kernel, "exact_ipv4") == ["198.51.100.10"]
    assert ports(kernel) == elements(kernel, "unlisted_ports") == []


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
