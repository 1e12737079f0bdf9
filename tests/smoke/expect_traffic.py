"""Traffic and doors: Docker's rules, the socket proxies, the way to the host, the bound client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import render
from mediastack.probes import CLIENT, TUNNEL
from tests.smoke.expect_containers import find, manage, stopped_by
from tests.smoke.expect_files import DEPLOY
from tests.smoke.expected import Expected

Observed = dict[str, Any]
RESTART = "fix: systemctl restart docker"


def packet_filter(expected: Expected, observed: Observed) -> Iterator[str]:
    """Docker's rules are in the kernel: who flushes them takes isolation and ports along."""
    if ((observed["docker"] or {}).get("FirewallBackend") or {}).get("Driver") == "nftables":
        return
    rules = observed["packet_filter"].splitlines()
    if not rules:
        yield "the packet filter cannot be read; fix: apt-get install iptables"
        return
    subnet = expected.settings.network.subnet
    wanted = {
        "isolation between networks": ("-A FORWARD", "-j DOCKER-"),
        "the way out of the bridge": (f"-A POSTROUTING -s {subnet}", "-j MASQUERADE"),
        "published ports": ("-A PREROUTING", "-j DOCKER"),
    }
    for what, (start, end) in wanted.items():
        if not any(rule.startswith(start) and end in rule for rule in rules):
            yield f"Docker's rules for {what} are gone; {RESTART}"
    for name, service in expected.services.items():
        if service.zone != "bridge" or not find(observed, name):
            continue
        for port in expected.ports(name):
            outside = port.split(":")[1]
            if not any(f"--dport {outside} -j DNAT" in rule for rule in rules):
                yield f"no rule leads port {outside} to {name}; {RESTART}"


def proxy(expected: Expected, observed: Observed, socket: str) -> Iterator[str]:
    """A socket proxy lets through what its clients need and refuses the rest."""
    for name, questions in expected.proxies(socket).items():
        if stopped_by(expected, observed, name):
            continue
        answers = observed["proxies"].get(name)
        if answers is None:
            yield f"{name} does not run; {manage(expected, name)}"
            continue
        for question, wanted in questions.items():
            if answers.get(question) != wanted:
                verb = "refuses" if wanted != 403 else "does not refuse"
                yield f"{name} {verb} {question} ({answers.get(question)}); {DEPLOY}"


def bound(expected: Expected, observed: Observed) -> Iterator[str]:
    """The torrent client talks through the tunnel's device only, which its namespace has."""
    holder = render.owner(expected.settings)
    if CLIENT not in expected.services or holder is None:
        return
    if stopped_by(expected, observed, CLIENT):
        return
    for name in ("Session\\Interface", "Session\\InterfaceName"):
        value = observed["tunnel"]["settings"].get(name, "nothing")
        if value != TUNNEL:
            yield f"{CLIENT}'s {name} is {value}, not {TUNNEL}; fix: set it in its web interface"
    if TUNNEL not in observed["tunnel"]["devices"]:
        yield f"{CLIENT}'s namespace has no {TUNNEL}; {manage(expected, holder.name, 'logs')}"


def forwarded(expected: Expected, observed: Observed) -> Iterator[str]:
    """The torrent client listens on the port that the VPN's server forwards."""
    holder = render.owner(expected.settings)
    if not expected.config["vpn"].get("port_forwarding") or holder is None:
        return
    if stopped_by(expected, observed, CLIENT):
        return
    seen = observed["forwarding"]
    if not seen["port"]:
        yield f"{holder.name} has no forwarded port; {manage(expected, holder.name, 'logs')}"
    elif seen["port"] not in seen["listening"]:
        yield (
            f"{CLIENT} does not listen on the forwarded port {seen['port']};"
            " fix: journalctl -u mediastack-portsync"
        )


def host_service(expected: Expected, observed: Observed, host_service: str) -> Iterator[str]:
    """What runs on the host's network is reached from inside the tunnel's namespace."""
    holder = render.owner(expected.settings)
    if holder is None or any(
        stopped_by(expected, observed, name) for name in (holder.name, host_service)
    ):
        return
    problem = observed["reach"].get(host_service, "not tried")
    if problem:
        where = f"{expected.config['network']['gateway']}:{expected.services[host_service].port}"
        yield (
            f"{holder.name} cannot reach {host_service} on {where}: {problem};"
            " fix: let the bridge through this host's firewall"
        )


def lock(expected: Expected, observed: Observed) -> Iterator[str]:
    """Nobody sits on the lock without which no container can be mended."""
    if observed["lock_holder"]:
        yield f"the stack's lock is held: {observed['lock_holder']}; fix: wait, or end that process"
