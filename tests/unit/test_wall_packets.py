"""The second wall, tried with packets and the real nft in network namespaces of its own."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wall_netns
from wall_netns import House, listed

from checks.faults import wall as wall_faults
from mediastack import wall_compare, wall_rules, wall_state
from mediastack.wall_rules import Wall
from tests.unit import smoke_house

WALL = Wall(
    bridges=frozenset({"br-media"}),
    subnets=frozenset({"172.30.0.0/24", "2001:db8:30::/64"}),
    owners=frozenset({"172.30.0.10", "2001:db8:30::a"}),
    egress=frozenset({"172.30.0.20", "2001:db8:30::14"}),
    endpoints=frozenset({("", 51820), ("198.51.100.10", 1194), ("2001:db8:f::10", 1194)}),
    servers=frozenset({"198.51.100.10", "2001:db8:f::10"}),
    unlisted=frozenset({4500}),
    outbound=frozenset({"192.168.1.0/24", "192.168.2.0/24", "192.168.3.0/24"}),
)
# What each container tries: (protocol, target, port, own port).
TRIES = (
    *(("tcp", "203.0.113.80", 443, 0), ("udp", "203.0.113.80", 53, 0)),
    *(("icmp", "203.0.113.80", 0, 0), ("tcp", "192.168.1.5", 445, 0)),
    *(("udp", "198.51.100.10", 51820, 0), ("udp", "203.0.113.80", 51820, 0)),
    *(("tcp", "198.51.100.10", 51820, 0), ("udp", "198.51.100.10", 1194, 0)),
    *(("udp", "203.0.113.80", 1194, 0), ("udp", "2001:db8:f::80", 51820, 0)),
    *(("tcp", "2001:db8:f::80", 443, 0), ("icmp", "2001:db8:f::80", 0, 0)),
    *(("udp", "2001:db8:f::10", 1194, 0), ("udp", "2001:db8:f::80", 1194, 0)),
    *(("udp", "2001:db8:f::10", 51820, 0), ("udp", "203.0.113.80", 4500, 0)),
)
OWNERS_WAYS = {
    ("udp", "198.51.100.10", 51820), ("udp", "203.0.113.80", 4500),
    ("udp", "198.51.100.10", 1194), ("tcp", "192.168.1.5", 445),
    ("udp", "2001:db8:f::10", 51820), ("udp", "2001:db8:f::10", 1194),
}  # fmt: skip
EVERYTHING = {(protocol, target, port) for protocol, target, port, _ in TRIES}

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


def nft(house: House, given: Any) -> None:
    """Loads JSON in the host."""
    text = given if isinstance(given, str) else json.dumps(given)
    command = ["ip", "netns", "exec", house.name("host"), "nft", "-j", "-f", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def walled(house: House) -> House:
    """The house with the wall of the tests, nothing arrived yet."""
    house.run("host", "nft", "flush", "ruleset")
    nft(house, wall_rules.script(wall_rules.wanted(WALL), {}))
    house.arrived()
    return house


def out_of(house: House, which: str) -> set[tuple[str, str, int]]:
    """What of the tries arrives."""
    house.send(which, *TRIES)
    return {(one.protocol, one.target, one.port) for one in house.arrived()}


def test_without_a_wall_everything_arrives_or_the_rest_proves_nothing(house: House) -> None:
    house.run("host", "nft", "flush", "ruleset")
    for which in wall_netns.CONTAINERS:
        assert out_of(house, which) == EVERYTHING, which


def test_what_this_nft_lists_is_what_was_loaded(walled: House) -> None:
    assert wall_compare.differences(wall_rules.wanted(WALL), listed(walled)) == []


def test_the_owner_reaches_endpoints_and_what_the_user_named_and_nothing_else(
    walled: House,
) -> None:
    assert out_of(walled, "owner") == OWNERS_WAYS
    counts = wall_rules.counts(listed(walled))
    assert counts["owner_ipv4"]["packets"] >= 5
    assert counts["owner_ipv6"]["packets"] >= 3
    assert counts["other_ipv4"]["packets"] == 0


def test_a_service_with_egress_goes_anywhere(walled: House) -> None:
    assert out_of(walled, "egress") == EVERYTHING


def test_nobody_else_gets_out_and_it_is_counted(walled: House) -> None:
    assert out_of(walled, "other") == set()
    counts = wall_rules.counts(listed(walled))
    assert counts["other_ipv4"]["packets"] >= 9
    assert counts["other_ipv6"]["packets"] >= 5


def test_interface_of_another_name_is_caught_by_its_addresses(house: House) -> None:
    house.run("host", "nft", "flush", "ruleset")
    renamed = WALL._replace(bridges=frozenset({"br-earlier"}))
    nft(house, wall_rules.script(wall_rules.wanted(renamed), {}))
    assert out_of(house, "other") == set()
    assert out_of(house, "owner") == OWNERS_WAYS


def test_address_of_no_network_of_ours_is_caught_by_the_interface(walled: House) -> None:
    walled.run("other", "ip", "address", "add", "10.9.9.9/32", "dev", "up0")
    walled.run("host", "ip", "route", "add", "10.9.9.9/32", "dev", "br-media")
    try:
        walled.run("other", "ip", "route", "replace", "default", "via", "172.30.0.1", "src",
                   "10.9.9.9")  # fmt: skip
        walled.send("other", ("tcp", "203.0.113.80", 443, 0))
        time.sleep(wall_netns.SETTLE_SECONDS)
        assert wall_rules.counts(listed(walled))["other_ipv4"]["packets"] >= 1
    finally:
        walled.run("other", "ip", "route", "replace", "default", "via", "172.30.0.1")
        walled.run("other", "ip", "address", "del", "10.9.9.9/32", "dev", "up0")
        walled.run("host", "ip", "route", "del", "10.9.9.9/32")


def test_answers_to_what_came_from_outside_get_back(walled: House) -> None:
    # No listener is needed: the kernel's own refusal is the answer.
    walled.send("internet", ("tcp", "172.30.0.34", 8080, 0), ("udp", "172.30.0.34", 8080, 0))
    answers = {one.protocol for one in walled.arrived()}
    assert answers == {"tcp", "icmp"}


def test_a_leak_that_runs_already_ends_when_the_wall_comes(house: House) -> None:
    house.run("host", "nft", "flush", "ruleset")
    # A rule that asks for it switches connection tracking on in this namespace.
    house.run("host", "nft", "add table ip t; add chain ip t c { type filter hook forward priority"
              " 0; }; add rule ip t c ct state established counter")  # fmt: skip
    once = ("udp", "203.0.113.80", 4444, 5555)
    house.send("owner", once)
    house.send("internet", ("udp", "172.30.0.10", 5555, 4444))
    house.send("owner", once)
    assert len([one for one in house.arrived() if one.port == 4444]) == 2
    nft(house, wall_rules.script(wall_rules.wanted(WALL), {}))
    house.send("owner", once)
    assert [one for one in house.arrived() if one.port == 4444] == []


def test_rules_of_others_stay_as_they_are(walled: House) -> None:
    walled.run("host", "nft", "add table ip theirs; add chain ip theirs c { type filter hook"
               " forward priority 0; }; add rule ip theirs c counter accept")  # fmt: skip
    nft(walled, wall_rules.script(wall_rules.wanted(WALL), {}))
    assert "counter packets" in walled.run("host", "nft", "list", "table", "ip", "theirs")


def test_every_planted_fault_of_the_table_is_one_that_is_noticed(
    walled: House, tmp_path: Path
) -> None:
    expected, _ = smoke_house.build(tmp_path)
    wanted = wall_rules.wanted(
        wall_state.wall(expected.config, wall_state.nothing(), wall_faults.known(expected))
    )
    planted = [one for one in wall_faults.faults(expected) if wall_faults.FREEZE in one.plant]
    assert len(planted) >= 30
    for fault in planted:
        nft(walled, wall_rules.script(wanted, {}))
        command = fault.plant.replace(wall_faults.FREEZE, "nft")
        walled.run("host", "sh", "-c", command)
        problems = wall_compare.differences(wanted, listed(walled))
        # Without Docker there is no interface in it yet.
        assert bool(problems) == (fault.subject != "bridges"), (fault.kind, fault.subject)


def test_uninstall_takes_down_the_table_and_may_be_repeated(walled: House) -> None:
    for _ in range(2):
        walled.run("host", *wall_rules.removal())
        assert listed(walled) is None
