"""Gluetun's firewall: everything dropped first, then what v3.41.3 lets through, both families.

The image's entry point has set the policies to DROP before this program even starts. The first set
of rules replaces the table in one step; later changes add and delete single rules, so what somebody
else changed in between stays changed, as with upstream.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from .gluetun_settings import Network
from .gluetun_system import Link, log, run

COMMANDS = {4: "iptables", 6: "ip6tables"}
SOLICITED_NODES = "ff02::1:ff00:0/104"
Rule = tuple[str, ...]


def base_rules(
    version: int,
    links: Sequence[Link],
    outbound: Sequence[Network] = (),
    input_ports: Sequence[int] = (),
) -> list[Rule]:
    """The rules of one family that stand as long as the container runs."""
    rules: list[Rule] = [
        ("INPUT", "-i", "lo", "-j", "ACCEPT"),
        ("OUTPUT", "-o", "lo", "-j", "ACCEPT"),
    ]
    for chain in ("OUTPUT", "INPUT"):
        states = ("-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED")
        rules.append((chain, *states, "-j", "ACCEPT"))
    for link in (link for link in links if link.address.version == version):
        source = ("OUTPUT", "-o", link.device, "-s", str(link.address.ip))
        rules.append((*source, "-d", str(link.network), "-j", "ACCEPT"))
        if version == 6:
            rules.append(("OUTPUT", "-o", link.device, "-d", SOLICITED_NODES, "-j", "ACCEPT"))
        if link.gateway:
            subnets = [subnet for subnet in outbound if subnet.version == version]
            rules += [(*source, "-d", str(subnet), "-j", "ACCEPT") for subnet in subnets]
            for port in input_ports:
                rules += port_rules(link.device, port)
        rules.append(("INPUT", "-i", link.device, "-d", str(link.network), "-j", "ACCEPT"))
    return list(dict.fromkeys(rules))


def tunnel_rules(interface: str) -> list[Rule]:
    """What goes into the tunnel."""
    return [("OUTPUT", "-o", interface, "-j", "ACCEPT")]


def endpoint_rules(devices: Sequence[str], address: str, port: int) -> list[Rule]:
    """The tunnel's own packets, on the links with a default route."""
    match = ("-p", "udp", "-m", "udp", "--dport", str(port), "-j", "ACCEPT")
    return [("OUTPUT", "-d", address, "-o", device, *match) for device in devices]


def port_rules(device: str, port: int) -> list[Rule]:
    """Who may call in on a port of one interface."""
    return [
        ("INPUT", "-i", device, "-p", kind, "-m", kind, "--dport", str(port), "-j", "ACCEPT")
        for kind in ("tcp", "udp")
    ]


def table(rules: Sequence[Rule]) -> str:
    """The filter table for iptables-restore: policies DROP, then the rules."""
    policies = [f":{chain} DROP [0:0]" for chain in ("INPUT", "FORWARD", "OUTPUT")]
    lines = ["*filter", *policies, *(f"-A {' '.join(rule)}" for rule in rules), "COMMIT"]
    return "\n".join(lines) + "\n"


class Firewall:
    """The rules in force, changed one at a time; does nothing when it is switched off."""

    def __init__(self, enabled: bool, links: Sequence[Link], interface: str) -> None:
        self._enabled = enabled
        self._devices = sorted({link.device for link in links if link.gateway})
        self._links = links
        self._interface = interface
        self._connection: tuple[str, int] | None = None

    def enable(self, outbound: Sequence[Network], input_ports: Sequence[int]) -> None:
        """Set the rules that always stand. Raise OSError when they cannot be set."""
        if not self._enabled:
            log("firewall", "disabled", "WARN")
            return
        for version, command in COMMANDS.items():
            rules = base_rules(version, self._links, outbound, input_ports)
            run([f"{command}-restore"], table(rules))
        log("firewall", "enabled successfully")

    def set_connection(self, address: str, port: int) -> None:
        """Let the tunnel's own packets pass, and what goes into it; an old one's no longer."""
        if self._connection == (address, port):
            return
        if self._connection is not None:
            self._change("-D", *self._of_connection(*self._connection))
        self._change("-A", *self._of_connection(address, port))
        self._connection = (address, port)

    def open_port(self, port: int) -> None:
        """Let the public call in on a port, through the tunnel."""
        self._change("-A", *[(v, rule) for v in COMMANDS for rule in self._port(port)])

    def close_port(self, port: int) -> None:
        """No longer let it."""
        self._change("-D", *[(v, rule) for v in COMMANDS for rule in self._port(port)])

    def _port(self, port: int) -> list[Rule]:
        return port_rules(self._interface, port)

    def _of_connection(self, address: str, port: int) -> list[tuple[int, Rule]]:
        version = ipaddress.ip_address(address).version
        found = [(version, rule) for rule in endpoint_rules(self._devices, address, port)]
        return found + [(v, rule) for v in COMMANDS for rule in tunnel_rules(self._interface)]

    def _change(self, verb: str, *rules: tuple[int, Rule]) -> None:
        if not self._enabled:
            return
        for version, rule in rules:
            try:
                run([COMMANDS[version], "-w", verb, *rule])
            except OSError as error:
                if verb == "-A":
                    raise
                log("firewall", str(error), "WARN")  # somebody else removed it
