"""Faults of the second wall, and in which words the doctor has to name each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from doctor_faults import Fault, Faults, put

WALL, SERVERS = "table inet mediastack_wall", "addresses of the VPN's servers"


def wall(plant: Callable[[list[dict[str, Any]]], Any]) -> Fault:
    """A fault: the objects of the second wall are others."""
    return lambda _, facts: plant(facts["wall"]["listed"]["nftables"])


def no_rule(chain: str, number: int) -> Fault:
    """A fault: a rule of the second wall is gone."""

    def plant(objects: list[dict[str, Any]]) -> None:
        rules = [one for one in objects if one.get("rule", {}).get("chain") == chain]
        objects.remove(rules[number])

    return wall(plant)


def emptied(name: str) -> Fault:
    """A fault: a set of the second wall has no elements."""

    def plant(objects: list[dict[str, Any]]) -> None:
        next(one["set"] for one in objects if one.get("set", {}).get("name") == name).pop("elem")

    return wall(plant)


FAULTS: Faults = [
    ("wall", WALL, "is missing", put("wall", "listed", value=None)),
    ("wall", WALL, "nft cannot be run", put("wall", "error", value="nft cannot be run")),
    ("wall", WALL, "rules of judge: number 1 of 10", no_rule("judge", 0)),
    ("wall", WALL, "rules of judge: number 10 of 10", no_rule("judge", 9)),
    ("wall", WALL, "rules of owner: number 8 of 9", no_rule("owner", 7)),
    ("wall", WALL, "rules of forward: number 2 of 3", no_rule("forward", 1)),
    ("wall", WALL, "owners_ipv4 lacks 172.30.0.10", emptied("owners_ipv4")),
    ("wall", WALL, "endpoint_ports lacks 51820", emptied("endpoint_ports")),
    ("wall", WALL, "bridges lacks br-abcdef012345", emptied("bridges")),
    ("wall", WALL, "servers_ipv4 lacks 198.51.100.10", emptied("servers_ipv4")),
    ("wall", SERVERS, "not JSON", put("wall", "unread", value="servers.json is not JSON")),
    ("wall", SERVERS, "1 of Gluetun's", put("wall", "found", value={"protonvpn": ["1.2.3.4"]})),
    (
        "wall",
        WALL,
        "chain forward is missing",
        wall(
            lambda o: o.remove(
                next(one for one in o if one.get("chain", {}).get("name") == "forward")
            )
        ),
    ),
]
