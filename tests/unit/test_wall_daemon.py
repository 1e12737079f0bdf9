"""The wall's keeper as a program: with the real nft, in network namespaces of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wall_netns
from wall_netns import House, listed

from mediastack import wall_compare

reason = wall_netns.problem()
pytestmark = [
    pytest.mark.skipif(bool(reason), reason=reason),
    pytest.mark.timeout(60),
    pytest.mark.xdist_group("wall-netns"),
]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with wall_netns.house() as made:
        yield made


@pytest.fixture
def daemon(house: House, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The program itself, in the host."""
    toml = tmp_path / "mediastack.toml"
    toml.write_text(configuration(tmp_path, 51820))
    (tmp_path / "gluetun").mkdir()
    gluetun_writes(tmp_path, "198.51.100.10", "2001:db8:f::10")
    environment = {**os.environ, "MEDIASTACK_CONFIG": str(toml), "PYTHONPATH": wall_netns.FILES,
                   "DOCKER_HOST": f"unix://{tmp_path}/none"}  # fmt: skip
    house.run("host", "nft", "flush", "ruleset")
    running = house.start("host", sys.executable, "-m", "mediastack", "wall", env=environment)
    try:
        wait(lambda: listed(house) is not None)
        yield {"house": house, "toml": toml, "process": running, "state": tmp_path}
    finally:
        running.terminate()
        running.wait(10)


def configuration(state: Path, port: int) -> str:
    """mediastack.toml, as far as the wall reads it."""
    return f"""
schema = 1
[paths]
state = "{state}"
[services.gluetun]
owner = true
config = "{state}/gluetun"
[stacks.downloads]
[vpn]
provider = "protonvpn"
endpoints = [{{address = "", port = {port}}}]
[wall]
subnets = ["172.30.0.0/24", "2001:db8:30::/64"]
owner_addresses = ["172.30.0.10", "2001:db8:30::a"]
egress_addresses = []
outbound_subnets = []
"""


def gluetun_writes(state: Path, *addresses: str) -> None:
    """Its list of servers, in place, as it writes it."""
    server = {"vpn": "wireguard", "ips": list(addresses)}
    listed = {"version": 1, "protonvpn": {"version": 4, "timestamp": 1, "servers": [server]}}
    (state / "gluetun" / "servers.json").write_text(json.dumps(listed))


def wait(until: Any, seconds: float = 10.0) -> float:
    """How long it took."""
    started = time.monotonic()
    while not until():
        assert time.monotonic() - started < seconds
        time.sleep(0.01)
    return time.monotonic() - started


def outcomes(state: Path) -> list[str]:
    """What the ledger says of the wall."""
    ledger = state / "ledger.jsonl"
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return [json.loads(one)["outcome"] for one in lines]


def messages(state: Path) -> list[dict[str, Any]]:
    """What waits to be sent."""
    return [json.loads(one.read_text()) for one in sorted(state.glob("spool/new/*.json"))]


def test_a_flushed_ruleset_is_mended_within_a_second_and_told_once(daemon: dict[str, Any]) -> None:
    house, state = daemon["house"], daemon["state"]
    wait(lambda: outcomes(state) == ["built"])
    house.run("host", "nft", "flush", "ruleset")
    assert wait(lambda: listed(house) is not None) < 1.0
    wait(lambda: outcomes(state) == ["built", "mended"])
    wait(lambda: messages(state))
    (message,) = messages(state)
    assert message["priority"] == 5
    assert "stands again" in message["message"]


@pytest.mark.parametrize(
    "damage",
    [
        "delete table inet mediastack_wall",
        "flush chain inet mediastack_wall judge",
        "flush set inet mediastack_wall owners_ipv4",
        "insert rule inet mediastack_wall judge accept",
        "delete element inet mediastack_wall subnets_ipv4 { 172.30.0.0/24 }",
        "flush set inet mediastack_wall servers_ipv4",
        "add element inet mediastack_wall servers_ipv6 { 2001:db8:f::80 }",
        "add element inet mediastack_wall unlisted_ports { 51820 }",
    ],
)
def test_any_damage_is_mended_within_a_second(daemon: dict[str, Any], damage: str) -> None:
    house, state = daemon["house"], daemon["state"]
    wait(lambda: outcomes(state) == ["built"])
    whole = wall_compare.normal((listed(house) or {})["nftables"])
    house.run("host", "nft", damage)

    def is_whole() -> bool:
        return wall_compare.normal((listed(house) or {"nftables": []})["nftables"]) == whole

    assert wait(is_whole) < 1.0
    wait(lambda: "mended" in outcomes(state))


def test_another_endpoint_is_no_alarm(daemon: dict[str, Any]) -> None:
    house, state = daemon["house"], daemon["state"]
    wait(lambda: outcomes(state) == ["built"])
    fresh = daemon["toml"].with_suffix(".new")
    fresh.write_text(configuration(state, 1637))
    fresh.rename(daemon["toml"])
    wait(lambda: "1637" in house.run("host", "nft", "list", "table", "inet", "mediastack_wall"))
    wait(lambda: outcomes(state) == ["built", "changed"])
    assert messages(state) == []


def test_packets_go_to_the_servers_of_the_list_and_soon_to_those_of_a_new_one(
    daemon: dict[str, Any],
) -> None:
    house, state = daemon["house"], daemon["state"]
    tries = [
        (protocol, target, 51820, 0)
        for protocol in ("udp", "tcp")
        for target in ("198.51.100.10", "203.0.113.80", "2001:db8:f::10", "2001:db8:f::80")
    ]

    def reached() -> set[tuple[str, str]]:
        house.arrived()
        house.send("owner", *tries)
        return {(one.protocol, one.target) for one in house.arrived()}

    first = {("udp", "198.51.100.10"), ("udp", "2001:db8:f::10")}
    assert reached() == first
    gluetun_writes(state, "203.0.113.80")
    table = ("nft", "list", "table", "inet", "mediastack_wall")
    assert wait(lambda: "203.0.113.80" in house.run("host", *table)) < 5.0
    # A running Gluetun may still use one of the list before.
    assert reached() == {*first, ("udp", "203.0.113.80")}
    wait(lambda: outcomes(state) == ["built", "changed"])
    assert messages(state) == []


def test_the_end_of_the_program_is_not_the_end_of_the_wall(daemon: dict[str, Any]) -> None:
    wait(lambda: outcomes(daemon["state"]) == ["built"])
    daemon["process"].terminate()
    assert daemon["process"].wait(10) == 0
    assert listed(daemon["house"]) is not None
