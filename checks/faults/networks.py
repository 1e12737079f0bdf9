"""Faults of networks: other ones, guests, published ports, stale namespaces, open proxies."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import render
from checks.faults import Fault
from checks.faults.containers import SLEEPER, compose, is_needed, remade
from service import Service
from settings import address
from tests.smoke.expected import Expected

FIRST_PORT = 59000
# Makes a network like the one that was inspected, but for the gateway of one subnet.
CREATE = """
import json, subprocess, sys
name, subnet, gateway = sys.argv[1:]
(was,) = json.load(sys.stdin)
made = [f"--opt={key}={value}" for key, value in was["Options"].items()]
made += [f"--label={key}={value}" for key, value in was["Labels"].items()]
made += ["--ipv6"] if was["EnableIPv6"] else []
for pool in was["IPAM"]["Config"]:
    inside = gateway if pool["Subnet"] == subnet else pool["Gateway"]
    made += ["--subnet", pool["Subnet"], "--gateway", inside]
command = ["docker", "network", "create", *made, name]
subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
"""
RULES = "/run/smoke-fault.rules"


def faults(expected: Expected) -> Iterator[Fault]:
    """Every fault of this kind that these settings allow."""
    for number, service in enumerate(expected.services.values()):
        if service.zone == "bridge" and not is_needed(service):
            yield from of_bridge(expected, service, FIRST_PORT + number)
    for kind in sorted({one.socket for one in expected.services.values() if one.socket}):
        network = f"mediastack_socket_{kind}"
        yield guest("beside the socket proxy", network, ("networks.socket_network", kind))
        proxy = expected.services[f"socket-proxy-{kind}"]
        for word, change in (("too open", {"POST": "1"}), ("too closed", {"CONTAINERS": "0"})):
            yield Fault(
                f"socket proxy {word}", proxy.name, *remade(proxy, {"environment": change}),
                (("traffic.proxy", kind),), (("service", proxy.name),),
            )  # fmt: skip
    yield guest("guest in the vpn zone", "container:gluetun", ("networks.no_guests", ""))
    extra = f"--publish 127.0.0.1:{FIRST_PORT - 1}:80"
    listening = ("networks.listening", "")
    yield guest("port published by a guest", render.NETWORK, listening, extra)
    yield from of_owner(expected)
    yield otherwise(expected)
    yield Fault(
        "firewall absent", "iptables",
        f"iptables-save >{RULES}; iptables -F FORWARD; iptables -t nat -F PREROUTING",
        f"iptables-restore <{RULES}; rm {RULES}", (("traffic.packet_filter", ""),), alone=True,
    )  # fmt: skip
    owner = render.owner(expected.settings)
    for name, port in expected.host_services.items():
        source = address(expected.settings, owner) if owner else expected.bind_address
        rule = f"INPUT -s {source} -p tcp --dport {port} -j DROP"
        yield Fault(
            "host closed to the tunnel", name, f"iptables -w -I {rule}", f"iptables -w -D {rule}",
            (("traffic.host_service", name),),
        )  # fmt: skip


def otherwise(expected: Expected) -> Fault:
    """The bridge with another gateway, and nobody on it; undone by making everything anew."""
    name = render.NETWORK
    keep = "/run/smoke-fault.network"
    attached = (
        f"$(docker network inspect -f '{{{{range .Containers}}}}{{{{.Name}}}} {{{{end}}}}' {name})"
    )
    leave = f"for one in {attached}; do docker network disconnect --force {name} $one; done"
    wanted = expected.config["network"]
    create = f"python3 -c {shlex.quote(CREATE)} {name} {wanted['subnet']}"
    owner = render.owner(expected.settings)
    # Its dependents join its namespace, so it comes first and alone.
    first = [owner.name] if owner else []
    again = [compose(owner.stack, owner.name), healthy(owner.name)] if owner else []
    for stack, entry in expected.config["stacks"].items():
        again.append(compose(stack, " ".join(n for n in entry["services"] if n not in first)))
    return Fault(
        "bridge otherwise", name,
        f"docker network inspect {name} >{keep}; {leave}; docker network rm {name} >/dev/null;"
        f" {create} {other_gateway(wanted['gateway'])} <{keep}",
        f"docker network rm {name} >/dev/null; {create} {wanted['gateway']} <{keep}; rm {keep};"
        f" {'; '.join(again)}",
        (("networks.bridge", ""),), alone=True,
    )  # fmt: skip


def healthy(name: str) -> str:
    """Shell that waits until a container is healthy."""
    state = f"$(docker inspect --format '{{{{.State.Health.Status}}}}' {name})"
    return f"for _ in $(seq 300); do [ {state} = healthy ] && break; sleep 0.2; done"


def other_gateway(gateway: str) -> str:
    """Another address of the same small network."""
    return f"{gateway.rpartition('.')[0]}.254"


def guest(kind: str, network: str, seen: tuple[str, str], extra: str = "") -> Fault:
    """A container of somebody else's in a network or namespace of ours."""
    name = "by-hand-" + network.replace(":", "-")
    run = (
        f"docker run -d --name {name} --network {network} {extra} --entrypoint sleep {SLEEPER} 600"
    )
    return Fault(kind, network, f"{run} >/dev/null", f"docker rm -f {name} >/dev/null", (seen,))


def of_bridge(expected: Expected, service: Service, port: int) -> Iterator[Fault]:
    """On another network, off its own, one more port."""
    name, network = service.name, f"by-hand-{service.name}"
    own, zone = (("service", name),), (("networks.zone", name),)
    yield Fault(
        "on another network", name,
        f"docker network create --internal {network} >/dev/null;"
        f" docker network connect {network} {name}",
        f"docker network disconnect {network} {name}; docker network rm {network} >/dev/null",
        zone, own,
    )  # fmt: skip
    if not service.socket_proxy:
        fixed = address(expected.settings, service)
        # What it publishes is not listened for meanwhile.
        yield Fault(
            "off its network", name, f"docker network disconnect {render.NETWORK} {name}",
            f"docker network connect --ip {fixed} --alias {name} {render.NETWORK} {name}",
            zone, (*own, ("networks.listening", "")),
        )  # fmt: skip
    ports = {"ports": [f"127.0.0.1:{port}:59"]}
    yield Fault(
        "port published", name, *remade(service, ports),
        (("networks.published", name),), (*own, ("networks.listening", "")),
    )  # fmt: skip


def of_owner(expected: Expected) -> Iterator[Fault]:
    """The tunnel restarted or made anew: its dependents look healthy in a namespace of nobody."""
    inside = [one.name for one in expected.services.values() if one.zone == "vpn"]
    owner = render.owner(expected.settings)
    if owner is None:
        return
    zones = tuple(("networks.zone", name) for name in inside)
    yield Fault(
        "stale namespace", owner.name,
        f"docker restart {owner.name} >/dev/null; {healthy(owner.name)}",
        f"docker restart {' '.join(inside)} >/dev/null", zones, alone=True,
    )  # fmt: skip
    plant, undo = remade(owner, {"ports": [f"127.0.0.1:{owner.port}:{owner.port}"]})
    again = compose(owner.stack, " ".join(inside))
    yield Fault(
        "control server published", owner.name, f"{plant}; {healthy(owner.name)}",
        f"{undo}; {healthy(owner.name)}; {again}", (("networks.control_server", ""),), alone=True,
    )  # fmt: skip
