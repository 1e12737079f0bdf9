"""Faults of the second wall, and the check that must name each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.smoke import expect_wall as W
from tests.unit.smoke_faults import Fault, Observed, of, setting, without


def listed(observed: Observed, kind: str, **values: Any) -> list[dict[str, Any]]:
    """What nft lists of one kind, with these values."""
    found = [one[kind] for one in observed["wall"]["nftables"] if kind in one]
    return [one for one in found if values.items() <= one.items()]


def gone(kind: str, number: int = 0, **values: Any) -> Callable[[Observed], None]:
    """Removes an object of the table."""

    def plant(observed: Observed) -> None:
        objects = observed["wall"]["nftables"]
        victim = listed(observed, kind, **values)[number]
        objects[:] = [one for one in objects if one.get(kind) is not victim]

    return plant


def changed(kind: str, name: str, key: str, value: Any) -> Callable[[Observed], None]:
    """Changes an object of the table."""
    return lambda observed: listed(observed, kind, name=name)[0].update({key: value})


def added(**rule: Any) -> Callable[[Observed], None]:
    """A rule more than there should be, before all others."""
    return lambda observed: observed["wall"]["nftables"].insert(2, {"rule": rule})


FAULTS = (
    Fault(W.second_wall, (), setting(None, "wall"), "no table"),
    *(
        Fault(W.second_wall, (), gone("rule", number, chain=chain), f"rules of {chain}")
        for chain, several in (("forward", 3), ("judge", 10), ("owner", 9))
        for number in range(several)
    ),
    Fault(W.second_wall, (), gone("chain", name="forward"), "chain forward"),
    Fault(W.second_wall, (), gone("counter", name="owner_ipv6"), "counter owner_ipv6"),
    Fault(W.second_wall, (), changed("set", "endpoint_ports", "elem", []), "lacks 51820"),
    Fault(W.second_wall, (), changed("set", "servers_ipv4", "elem", []), "lacks 198.51.100.10"),
    Fault(
        W.second_wall,
        (),
        changed("set", "servers_ipv4", "elem", ["198.51.100.10", "203.0.113.80"]),
        "has 203.0.113.80 too much",
    ),
    Fault(W.second_wall, (), changed("set", "unlisted_ports", "elem", [51820]), "51820 too much"),
    Fault(W.second_wall, (), setting({}, "servers"), "no list of protonvpn's servers"),
    Fault(W.second_wall, (), changed("set", "owners_ipv4", "elem", []), "lacks 172.30.0.10"),
    Fault(W.second_wall, (), changed("set", "subnets_ipv4", "elem", []), "lacks 172.30.0.0/24"),
    Fault(W.second_wall, (), changed("set", "bridges", "elem", []), "lacks br-000000000000"),
    Fault(
        W.second_wall,
        (),
        changed("set", "egress_ipv4", "elem", ["172.30.0.10", "172.30.0.20"]),
        "has 172.30.0.10 too much",
    ),
    Fault(W.second_wall, (), changed("chain", "forward", "hook", "output"), "output"),
    Fault(W.second_wall, (), changed("chain", "forward", "prio", 300), "300"),
    Fault(
        W.second_wall,
        (),
        added(family="inet", table="mediastack_wall", chain="judge", expr=[{"accept": None}]),
        "rules of judge",
    ),
    Fault(W.names, ("gluetun",), of("gluetun", [], "HostConfig", "Dns"), "whom the host asks"),
    Fault(W.names, ("autoheal",), of("autoheal", ["1.1.1.1"], "HostConfig", "Dns"), "1.1.1.1"),
    Fault(W.names, ("gluetun",), without("gluetun"), "does not run"),
)
