"""What the wall is made from: mediastack.toml, and what Docker says when it answers. Pure.

The configuration alone makes a whole wall: subnets, addresses and endpoints are in it. From Docker
come the names of our networks' interfaces, and what the existing Gluetun was created with, as its
labels say: a deploy that moves the endpoint writes the configuration first and recreates Gluetun
later, and until then both must pass. What Docker said last is kept on disk, for the time between a
boot and Docker's first answer; interfaces keep their names for as long as their network lives.
Addresses of the provider's servers come from Gluetun's own list (wall_endpoints).
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from mediastack import wall_endpoints
from mediastack.user_stops import docker_seconds
from mediastack.wall_rules import Wall

LABEL = "io.mediastack.network"
PROJECT_LABEL = "com.docker.compose.project"
ENDPOINTS_LABEL = "io.mediastack.endpoints"
OUTBOUND_LABEL = "io.mediastack.outbound"
BRIDGE_OPTION = "com.docker.network.bridge.name"
ANY = "*"
PROVIDER_VARIABLE = "VPN_SERVICE_PROVIDER="


class Seen(TypedDict):
    """What Docker said: names of interfaces, and what Gluetun was created with."""

    bridges: list[str]
    endpoints: list[list[Any]]
    outbound: list[str]
    providers: list[str]
    started: float | None
    """When Gluetun started last, in seconds since the epoch; None: it never did."""


def nothing() -> Seen:
    """Return what is known before Docker ever answered."""
    return {"bridges": [], "endpoints": [], "outbound": [], "providers": [], "started": None}


def wall(config: Mapping[str, Any], seen: Mapping[str, Any], known: wall_endpoints.Known) -> Wall:
    """Return the wall for a configuration, what Docker said, and the lists of servers that are
    known. Raise KeyError without [wall]."""
    own = config["wall"]
    endpoints = _endpoints(config, seen)
    servers = wall_endpoints.servers(known, providers(config, seen))
    anywhere = {port for address, port in endpoints if not address}
    return Wall(
        bridges=frozenset(seen["bridges"]),
        subnets=frozenset(own["subnets"]),
        owners=frozenset(own["owner_addresses"]),
        egress=frozenset(own["egress_addresses"]),
        endpoints=frozenset(endpoints),
        servers=servers or frozenset(),
        # Better the port alone than no tunnel: until Gluetun has written its first list.
        unlisted=frozenset(anywhere if servers is None else ()),
        outbound=frozenset([*own["outbound_subnets"], *seen["outbound"]]),
    )


def providers(config: Mapping[str, Any], seen: Mapping[str, Any]) -> frozenset[str]:
    """Return the VPN providers of whose servers any may be the endpoint: the configured one, and
    the one that the existing Gluetun was created for."""
    configured = config["vpn"].get("provider", "")
    found = {configured} if any(not one["address"] for one in config["vpn"]["endpoints"]) else set()
    if any(not address for address, _ in seen["endpoints"]):
        found |= set(seen.get("providers") or [configured])
    return frozenset(found)


def directory(config: Mapping[str, Any]) -> str:
    """Return Gluetun's state directory on this host, "" without a Gluetun."""
    owners = (one for one in config["services"].values() if one.get("owner"))
    return next((str(one.get("config") or "") for one in owners), "")


def _endpoints(config: Mapping[str, Any], seen: Mapping[str, Any]) -> set[tuple[str, int]]:
    found = {(str(one["address"]), int(one["port"])) for one in config["vpn"]["endpoints"]}
    return found | {(str(address), int(port)) for address, port in seen["endpoints"]}


def seen(
    config: Mapping[str, Any],
    networks: Iterable[Mapping[str, Any]],
    containers: Iterable[Mapping[str, Any]],
) -> Seen:
    """Return what matters of Docker's networks and of our containers, inspected."""
    owners = {name for name, one in config["services"].items() if one.get("owner")}
    created: list[dict[str, str]] = []
    told: set[str] = set()
    starts: list[float | None] = []
    for one in containers:
        labels = one["Config"].get("Labels") or {}
        if labels.get("io.mediastack.service") in owners:
            created.append(labels)
            told |= set(one["Config"].get("Env") or [])
            starts.append(docker_seconds((one.get("State") or {}).get("StartedAt", "")))
    endpoints = {pair for one in created for pair in read_endpoints(one.get(ENDPOINTS_LABEL, ""))}
    outbound = {net for one in created for net in read_networks(one.get(OUTBOUND_LABEL, ""))}
    return {
        "bridges": sorted(interface(one) for one in networks if is_ours(config, one)),
        "endpoints": [list(pair) for pair in sorted(endpoints)],
        "outbound": sorted(outbound),
        "providers": sorted(
            one.removeprefix(PROVIDER_VARIABLE).lower()
            for one in told
            if one.startswith(PROVIDER_VARIABLE)
        ),
        "started": min((one for one in starts if one), default=None),
    }


def is_ours(config: Mapping[str, Any], network: Mapping[str, Any]) -> bool:
    """Say whether a network is the bridge of the stacks or belongs to one of their projects."""
    labels = network.get("Labels") or {}
    projects = {f"mediastack-{stack}" for stack in config["stacks"]}
    ours = LABEL in labels or labels.get(PROJECT_LABEL) in projects
    return network.get("Driver") == "bridge" and ours


def interface(network: Mapping[str, Any]) -> str:
    """Return the name that Docker gives the interface of a bridge network."""
    chosen = (network.get("Options") or {}).get(BRIDGE_OPTION)
    return str(chosen or f"br-{network['Id'][:12]}")


def read_endpoints(label: str) -> set[tuple[str, int]]:
    """Return the endpoints in a label, "address port" (or "* port"), comma between; what is
    malformed is left out, since the configuration still holds."""
    found = set()
    for part in filter(None, label.split(",")):
        with contextlib.suppress(ValueError):
            address, port = part.split()
            known = "" if address == ANY else str(ipaddress.ip_address(address))
            if 0 < int(port) < 1 << 16:
                found.add((known, int(port)))
    return found


def read_networks(label: str) -> set[str]:
    """Return the networks in a label, comma between; malformed ones are left out."""
    found = set()
    for part in filter(None, label.split(",")):
        with contextlib.suppress(ValueError):
            found.add(str(ipaddress.ip_network(part.strip())))
    return found
