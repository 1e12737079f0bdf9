"""Ports and addresses that several services want.

Only services that shall run can clash. A clash is told at the service the user changed, because
that is the line they can look at.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator

from service import Service
from settings.model import Monitor, Network, Parts
from settings.problems import Problem

# Always listening in Gluetun's namespace besides the ports of services (Gluetun's Dockerfile).
GLUETUN_PORTS = {53: "Gluetun's DNS server", 9999: "Gluetun's health server"}


def published_ports(parts: Parts) -> Iterator[Problem]:
    """One port of the host can belong to one service."""
    taken: dict[int, Service] = {}
    for service in _in_order_of_blame(parts):
        shown = service.publish or service.zone == "host"
        for port in (service.published_port, *(service.extra_ports if shown else ())):
            if port is None:
                continue
            other = taken.setdefault(port, service)
            in_namespace = service.zone == other.zone == "vpn" and port in _listening(other)
            if other is not service and not (in_namespace and port in _listening(service)):
                yield Problem(
                    f"services.{service.name}.{_port_key(service, port)}",
                    f"is {port}, which {other.name} publishes as well",
                    f"a free port, like [services.{service.name}] host_port = {port + 10000}"
                    if port < 50000  # noqa: PLR2004
                    else "a free port",
                )


def namespace_ports(parts: Parts) -> Iterator[Problem]:
    """All of the vpn zone shares one network namespace, where a port exists once."""
    taken: dict[int, str] = dict(GLUETUN_PORTS)
    for service in _in_order_of_blame(parts):
        if service.zone != "vpn" and not service.owner:
            continue
        for port in _listening(service):
            other = taken.setdefault(port, service.name)
            if other != service.name:
                key = "port" if port == service.port else "extra_ports"
                yield Problem(
                    f"services.{service.name}.{key}",
                    f"is {port}, which {other} has in the network namespace they share",
                    "give the program another port (its own configuration, port and health), "
                    'or set zone = "bridge"',
                )


def addresses(parts: Parts) -> Iterator[Problem]:
    """Each service on the bridge has an address of its own within the subnet."""
    table = parts.table(Network)
    network = ipaddress.IPv4Network(table.subnet) if table else None
    taken: dict[int, Service] = {}
    for service in _in_order_of_blame(parts):
        if service.address is None or service.zone != "bridge":
            continue
        path = f"services.{service.name}.address"
        other = taken.setdefault(service.address, service)
        if other is not service:
            free = next(number for number in range(100, 251) if number not in taken)
            yield Problem(
                path,
                f"is {service.address}, which {other.name} has",
                f"a free number, such as {free}",
            )
        if network and service.address >= network.num_addresses - 1:
            yield Problem(
                path,
                f"is {service.address}, outside of network.subnet {network}",
                "a larger network.subnet such as 172.30.0.0/24, or a smaller number",
            )
    if table is None or network is None or table.bind_address in ("auto", "0.0.0.0"):  # noqa: S104
        return
    if ipaddress.IPv4Address(table.bind_address) in network:
        yield Problem(
            "network.bind_address",
            f"is {table.bind_address}, inside the containers' own network.subnet {network}",
            'the host\'s address in your LAN, or "auto"',
        )


def metrics(parts: Parts) -> Iterator[Problem]:
    """The port of the monitor's metrics is free on the host."""
    table = parts.table(Monitor)
    port = table.metrics_port if table else 0
    for service in parts.enabled() if port else ():
        shown = service.publish or service.zone == "host"
        if port in (service.published_port, *(service.extra_ports if shown else ())):
            yield Problem(
                "monitor.metrics_port",
                f"is {port}, which {service.name} publishes",
                "a free port, like 9617, or 0 for no metrics",
            )


def _listening(service: Service) -> tuple[int, ...]:
    """Return the ports a service listens on in its own network namespace."""
    return (*((service.port,) if service.port else ()), *service.extra_ports)


def _in_order_of_blame(parts: Parts) -> list[Service]:
    """Return the enabled services, those the user changed last: a clash is told at theirs."""
    return sorted(parts.enabled(), key=lambda service: service.name in parts.overrides)


def _port_key(service: Service, port: int) -> str:
    """Return the field a published port came from."""
    if port != service.published_port:
        return "extra_ports"
    return "host_port" if service.host_port else "port"


CHECKS: tuple[Callable[[Parts], Iterator[Problem]], ...] = (
    published_ports,
    namespace_ports,
    addresses,
    metrics,
)
