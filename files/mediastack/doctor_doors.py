"""Doors and ways: who is in our networks, what the proxies let through, what reaches whom.

Facts and judgments together, as in doctor_machine. What has to be tried is in probes; what Docker
knows of everybody's containers, not only ours, is read here.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mediastack import probes
from mediastack.doctor_checks import DEPLOY, Check, Finding, judge

Config = Mapping[str, Any]
Facts = Mapping[str, Any]
Run = Callable[[Sequence[str]], "str | None"]

LABEL = "io.mediastack.service"
SOCKETS = "mediastack_socket_"
DOCKER_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/", "/run", "/var/run", "/var")
RESTART = "systemctl restart docker"


def gather(config: dict[str, Any], run: Run, with_data: bool) -> dict[str, Any]:
    """Return {"everybody": inspect results, "urls": {url: status or why not}, "proxies", "reach",
    "tunnel", "forwarding", "links", "lock", "rules": as probes says}; slow ones side by side."""
    services = config["services"]
    owner = next((name for name, one in services.items() if one["owner"]), "")
    ids = (run(("docker", "ps", "-aq", "--no-trunc")) or "").split()
    everybody = _list(run(("docker", "inspect", *ids))) if ids else []
    named = {one["Name"].lstrip("/"): one for one in everybody}
    data = config["paths"]["data"]
    spec = {
        "halves": [f"{data}/torrents", f"{data}/media"],
        "uid": config["host"].get("puid", 0),
        "gid": config["host"].get("pgid", 0),
    }
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        urls = {
            one["url"]: pool.submit(probes.web_answer, one["url"])
            for one in services.values()
            if one["url"]
        }
        gateway = config["network"]["gateway"]
        reach = {
            name: pool.submit(probes.reach, named.get(owner), gateway, port)
            for name, port in host_services(config).items()
        }
        proxies = pool.submit(probes.proxy_answers, everybody, probes.proxy_questions(services))
        links = pool.submit(probes.hardlinks, everybody, spec) if with_data else None
        vpn = config.get("vpn", {})
        forwarding = (
            pool.submit(probes.forwarding, named.get(owner), vpn["status_file"])
            if vpn.get("port_forwarding")
            else None
        )
        lock = pool.submit(probes.lock, f"{config['paths']['runtime']}/stack.lock")
        return {
            "everybody": everybody,
            "rules": run(("iptables-save",)) or "",
            "tunnel": probes.tunnel(named.get(owner), probes.client_settings(config)),
            "forwarding": forwarding.result() if forwarding else None,
            "urls": {url: one.result() for url, one in urls.items()},
            "reach": {name: one.result() for name, one in reach.items()},
            "proxies": proxies.result(),
            "links": links.result() if links else {},
            "lock": lock.result(),
        }


def host_services(config: Config) -> dict[str, int]:
    """Return the port of each service on the host's own network."""
    services = config["services"].items()
    return {name: one["port"] for name, one in services if one["zone"] == "host" and one["port"]}


def web_interface(config: Config, facts: Facts) -> list[Finding]:
    """Every published web interface answers, whatever it says."""
    findings = []
    for name, entry in _wanted(config, facts):
        if entry["url"] and entry["url"] in facts["doors"].get("urls", {}):
            answer = facts["doors"]["urls"][entry["url"]]
            problem = (
                "" if isinstance(answer, int) else f"does not answer on {entry['url']}: {answer}"
            )
            fix = f"stack-manage.sh {entry['stack']} logs {name}"
            findings.append(judge("web-interface", name, problem, fix))
    return findings


def guests(config: Config, facts: Facts) -> list[Finding]:
    """Nobody else is in a namespace or beside a socket proxy of ours, publishes from our bridge, or
    holds Docker's socket in our name."""
    everybody = facts["doors"].get("everybody", [])
    own = {one["Id"]: one for one in everybody if LABEL in (one["Config"].get("Labels") or {})}
    findings = []
    for one in everybody:
        name = one["Name"].lstrip("/")
        mode = one["HostConfig"]["NetworkMode"].removeprefix("container:")
        networks = set(one["NetworkSettings"].get("Networks") or {})
        published = any((one["NetworkSettings"].get("Ports") or {}).values())
        problem = ""
        if one["Id"] in own:
            held = {mount.get("Source") for mount in one.get("Mounts") or []} & {*DOCKER_SOCKETS}
            if held and not name.startswith("socket-proxy-"):
                problem = "holds Docker's socket, so it is root on this host"
        elif mode in own:
            problem = "is in a network namespace of ours"
        elif any(network.startswith(SOCKETS) for network in networks):
            problem = "can reach a Docker socket proxy"
        elif config["network"]["name"] in networks and published:
            problem = "publishes a port from our network"
        if problem or one["Id"] in own:
            findings.append(judge("guest", name, problem, f"docker rm -f {name}"))
    return findings


