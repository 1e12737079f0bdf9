"""The sandbox's network: one bridge, no way out.

Tests send packets that must not get out and remove the rules that stop them, so the outer machine
drops whatever a box sends beyond the sandbox's own bridge, before any box exists. The drop sits in
the mangle table: dockerd puts its own accepting rules on top of FORWARD at every start and has no
DOCKER-USER chain for IPv6 on older engines, but it never touches mangle, and a drop there is final.
The machine itself is closed too (INPUT), its resolver included. Packages come from a cache on the
bridge that alone has a second leg (helpers.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from sandbox import names
from sandbox.command import SandboxError, run, succeeds

Rule = tuple[str, str, tuple[str, ...]]  # table, chain, rule


def rules(family: str) -> list[Rule]:
    """The rules of one family ("iptables" or "ip6tables"), in the order they must stand."""
    inside = ("-i", names.BRIDGE)
    unreachable = "icmp-port-unreachable" if family == "iptables" else "icmp6-port-unreachable"
    found: list[Rule] = [
        ("mangle", "FORWARD", (*inside, "!", "-o", names.BRIDGE, "-j", "DROP")),
        ("filter", "INPUT", (*inside, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED",
                             "-j", "ACCEPT")),
    ]  # fmt: skip
    if family == "ip6tables":
        # Without neighbour discovery there is no IPv6 on the bridge at all.
        found.append(("filter", "INPUT", (*inside, "-p", "ipv6-icmp", "-j", "ACCEPT")))
    reject = ("-j", "REJECT", "--reject-with", unreachable)
    found.append(("filter", "INPUT", (*inside, *reject)))
    return found


def close() -> None:
    """Put the rules in place (idempotent). Raises SandboxError when they cannot be set."""
    if os.geteuid() != 0:
        raise SandboxError("the sandbox sets firewall rules; fix: run it as root (sudo)")
    for family in ("iptables", "ip6tables"):
        wanted = rules(family)
        if all(_stands(family, rule) for rule in wanted):
            continue
        for rule in wanted:
            _delete(family, rule)
        # Inserted last to first, so that they stand first to last above what others added.
        for table, chain, rule_arguments in reversed(wanted):
            run([family, "-w", "-t", table, "-I", chain, "1", *rule_arguments])


def is_closed() -> bool:
    """True when every rule stands in both families."""
    return all(_stands(family, rule) for family, rule in _all_rules())


def open_again() -> None:
    """Remove the rules; for `down`, when nothing is left behind them."""
    for family, rule in _all_rules():
        _delete(family, rule)


def ensure() -> None:
    """Close the door, then make the sandbox's network and the package cache's way out."""
    close()
    if not succeeds(["docker", "network", "inspect", names.NETWORK]):
        _create(
            names.NETWORK,
            "--subnet", names.SUBNET,
            "--gateway", names.GATEWAY,
            "--ipv6",
            "--subnet", names.SUBNET_IPV6,
            "--opt", f"com.docker.network.bridge.name={names.BRIDGE}",
            "--opt", "com.docker.network.bridge.enable_ip_masquerade=false",
        )  # fmt: skip
    if not succeeds(["docker", "network", "inspect", names.EGRESS_NETWORK]):
        _create(
            names.EGRESS_NETWORK,
            "--subnet", names.EGRESS_SUBNET,
            "--gateway", names.EGRESS_GATEWAY,
        )  # fmt: skip


def remove() -> None:
    """Remove both networks and the rules; missing ones are fine."""
    for network in (names.NETWORK, names.EGRESS_NETWORK):
        run(["docker", "network", "rm", network], check=False)
    open_again()


def _create(name: str, *options: str) -> None:
    run(["docker", "network", "create", *names.LABEL_ARGUMENTS, *options, name])


def _all_rules() -> Iterator[tuple[str, Rule]]:
    for family in ("iptables", "ip6tables"):
        for rule in rules(family):
            yield family, rule


def _stands(family: str, rule: Rule) -> bool:
    table, chain, arguments = rule
    return succeeds([family, "-w", "-t", table, "-C", chain, *arguments])


def _delete(family: str, rule: Rule) -> None:
    table, chain, arguments = rule
    while _stands(family, rule):
        run([family, "-w", "-t", table, "-D", chain, *arguments])
