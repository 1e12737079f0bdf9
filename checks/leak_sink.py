"""The sandbox's internet as the leak check reads it: what came beside the tunnel, what through it.

Whatever reaches the helper of the box and is not the tunnel's own has passed every wall. Ours are
known by addresses and ports that nobody else uses, and by names; what else arrives is counted
apart, because it may be the box's own. What arrives behind the provider came through the tunnel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from checks.box import Host
from checks.framework import CheckError
from checks.inside import prober, tap
from sandbox import command, internet, names
from sandbox.internet_files import addresses

KINDS = ("tcp", "udp", "icmp", "dns", "ipv6")
# UDP to the port of the VPN's servers, but elsewhere.
BY_PORT = "endpoint-port"
LEAKS = (*KINDS, BY_PORT)
NETWORKS = ["203.0.113.0/24", "198.51.100.0/24", "2001:db8:f::/48"]
ENDPOINT = [addresses.ENDPOINT, addresses.WIREGUARD_PORT]
NAME_SERVER_IPV6 = "2001:db8:f::53"
TARGETS = {
    "host": addresses.WEB,
    "host6": addresses.WEB_IPV6,
    "resolver": addresses.NAME_SERVER,
    "resolver6": NAME_SERVER_IPV6,
    "tunnel": addresses.CLIENT,
    "port": str(addresses.WIREGUARD_PORT),
}
EXITS = (addresses.EXIT, addresses.EXIT_IPV6)
SHOWN_OF_A_KIND = 4


@dataclass
class Sunk:
    """What arrived, by kind: outside the tunnel (`outside`), and through it (`inside`)."""

    outside: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    @property
    def leaked(self) -> int:
        """How many packets and names of ours came from outside the tunnel."""
        return sum(self.outside[kind] for kind in LEAKS) + sum(self.names.values())


def read(host: Host, canary: str, since: float) -> Sunk:
    """What arrived since then. Raise CheckError when the taps did not see all."""
    found = {}
    for verb in ("packets", "arrivals", "names"):
        found[verb] = internet.control(host.name, verb, "--since", f"{since:.6f}")
        if found[verb].get("lost"):
            raise CheckError(f"the sink lost {found[verb]['lost']} of its {verb}")
    sunk = tally(found["packets"]["packets"], found["arrivals"]["arrivals"], canary)
    asked = [one for one in found["names"]["names"] if canary in one["name"]]
    sunk.names["public"] = sum(one["source"] not in EXITS for one in asked)
    # The box's own resolver, as every household has one: not on the way to the sink.
    logged = command.run(
        ["docker", "logs", "--since", str(int(since)), names.NAMES_CONTAINER], check=False
    )
    lines = (logged.stdout + logged.stderr).splitlines()
    sunk.names["resolver"] = sum(canary in line for line in lines)
    return sunk


def tally(
    packets: Iterable[Mapping[str, Any]], arrivals: Iterable[Mapping[str, Any]], canary: str
) -> Sunk:
    """Count what came to the helper itself, and what came out of the provider's end."""
    sunk = Sunk()
    for one in packets:
        if one["wireguard"]:
            continue
        kind = kind_of(one, canary)
        sunk.outside[kind] += 1
        if sunk.outside[kind] <= SHOWN_OF_A_KIND:
            sunk.shown.append(f"{kind}: {told(one)}")
    for one in arrivals:
        if one.get("source") in EXITS:
            sunk.inside[kind_of(one, canary)] += 1
    return sunk


def kind_of(record: Mapping[str, Any], canary: str) -> str:
    """Which of our kinds a packet is, "other" when it is none of ours."""
    protocol, port = record["protocol"], record.get("destination_port", 0)
    target = record.get("destination", "")
    family = "ipv6" if ":" in target else ""
    if port == 53:
        return (family or "dns") if canary in record.get("name", "") else "other"
    if target not in (addresses.WEB, addresses.WEB_IPV6):
        return "other"
    probed = port == tap.FLOW_PORT or 0 <= port - prober.FIRST_PORT < prober.PORTS
    if protocol in ("icmp", "icmpv6"):
        return family or "icmp"
    if protocol == "tcp" and probed:
        return family or "tcp"
    if protocol == "udp" and port == prober.FIRST_PORT - 1:
        return family or "udp"
    return BY_PORT if protocol == "udp" and port == addresses.WIREGUARD_PORT else "other"


def told(record: Mapping[str, Any]) -> str:
    """A packet in words."""
    port = record.get("destination_port")
    where = f"{record.get('source')} > {record.get('destination')}" + (f":{port}" if port else "")
    return f"{record['time']:.3f} {where} {record['protocol']} {record.get('name', '')}".rstrip()
