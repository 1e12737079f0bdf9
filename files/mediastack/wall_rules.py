"""The second wall as nftables understands it: one table, from a few sets of addresses. Pure.

Rules are kept in the shape in which `nft -j list table` prints them, so that what is loaded and
what is compared cannot differ. Packets that come from our bridges (by interface, and by source
address, which holds also before Docker has made the interfaces) are judged; whatever else the
host forwards is none of our business. A `drop` here is final; an `accept` only ends this table,
and Docker's and the user's own rules still decide. Packets of the original direction are judged
even when the kernel knows their connection: a wall that comes late ends a leak that runs already.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

FAMILY, TABLE = "inet", "mediastack_wall"
HOOK, CHAIN = "forward", "forward"
# Before `filter` (0), where Docker and firewalls of the user have their rules.
PRIORITY = -10
# What was dropped: from Gluetun's address, or from another one on our bridges.
COUNTERS = ("owner_ipv4", "owner_ipv6", "other_ipv4", "other_ipv6")

Object = dict[str, Any]


class Wall(NamedTuple):
    """What the rules are made from. Addresses and networks of both families, side by side."""

    bridges: frozenset[str]
    """Interfaces of our networks."""
    subnets: frozenset[str]
    """What our networks' addresses are from."""
    owners: frozenset[str]
    """Gluetun's addresses: UDP to an endpoint, and `outbound`, and nothing else."""
    egress: frozenset[str]
    """Those that may go anywhere."""
    endpoints: frozenset[tuple[str, int]]
    """(address, or "" for any of `servers`; port) of the VPN's servers. Of several exact ones any
    address with any port passes."""
    servers: frozenset[str]
    """Addresses of the provider's servers."""
    unlisted: frozenset[int]
    """Ports that are open to any address, since no list of servers is known."""
    outbound: frozenset[str]
    """Networks beside the tunnel that the user let Gluetun's zone into."""


def wanted(wall: Wall) -> list[Object]:
    """Return the table: counters, sets, chains and rules, each as nft lists it, in this order."""
    return [
        *({"counter": _named(name)} for name in COUNTERS),
        *_sets(wall),
        {"chain": _named("judge")},
        {"chain": _named("owner")},
        {"chain": {**_named(CHAIN), "type": "filter", "hook": HOOK, "prio": PRIORITY,
                   "policy": "accept"}},
        *_rules(),
    ]  # fmt: skip


def script(objects: Iterable[Object], counted: Mapping[str, Mapping[str, int]]) -> Object:
    """Return what `nft -j -f -` loads in one transaction, the old table gone and its counts kept:
    at no moment is there no wall."""
    table = {"table": {"family": FAMILY, "name": TABLE}}
    commands: list[Object] = [{"add": table}, {"delete": table}, {"add": table}]
    for one in objects:
        ((kind, content),) = one.items()
        if kind == "counter":
            content = {**content, **counted.get(content["name"], {})}
        commands.append({"add": {kind: content}})
    return {"nftables": [{"metainfo": {"json_schema_version": 1}}, *commands]}


def removal() -> tuple[str, ...]:
    """Return the command that takes the wall down, fine when it is down: for the uninstall."""
    quiet = f"! nft list table {FAMILY} {TABLE} >/dev/null 2>&1"
    return ("sh", "-c", f"{quiet} || nft delete table {FAMILY} {TABLE}")


def counts(listed: Object | None) -> dict[str, dict[str, int]]:
    """Return {counter: {"packets","bytes"}} of a listing; {} without one."""
    found = {}
    for one in (listed or {}).get("nftables", []):
        if counter := one.get("counter"):
            values = {key: int(counter.get(key, 0)) for key in ("packets", "bytes")}
            found[counter["name"]] = values
    return found


def _sets(wall: Wall) -> list[Object]:
    """The sets; an empty one matches nothing."""
    made = [_set("bridges", "ifname", sorted(wall.bridges))]
    for family in (4, 6):
        kind = f"ipv{family}_addr"
        for name in ("subnets", "outbound"):
            values = networks(getattr(wall, name), family)
            made.append(_set(f"{name}_ipv{family}", kind, values, flags=["interval"]))
        for name in ("owners", "egress"):
            made.append(_set(f"{name}_ipv{family}", kind, addresses(getattr(wall, name), family)))
        exact = addresses({address for address, _ in wall.endpoints if address}, family)
        made.append(_set(f"exact_ipv{family}", kind, exact))
        made.append(_set(f"servers_ipv{family}", kind, addresses(wall.servers, family)))
    ports = sorted({port for address, port in wall.endpoints if not address})
    exact_ports = sorted({port for address, port in wall.endpoints if address})
    made.append(_set("endpoint_ports", "inet_service", ports))
    made.append(_set("exact_ports", "inet_service", exact_ports))
    made.append(_set("unlisted_ports", "inet_service", sorted(wall.unlisted)))
    return made


