"""Networks: every container where its zone says, reachable where it must be and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import render
from settings import address
from tests.smoke.expect_containers import Container, find, manage, ours, stopped_by
from tests.smoke.expect_files import DEPLOY
from tests.smoke.expected import Expected

Observed = dict[str, Any]


def bridge(expected: Expected, observed: Observed) -> Iterator[str]:
    """The bridge has the subnet and gateway of the settings."""
    wanted = expected.config["network"]
    found = network(observed, wanted["name"])
    if found is None:
        yield f"network {wanted['name']} is absent; {DEPLOY}"
        return
    pools = {(one.get("Subnet"), one.get("Gateway")) for one in found["IPAM"]["Config"]}
    if (wanted["subnet"], wanted["gateway"]) not in pools:
        yield f"network {wanted['name']} has {sorted(pools)}, not {wanted['subnet']}; {DEPLOY}"
    if found["Driver"] != "bridge" or found["Internal"]:
        yield f"network {wanted['name']} is no ordinary bridge; {DEPLOY}"


def network(observed: Observed, name: str) -> dict[str, Any] | None:
    """A network by name."""
    return next((one for one in observed["networks"] if one["Name"] == name), None)


def zone(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """It is in its zone's network namespace, by the kernel's word, and on its networks only."""
    container = find(observed, service)
    if container is None:
        yield f"{service} does not run"
        return
    entry = expected.services[service]
    namespace = observed["processes"][container["Id"]]["netns"]
    mode = container["HostConfig"]["NetworkMode"]
    if entry.zone == "vpn":
        holder = render.owner(expected.settings)
        held = find(observed, holder.name) if holder else None
        if held is None:
            yield f"{service}'s owner of the vpn zone does not run"
        elif mode != f"container:{held['Id']}":
            yield f"{service} is to share {mode}, not the owner's namespace; {DEPLOY}"
        elif namespace != observed["processes"][held["Id"]]["netns"]:
            yield f"{service} is in a dead namespace; {manage(expected, service, 'restart')}"
    elif entry.zone == "host":
        if mode != "host" or namespace != observed["host_netns"]:
            yield f"{service} is not on the host's network; {DEPLOY}"
    else:
        yield from on_bridge(expected, observed, service, container)


def on_bridge(
    expected: Expected, observed: Observed, service: str, container: Container
) -> Iterator[str]:
    """A namespace of its own, its fixed address on the bridge, its socket proxy's network."""
    entry = expected.services[service]
    wanted = {}
    if not entry.socket_proxy:
        wanted[render.NETWORK] = address(expected.settings, entry)
    if entry.socket:
        wanted[f"mediastack_socket_{entry.socket}"] = ""
    found = container["NetworkSettings"]["Networks"] or {}
    if set(found) != set(wanted):
        yield f"{service} is on {', '.join(sorted(found)) or 'no network'}; {DEPLOY}"
    for name, fixed in wanted.items():
        have = found.get(name, {}).get("IPAddress", "")
        if fixed and have != fixed:
            yield f"{service} has {have or 'no address'} instead of {fixed}; {DEPLOY}"
    sharing = [
        one["Name"].lstrip("/")
        for one in observed["containers"]
        if one["Id"] != container["Id"]
        and one["HostConfig"]["NetworkMode"] != f"container:{container['Id']}"
        and observed["processes"].get(one["Id"], {}).get("netns")
        == observed["processes"][container["Id"]]["netns"]
    ]
    if sharing:
        yield f"{service} shares its network namespace with {', '.join(sharing)}; {DEPLOY}"


