"""The second wall's rules: what they do with packets, and that nothing can be missing unnoticed."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wall_model import Packet, should, verdict

from mediastack import wall_rules
from mediastack.wall_compare import differences
from mediastack.wall_rules import Wall, wanted

WALL = Wall(
    bridges=frozenset({"br-media", "br-read"}),
    subnets=frozenset({"172.30.0.0/24", "2001:db8:30::/64"}),
    owners=frozenset({"172.30.0.10", "2001:db8:30::a"}),
    egress=frozenset({"172.30.0.20", "2001:db8:30::14"}),
    endpoints=frozenset({("", 51820), ("198.51.100.10", 1194), ("2001:db8:f::10", 1194)}),
    servers=frozenset({"198.51.100.10", "198.51.100.11", "2001:db8:f::10"}),
    unlisted=frozenset({4500}),
    outbound=frozenset({"192.168.1.0/24"}),
)
INSIDE = ("172.30.0.10", "172.30.0.20", "172.30.0.34", "172.30.0.77", "10.9.9.9")
INSIDE6 = ("2001:db8:30::a", "2001:db8:30::14", "2001:db8:30::99", "fe80::1", "2001:db8:77::1")
OUTSIDE = ("198.51.100.10", "203.0.113.80", "192.168.1.5", "172.30.0.20", "172.31.0.1")
OUTSIDE6 = ("2001:db8:f::10", "2001:db8:f::80", "2001:db8:30::14")


def packets() -> st.SearchStrategy[Packet]:
    pairs = st.one_of(
        st.tuples(st.sampled_from(INSIDE), st.sampled_from(OUTSIDE)),
        st.tuples(st.sampled_from(INSIDE6), st.sampled_from(OUTSIDE6)),
    )
    interfaces = st.sampled_from(["br-media", "br-read", "br-other", "eth0"])
    return st.builds(
        lambda pair, *rest: Packet(*pair, *rest),
        pairs,
        st.sampled_from(["tcp", "udp", "icmp"]),
        st.sampled_from([53, 443, 1194, 4500, 51820]),
        interfaces,
        interfaces,
        st.booleans(),
    )


def walls() -> st.SearchStrategy[Wall]:
    def some(values: Any) -> st.SearchStrategy[frozenset[Any]]:
        return st.frozensets(st.sampled_from(sorted(values)))

    return st.builds(Wall, *(some(values) for values in WALL))


@given(walls(), packets())
def test_rules_do_what_the_sentence_says(wall: Wall, packet: Packet) -> None:
    assert verdict(wanted(wall), packet) == should(wall, packet)


@pytest.mark.parametrize(
    ("packet", "outcome"),
    [
        (Packet("172.30.0.10", "203.0.113.80"), ("drop", "owner_ipv4")),
        (Packet("172.30.0.10", "203.0.113.53", "udp", 53), ("drop", "owner_ipv4")),
        (Packet("172.30.0.10", "203.0.113.80", "icmp", 0), ("drop", "owner_ipv4")),
        (Packet("2001:db8:30::a", "2001:db8:f::80"), ("drop", "owner_ipv6")),
        (Packet("172.30.0.10", "198.51.100.10", "udp", 51820), ("accept", "")),
        (Packet("172.30.0.10", "198.51.100.10", "tcp", 51820), ("drop", "owner_ipv4")),
        (Packet("172.30.0.10", "203.0.113.80", "udp", 51820), ("drop", "owner_ipv4")),
        (Packet("2001:db8:30::a", "2001:db8:f::10", "udp", 51820), ("accept", "")),
        (Packet("2001:db8:30::a", "2001:db8:f::80", "udp", 51820), ("drop", "owner_ipv6")),
        (Packet("172.30.0.10", "203.0.113.80", "udp", 4500), ("accept", "")),
        (Packet("172.30.0.34", "198.51.100.10", "udp", 51820), ("drop", "other_ipv4")),
        (Packet("172.30.0.10", "203.0.113.80", "udp", 1194), ("drop", "owner_ipv4")),
        (Packet("172.30.0.10", "198.51.100.10", "udp", 1194), ("accept", "")),
        (Packet("172.30.0.20", "203.0.113.80"), ("accept", "")),
        (Packet("172.30.0.34", "203.0.113.80"), ("drop", "other_ipv4")),
        (Packet("172.30.0.34", "192.168.1.5"), ("drop", "other_ipv4")),
        (Packet("172.30.0.34", "192.168.1.5", reply=True), ("accept", "")),
        (Packet("172.30.0.34", "172.30.0.10", goes_out="br-media"), ("accept", "")),
        # Before Docker has said which interface it is, and after the interface got another name.
        (Packet("172.30.0.34", "203.0.113.80", came_in="br-new"), ("drop", "other_ipv4")),
        # With an address that is not of our networks.
        (Packet("10.9.9.9", "203.0.113.80"), ("drop", "other_ipv4")),
        # Of other networks on the same host.
        (Packet("172.17.0.2", "203.0.113.80", came_in="docker0"), ("accept", "")),
    ],
)
def test_packet_of_this_kind(packet: Packet, outcome: tuple[str, str]) -> None:
    assert verdict(wanted(WALL), packet) == outcome


def test_owner_that_is_also_called_egress_stays_an_owner() -> None:
    wall = WALL._replace(egress=WALL.egress | WALL.owners)
    assert verdict(wanted(wall), Packet("172.30.0.10", "203.0.113.80"))[0] == "drop"


def every_kind() -> list[Packet]:
    """A packet of each kind."""
    pairs = [*itertools.product(INSIDE, OUTSIDE), *itertools.product(INSIDE6, OUTSIDE6)]
    rest = itertools.product(
        ("tcp", "udp"), (443, 1194, 4500, 51820), ("br-media", "br-other"), ("br-read", "eth0"),
        (False, True),
    )  # fmt: skip
    return [Packet(*pair, *more) for pair, more in itertools.product(pairs, rest)]


def test_each_rule_decides_something_that_no_other_decides() -> None:
    wall = WALL._replace(outbound=WALL.outbound | {"2001:db8:f::80/128"})
    objects = wanted(wall)
    kinds = every_kind()
    whole = [verdict(objects, packet) for packet in kinds]
    for rule in [one for one in objects if "rule" in one]:
        rest = [one for one in objects if one is not rule]
        assert [verdict(rest, packet) for packet in kinds] != whole, rule


def listing(wall: Wall = WALL) -> dict[str, Any]:
    """What nft lists of it: handles, another order, elements in other words."""
    objects: list[Any] = [{"metainfo": {"version": "1.1.3"}}]
    objects.append({"table": {"family": "inet", "name": "mediastack_wall", "handle": 1}})
    for handle, one in enumerate(copy.deepcopy(wanted(wall))):
        ((kind, content),) = one.items()
        content["handle"] = handle
        if kind == "counter":
            content |= {"packets": handle, "bytes": 100 * handle}
        if "elem" in content:
            content["elem"].reverse()
        objects.append(one)
    return {"nftables": objects}


def test_what_was_loaded_is_what_is_listed() -> None:
    assert differences(wanted(WALL), listing()) == []


def test_single_addresses_ranges_and_flags_may_be_written_otherwise() -> None:
    wall = WALL._replace(subnets=frozenset({"172.30.0.0/24", "172.30.1.1/32", "172.30.4.0/23"}))
    listed = listing(wall)
    subnets = next(
        one["set"] for one in listed["nftables"] if one.get("set", {}).get("name") == "subnets_ipv4"
    )
    subnets["flags"] = "interval"
    subnets["elem"] = [
        {"range": ["172.30.4.0", "172.30.5.255"]},
        "172.30.1.1",
        {"elem": {"val": {"prefix": {"addr": "172.30.0.0", "len": 24}}, "comment": "x"}},
    ]
    assert differences(wanted(wall), listed) == []


def test_networks_inside_others_become_one_element() -> None:
    wall = WALL._replace(outbound=frozenset({"192.168.0.0/16", "192.168.1.0/24"}))
    (outbound,) = [
        one["set"] for one in wanted(wall) if one.get("set", {}).get("name") == "outbound_ipv4"
    ]
    assert outbound["elem"] == [{"prefix": {"addr": "192.168.0.0", "len": 16}}]


def test_whatever_is_taken_away_is_missed() -> None:
    whole = listing()
    for number, one in enumerate(whole["nftables"]):
        ((kind, content),) = one.items()
        if kind in ("metainfo", "table"):
            continue
        without = {"nftables": [*whole["nftables"][:number], *whole["nftables"][number + 1 :]]}
        assert differences(wanted(WALL), without), content
        if content.get("elem"):
            emptied = copy.deepcopy(whole)
            del emptied["nftables"][number][kind]["elem"]
            (problem,) = differences(wanted(WALL), emptied)
            assert "lacks" in problem


def test_whatever_is_added_is_seen() -> None:
    stranger = {"family": "inet", "table": "mediastack_wall", "name": "x"}
    for kind in ("chain", "set", "counter", "map"):
        listed = listing()
        listed["nftables"].append({kind: {**stranger, "type": "ipv4_addr"}})
        assert differences(wanted(WALL), listed), kind


@pytest.mark.parametrize(("key", "value"), [("hook", "input"), ("prio", 10), ("policy", "drop")])
def test_chain_hooked_elsewhere_is_another_one(key: str, value: Any) -> None:
    listed = listing()
    for one in listed["nftables"]:
        if one.get("chain", {}).get("name") == "forward":
            one["chain"][key] = value
    assert differences(wanted(WALL), listed)


def test_no_table_is_said_as_that() -> None:
    assert differences(wanted(WALL), None) == ["table inet mediastack_wall is missing"]


def test_loading_replaces_the_table_in_one_transaction_and_goes_on_counting() -> None:
    counted = wall_rules.counts(listing())
    commands = wall_rules.script(wanted(WALL), counted)["nftables"][1:]
    table = {"table": {"family": "inet", "name": "mediastack_wall"}}
    assert commands[:3] == [{"add": table}, {"delete": table}, {"add": table}]
    counters = [one["add"]["counter"] for one in commands if "counter" in one.get("add", {})]
    assert [one["packets"] for one in counters] == [0, 1, 2, 3]
    assert counters[3]["bytes"] == 300


def test_no_object_of_another_table_is_ever_named() -> None:
    for one in wall_rules.script(wanted(WALL), {})["nftables"][1:]:
        ((_, inner),) = one.items()
        ((kind, content),) = inner.items()
        name = content["name"] if kind == "table" else content["table"]
        assert (content["family"], name) == ("inet", "mediastack_wall")