def _rules() -> list[Object]:
    """The rules; nothing in them but names of sets, so they never change."""
    return [
        _rule(CHAIN, _is({"meta": {"key": "iifname"}}, "@bridges"), _jump("judge")),
        *_both(CHAIN, "saddr", "subnets", _jump("judge")),
        # Answers to what came from outside, through a published port.
        _rule("judge", _is({"ct": {"key": "direction"}}, "reply"), {"accept": None}),
        # Among ourselves; passes here only when the kernel filters bridged packets too.
        _rule("judge", _is({"meta": {"key": "oifname"}}, "@bridges"), {"accept": None}),
        *_both("judge", "daddr", "subnets", {"accept": None}),
        *_both("judge", "saddr", "owners", _jump("owner")),
        *_both("judge", "saddr", "egress", {"accept": None}),
        *_refused("judge", "other"),
        *_both(
            *("owner", "daddr", "servers"),
            _is(_field("udp", "dport"), "@endpoint_ports"),
            {"accept": None},
        ),
        _rule("owner", _is(_field("udp", "dport"), "@unlisted_ports"), {"accept": None}),
        # Two sets rather than one of pairs, which versions of nft list differently. They hold one
        # of each but while an endpoint changes.
        *_both(
            "owner", "daddr", "exact", _is(_field("udp", "dport"), "@exact_ports"), {"accept": None}
        ),
        *_both("owner", "daddr", "outbound", {"accept": None}),
        *_refused("owner", "owner"),
    ]


def _both(chain: str, field: str, name: str, *rest: Object) -> list[Object]:
    """One rule for each family."""
    return [
        _rule(chain, _is(_field(protocol, field), f"@{name}_ipv{family}"), *rest)
        for protocol, family in (("ip", 4), ("ip6", 6))
    ]


def _refused(chain: str, who: str) -> list[Object]:
    """The end of a chain: counted by family, dropped."""
    family = _is({"meta": {"key": "nfproto"}}, "ipv4")
    return [
        _rule(chain, family, {"counter": f"{who}_ipv4"}, {"drop": None}),
        _rule(chain, {"counter": f"{who}_ipv6"}, {"drop": None}),
    ]


def _named(name: str) -> Object:
    return {"family": FAMILY, "table": TABLE, "name": name}


def _set(name: str, kind: Any, elements: list[Any], **more: Any) -> Object:
    content = {**_named(name), "type": kind, **more}
    # An empty list is refused by some versions.
    return {"set": {**content, "elem": elements} if elements else content}


def _rule(chain: str, *expressions: Object) -> Object:
    content = {"family": FAMILY, "table": TABLE, "chain": chain, "expr": list(expressions)}
    return {"rule": content}


def _field(protocol: str, name: str) -> Object:
    return {"payload": {"protocol": protocol, "field": name}}


def _is(left: Object, right: str) -> Object:
    return {"match": {"op": "==", "left": left, "right": right}}


def _jump(chain: str) -> Object:
    return {"jump": {"target": chain}}


def addresses(several: Iterable[str], family: int) -> list[str]:
    """Return the addresses of one family, sorted."""
    kind = {4: socket.AF_INET, 6: socket.AF_INET6}[family]
    try:
        packed = {socket.inet_pton(kind, one) for one in several if (":" in one) == (family == 6)}
    except OSError as error:
        raise ValueError(f"no address among {several}") from error
    return [socket.inet_ntop(kind, one) for one in sorted(packed)]


def networks(several: Iterable[str], family: int) -> list[Any]:
    """Return the networks of one family as elements of an interval set, none inside another."""
    parsed = [ipaddress.ip_network(one, strict=False) for one in several]
    own: list[Any] = [one for one in parsed if one.version == family]
    return [
        {"prefix": {"addr": str(one.network_address), "len": one.prefixlen}}
        for one in ipaddress.collapse_addresses(own)
    ]
