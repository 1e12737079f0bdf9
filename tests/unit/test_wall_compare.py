"""The wall compared: thousands of addresses, in a moment, and in few words."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest

from mediastack import wall_compare, wall_rules
from mediastack.wall_rules import Wall

MANY = frozenset(f"5.{a}.{b}.9" for a in range(100) for b in range(100)) | {"2001:db8:f::10"}
WALL = Wall(
    bridges=frozenset({"br-media"}),
    subnets=frozenset({"172.30.0.0/24"}),
    owners=frozenset({"172.30.0.10"}),
    egress=frozenset(),
    endpoints=frozenset({("", 51820)}),
    servers=MANY,
    unlisted=frozenset(),
    outbound=frozenset(),
)


def listing(**elements: list[Any]) -> dict[str, Any]:
    objects = copy.deepcopy(wall_rules.wanted(WALL))
    for one in objects:
        if one.get("set", {}).get("name") in elements:
            one["set"]["elem"] = elements[one["set"]["name"]]
    return {"nftables": objects}


def test_ten_thousand_addresses_are_compared_in_a_moment() -> None:
    started = time.process_time()
    objects = wall_rules.wanted(WALL)
    assert wall_compare.differences(objects, listing(servers_ipv4=["1.2.3.4"]))
    assert wall_compare.differences(objects, listing()) == []
    # Some 0.2 s; compared each with each it would be minutes.
    assert time.process_time() - started < 5.0


def test_few_of_many_are_named() -> None:
    (told,) = wall_compare.differences(wall_rules.wanted(WALL), listing(servers_ipv4=["1.2.3.4"]))
    assert told == (
        "set servers_ipv4 lacks 5.0.0.9, 5.0.1.9, 5.0.10.9, 5.0.11.9, 5.0.12.9 and 9995 more"
        " and has 1.2.3.4 too much"
    )


@pytest.mark.parametrize("written", ["2001:db8:f::10", "2001:DB8:F:0::10", "2001:db8:f::0.0.0.16"])
def test_an_address_is_the_same_however_it_is_written(written: str) -> None:
    assert wall_compare.differences(wall_rules.wanted(WALL), listing(servers_ipv6=[written])) == []


def test_digest_is_of_what_is_said_and_not_of_its_order() -> None:
    there, back = (
        wall_compare.digest(wall_compare.normal(listing(servers_ipv4=one)["nftables"]))
        for one in (["1.2.3.4", "5.6.7.8"], ["5.6.7.8", "1.2.3.4"])
    )
    assert there == back
