"""A small kernel: what rules do with a packet; and, said in one sentence, what they should.

`verdict` walks chains, jumps and sets as nftables does, from the same objects that are loaded.
`should` knows nothing of rules.
"""

from __future__ import annotations

import ipaddress
from typing import Any, NamedTuple

from mediastack.wall_rules import Object, Wall


class Packet(NamedTuple):
    """A packet that the host is about to forward."""

    source: str
    target: str
    protocol: str = "tcp"
    port: int = 443
    came_in: str = "br-media"
    goes_out: str = "eth0"
    reply: bool = False
    """Whether it answers a connection that somebody else began."""


def verdict(objects: list[Object], packet: Packet) -> tuple[str, str]:
    """Return ("accept" or "drop", the counter it was counted in or "")."""
    rules: dict[str, list[Any]] = {}
    sets: dict[str, list[Any]] = {}
    policy = {}
    for one in objects:
        if "rule" in one:
            rules.setdefault(one["rule"]["chain"], []).append(one["rule"]["expr"])
        elif "set" in one:
            sets[f"@{one['set']['name']}"] = one["set"].get("elem", [])
        elif "chain" in one and "hook" in one["chain"]:
            policy = {"chain": one["chain"]["name"], "verdict": one["chain"]["policy"]}
    found = _walk(rules, sets, policy["chain"], packet)
    return found or (policy["verdict"], "")


def _walk(
    rules: dict[str, list[Any]], sets: dict[str, list[Any]], chain: str, packet: Packet
) -> tuple[str, str] | None:
    for expressions in rules.get(chain, []):
        counter = ""
        for one in expressions:
            ((kind, content),) = one.items()
            if kind == "match":
                assert content["op"] == "=="
                if not _is(_value(content["left"], packet), content["right"], sets):
                    break
            elif kind == "counter":
                counter = content
            elif kind == "jump":
                if found := _walk(rules, sets, content["target"], packet):
                    return found
            elif kind in ("accept", "drop"):
                return kind, counter
            else:
                raise AssertionError(f"the model does not know {kind}")
    return None


def _value(left: dict[str, Any], packet: Packet) -> Any:
    """What a packet has in a field, None where it has no such field."""
    ((kind, content),) = left.items()
    version = ipaddress.ip_address(packet.source).version
    known: dict[str, Any] = {
        "iifname": packet.came_in,
        "oifname": packet.goes_out,
        "direction": "reply" if packet.reply else "original",
        "nfproto": f"ipv{version}",
    }
    if kind in ("meta", "ct"):
        return known[content["key"]]
    protocol, field = content["protocol"], content["field"]
    if protocol in ("ip", "ip6"):
        right = {"ip": 4, "ip6": 6}[protocol] == version
        return {"saddr": packet.source, "daddr": packet.target}[field] if right else None
    assert field == "dport"
    return packet.port if protocol == packet.protocol else None


def _is(value: Any, right: Any, sets: dict[str, list[Any]]) -> bool:
    if value is None:
        return False
    if not str(right).startswith("@"):
        return bool(value == right)
    for element in sets[right]:
        if isinstance(element, dict) and "prefix" in element:
            prefix = element["prefix"]
            network = ipaddress.ip_network(f"{prefix['addr']}/{prefix['len']}")
            if ipaddress.ip_address(value) in network:
                return True
        elif element == value:
            return True
    return False


def should(wall: Wall, packet: Packet) -> tuple[str, str]:
    """Return what should happen, in the words of the issue."""
    source, target = ipaddress.ip_address(packet.source), ipaddress.ip_address(packet.target)

    def among(networks: frozenset[str], one: Any) -> bool:
        return any(one in ipaddress.ip_network(net) for net in networks)

    ours = packet.came_in in wall.bridges or among(wall.subnets, source)
    among_us = packet.goes_out in wall.bridges or among(wall.subnets, target)
    if not ours or packet.reply or among_us:
        return "accept", ""
    family = f"ipv{source.version}"
    if packet.source in wall.owners:
        exact = {one for one in wall.endpoints if one[0]}
        known = packet.target in wall.servers and ("", packet.port) in wall.endpoints
        known = known or packet.port in wall.unlisted
        there = any(packet.target == one[0] for one in exact)
        there = there and any(packet.port == one[1] for one in exact)
        if (packet.protocol == "udp" and (known or there)) or among(wall.outbound, target):
            return "accept", ""
        return "drop", f"owner_{family}"
    if packet.source in wall.egress:
        return "accept", ""
    return "drop", f"other_{family}"
