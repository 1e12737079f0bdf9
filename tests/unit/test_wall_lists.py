"""The provider's list of servers, as the wall's keeper reads it and opens the wall for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wall_house import TOML, Kernel, a_kernel, deployed, elements, messages, outcomes, ports

from mediastack import endpoint_list, wall_state
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