def published(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """It publishes what the catalog publishes, on the bind address, and nothing else."""
    container = find(observed, service)
    if container is None:
        yield f"{service} does not run"
        return
    wanted = {f"{one}/tcp" for one in expected.ports(service)}
    live = bindings(container["NetworkSettings"].get("Ports"))
    asked = bindings(container["HostConfig"].get("PortBindings"))
    for one in sorted(wanted - live):
        yield f"{service} does not publish {one}; {manage(expected, service)}"
    for one in sorted((live | asked) - wanted):
        yield f"{service} publishes {one}, which no setting names; {DEPLOY}"


def bindings(ports: dict[str, list[dict[str, str]] | None] | None) -> set[str]:
    """ "address:host port:container port/protocol"."""
    return {
        f"{one['HostIp']}:{one['HostPort']}:{port}"
        for port, several in (ports or {}).items()
        for one in several or []
    }


def listening(expected: Expected, observed: Observed) -> Iterator[str]:
    """The host listens for our containers exactly where something is to be published.

    Containers of others on this host are theirs, unless they sit in a network of ours.
    """
    if not expected.userland_proxy:
        return  # published in the packet filter alone: `published` and the URLs are what is left
    foreign = {
        (binding["HostIp"], int(binding["HostPort"]))
        for one in observed["containers"]
        if not is_among_us(expected, observed, one)
        for several in (one["NetworkSettings"].get("Ports") or {}).values()
        for binding in several or []
    }
    wanted = {
        (one.split(":")[0], int(one.split(":")[1]))
        for name in expected.services
        if not stopped_by(expected, observed, name)
        for one in expected.ports(name)
    }
    found = {
        (one["address"], one["port"])
        for one in observed["listeners"]
        if one["program"] == "docker-proxy"
    }
    for host, port in sorted(wanted - found):
        yield f"nothing listens on {host}:{port}; fix: stack-manage.sh all up"
    for host, port in sorted(found - wanted - foreign):
        yield f"Docker listens on {host}:{port}, which no setting publishes; {DEPLOY}"


def is_among_us(expected: Expected, observed: Observed, container: Container) -> bool:
    """Is it one of ours, or in a network or a namespace of ours?"""
    own = {one["Id"] for several in ours(observed).values() for one in several}
    mode = container["HostConfig"]["NetworkMode"]
    networks = set(container["NetworkSettings"]["Networks"] or {})
    return bool(
        container["Id"] in own
        or mode.removeprefix("container:") in own
        or networks & {render.NETWORK}
        or any(name.startswith("mediastack_socket_") for name in networks)
    )


def control_server(expected: Expected, observed: Observed) -> Iterator[str]:
    """The owner's control server can change the tunnel: no container publishes it."""
    holder = render.owner(expected.settings)
    container = find(observed, holder.name) if holder else None
    if holder is None or stopped_by(expected, observed, holder.name):
        return
    if container is None:
        yield f"{holder.name} does not run"
        return
    for port in bindings(container["NetworkSettings"].get("Ports")):
        if port.endswith(f":{holder.port}/tcp"):
            yield f"{holder.name}'s control server is published on {port}; {DEPLOY}"


def no_guests(expected: Expected, observed: Observed) -> Iterator[str]:
    """Nobody but ours is in the vpn zone or beside a socket proxy."""
    own = {one["Id"]: name for name, several in ours(observed).items() for one in several}
    for one in observed["containers"]:
        host = own.get(one["HostConfig"]["NetworkMode"].removeprefix("container:"))
        if host and one["Id"] not in own:
            name = one["Name"].lstrip("/")
            yield f"container {name} is in {host}'s namespace; fix: docker rm -f {name}"


def socket_network(expected: Expected, observed: Observed, kind: str) -> Iterator[str]:
    """A proxy's network is internal, and only the proxy and its clients are on it."""
    name = f"mediastack_socket_{kind}"
    found = network(observed, name)
    clients = {one.name for one in expected.services.values() if one.socket == kind}
    if found is None:
        if not all(stopped_by(expected, observed, one) for one in clients):
            yield f"network {name} is absent; fix: stack-manage.sh ops up"
        return
    if not found["Internal"]:
        yield f"network {name} leads outside; {DEPLOY}"
    for one in found["Containers"].values():
        if one["Name"] not in clients:
            yield f"{one['Name']} can reach the Docker socket proxy ({name}); {DEPLOY}"


def web_interface(expected: Expected, observed: Observed, service: str) -> Iterator[str]:
    """Its URL answers; whatever it says, somebody is there."""
    url = expected.urls[service]
    answer = observed["urls"].get(url)
    if not isinstance(answer, int):
        yield f"{url} of {service}: {answer}; {manage(expected, service, 'logs')}"