def proxies(config: Config, facts: Facts) -> list[Finding]:
    """A socket proxy lets through what its clients need and refuses the rest."""
    findings = []
    for name, _ in _wanted(config, facts):
        kind = name.removeprefix("socket-proxy-")
        if name != kind and kind in probes.PROXY_ANSWERS and "proxies" in facts["doors"]:
            have = facts["doors"]["proxies"].get(name, {})
            wrong = [q for q, status in probes.PROXY_ANSWERS[kind].items() if have.get(q) != status]
            problem = f"answers wrongly to {', '.join(wrong)}" if wrong else ""
            findings.append(judge("socket-proxy", name, problem, f"docker rm -f {name}; {DEPLOY}"))
    return findings


def packet_filter(config: Config, facts: Facts) -> list[Finding]:
    """Docker's rules are in the kernel."""
    backend = (facts["info"].get("FirewallBackend") or {}).get("Driver")
    rules = facts["doors"].get("rules", "").splitlines()
    if backend == "nftables" or not rules:
        return []
    wanted = {
        "isolation": ("-A FORWARD", "-j DOCKER-"),
        "masquerading": (f"-A POSTROUTING -s {config['network']['subnet']}", "MASQUERADE"),
        "published ports": ("-A PREROUTING", "-j DOCKER"),
    }
    return [
        judge(
            "packet-filter", what,
            "" if any(one.startswith(start) and end in one for one in rules) else "has no rule",
            RESTART,
        )
        for what, (start, end) in wanted.items()
    ]  # fmt: skip


def bound(config: Config, facts: Facts) -> list[Finding]:
    """The torrent client talks through the tunnel's device only."""
    if probes.CLIENT not in dict(_wanted(config, facts)) or "tunnel" not in facts["doors"]:
        return []
    seen = facts["doors"]["tunnel"]
    other = [one for one in seen["settings"].values() if one != probes.TUNNEL]
    problem = f"is bound to {other[0]}" if other else ""
    if not seen["settings"]:
        problem = "is bound to nothing"
    if probes.TUNNEL not in seen["devices"]:
        problem = f"sees no {probes.TUNNEL}"
    fix = f"set the network interface to {probes.TUNNEL} in its web interface"
    return [judge("bound", probes.CLIENT, problem, fix)]


def forwarded(config: Config, facts: Facts) -> list[Finding]:
    """The torrent client listens on the port that the VPN's server forwards."""
    if probes.CLIENT not in dict(_wanted(config, facts)) or not facts["doors"].get("forwarding"):
        return []
    seen = facts["doors"]["forwarding"]
    problem, fix = "", "mediastack portsync-status, and journalctl -u mediastack-portsync"
    if not seen["port"]:
        problem, fix = "has no forwarded port", "stack-manage.sh downloads logs gluetun"
    elif seen["port"] not in seen["listening"]:
        problem = f"does not listen on the forwarded port {seen['port']}"
    return [judge("forwarded-port", probes.CLIENT, problem, fix)]


def host_reached(config: Config, facts: Facts) -> list[Finding]:
    """What runs on the host's network is reached from inside the tunnel's namespace."""
    wanted = dict(_wanted(config, facts))
    owner = next((name for name, one in config["services"].items() if one["owner"]), "")
    fix = "let the bridge through this host's firewall"
    return [
        judge(
            "host-service", name, f"is not reached from {owner}: {problem}" if problem else "", fix
        )
        for name, problem in facts["doors"].get("reach", {}).items()
        if name in wanted and owner in wanted
    ]


def links(config: Config, facts: Facts) -> list[Finding]:
    """A download becomes media by a hardlink inside every container that does so."""
    data = config["paths"]["data"]
    return [
        judge("hardlink", name, f"cannot link inside: {why}" if why else "", f"mount {data} as one")
        for name, why in facts["doors"].get("links", {}).items()
    ]


def lock(config: Config, facts: Facts) -> list[Finding]:
    """Nobody sits on the lock."""
    holder = facts["doors"].get("lock", "")
    # The doctor may be asked by somebody who holds it.
    problem = f"is held: {holder}" if holder and "MEDIASTACK_LOCK_HELD" not in os.environ else ""
    return [judge("lock", "stack.lock", problem, "wait, or end that process")]


def _wanted(config: Config, facts: Facts) -> list[tuple[str, Mapping[str, Any]]]:
    """What somebody stopped on purpose is not asked; neither is a zone whose owner was."""
    if facts["observation"] is None:
        return []
    stopped = set(facts["observation"]["intents"])
    away = any(one["owner"] and name in stopped for name, one in config["services"].items())
    return [
        (name, one)
        for name, one in config["services"].items()
        if name not in stopped and not (away and one["zone"] == "vpn")
    ]


def _list(text: str | None) -> list[dict[str, Any]]:
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return value if isinstance(value, list) else []


CHECKS: tuple[Check, ...] = (
    *(web_interface, guests, proxies, packet_filter, bound, forwarded, host_reached, links, lock),
)
