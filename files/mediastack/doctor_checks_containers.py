"""Checks of the containers: the right ones, running, healthy, in the right place.

What the user stopped is looked at by none of these, and neither is anything while Docker is away
or, for services with /data, while that is missing: each is one finding of its own, not forty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from mediastack import image_names, status
from mediastack.doctor_checks import DEPLOY, Check, Finding, judge

Config = Mapping[str, Any]
Facts = Mapping[str, Any]
Pair = tuple[str, Mapping[str, Any], Mapping[str, Any]]

DEFAULT_PORTS = {"http": 80, "https": 443}


def running(config: Config, facts: Facts) -> list[Finding]:
    """Every wanted container exists and runs."""
    findings = []
    for service, entry in _wanted(config, facts):
        container = status.primary(facts["observation"], service)
        problem = ""
        if container is None:
            problem = "has no container"
        elif container["status"] != "running":
            problem = f"is {container['status']} (exit code {container['exit_code']})"
        findings.append(judge("running", service, problem, _manage(entry, "up", service)))
    return findings


def healthy(config: Config, facts: Facts) -> list[Finding]:
    """Every running container that has a health check passes it."""
    findings = []
    for service, entry, container in _running(config, facts):
        expected = ("healthy",) if entry["health"] else ("healthy", "none")
        health = container["health"]
        problem = "" if health in expected else f"health is {health}"
        findings.append(judge("healthy", service, problem, _manage(entry, "logs", service)))
    return findings


def configuration(config: Config, facts: Facts) -> list[Finding]:
    """Every running container was made from the deployed configuration, and sees its files."""
    findings = []
    for service, entry, container in _running(config, facts):
        problem = ""
        refused = facts["observation"].get("refused", {})
        if service in refused:
            fix = "mend that setting and run the deploy again"
            findings.append(judge("configuration", service, refused[service], fix))
            continue
        if container["config_hash"] != entry["config_hash"]:
            problem = "runs with an older configuration"
        elif container["stale_mounts"]:
            problem = f"holds an older {', '.join(container['stale_mounts'])}"
        findings.append(judge("configuration", service, problem, _manage(entry, "up", service)))
    return findings


def image(config: Config, facts: Facts) -> list[Finding]:
    """Every running container runs the image that the image lock (or the catalog) names, and What's
    Up Docker sees it: one that is to be updated has its tag on this host."""
    findings = []
    for service, entry, container in _running(config, facts):
        if service in facts["observation"].get("refused", {}):
            continue  # told as its configuration
        wanted = facts["observation"]["images"].get(service, entry["image"])
        have = container["image"]
        if have != wanted:
            problem = f"runs {have} instead of {wanted}"
            findings.append(judge("image", service, problem, _manage(entry, "up", service)))
            continue
        found = facts["images"].get(wanted)
        watched = found is not None and entry.get("updates") != "pinned"
        nameless = watched and not image_names.has_its_tag(wanted, found)
        problem = "has an image without its tag, whose updates nobody sees" if nameless else ""
        fix = f"docker tag {wanted} {wanted.partition('@')[0]}"
        findings.append(judge("image", service, problem, fix))
    return findings


def image_lock(config: Config, facts: Facts) -> list[Finding]:
    """Every wanted service has its exact digest in the image lock, so that a rebuild finds it."""
    findings = []
    for service, _ in _wanted(config, facts):
        locked = facts["image_lock"].get(service) or {}
        problem = "" if locked.get("digest") else "is not in images.lock"
        findings.append(judge("image-lock", service, problem, DEPLOY))
    return findings


def namespace(config: Config, facts: Facts) -> list[Finding]:
    """Every running container is in the network namespace of its zone (inodes are compared)."""
    findings = []
    for service, entry, _ in _running(config, facts):
        placed = status.namespace(config, facts["observation"], service, facts["host_netns"])
        where = {"vpn": "gluetun's", "host": "the host's", "bridge": "one of its own"}
        problem = ""
        if placed == "wrong":
            problem = f"is in a network namespace that is not {where[entry['zone']]}"
        elif placed == "unknown":
            problem = "is in a network namespace that could not be compared"
        findings.append(judge("namespace", service, problem, _manage(entry, "restart", service)))
    return findings


def restart_policy(config: Config, facts: Facts) -> list[Finding]:
    """Docker restarts everything but the vpn zone, where it would race gluetun at boot."""
    findings = []
    for service, entry, inspected in _inspected(config, facts):
        wanted = "no" if entry["zone"] == "vpn" else "unless-stopped"
        policy = inspected["HostConfig"].get("RestartPolicy") or {}
        have = policy.get("Name") or "no"
        problem = "" if have == wanted else f"has restart policy {have} instead of {wanted}"
        findings.append(judge("restart-policy", service, problem, _manage(entry, "up", service)))
    return findings


def published_ports(config: Config, facts: Facts) -> list[Finding]:
    """What is reachable from outside is what the configuration says: no more, no less."""
    findings = []
    for service, entry, inspected in _inspected(config, facts):
        have = _published(inspected)
        wanted = _wanted_ports(config, service) if entry["zone"] == "bridge" else set()
        problems = [f"does not publish {port}" for port in sorted(wanted - have)]
        problems += [f"publishes {port}, which no setting names" for port in sorted(have - wanted)]
        problem, fix = "; ".join(problems), _manage(entry, "up", service)
        findings.append(judge("published-ports", service, problem, fix))
    return findings


def log_rotation(config: Config, facts: Facts) -> list[Finding]:
    """Containers rotate their logs. Docker fixes this when a container is created, so one that is
    older than daemon.json does not."""
    findings = []
    for service, entry, inspected in _inspected(config, facts):
        logs = inspected["HostConfig"].get("LogConfig") or {}
        # journald, local and syslog rotate by themselves.
        unbounded = logs.get("Type") == "json-file" and "max-size" not in (logs.get("Config") or {})
        problem = "writes a log without limit" if unbounded else ""
        if logs.get("Type") == "none":
            problem = "writes no log"
        fix = f"docker rm -f {service}, then {_manage(entry, 'up', service)}"
        findings.append(judge("log-rotation", service, problem, fix))
    return findings


def networks(config: Config, facts: Facts) -> list[Finding]:
    """Every container hangs on the networks that the deploy gave it, with its fixed address."""
    findings = []
    for service, entry, container in _running(config, facts):
        wanted = (entry.get("attached") or {}).get("networks")
        have = (container.get("attached") or {}).get("networks")
        if wanted is None or have is None:
            continue
        problem = "" if have == wanted else f"is on {', '.join(sorted(have)) or 'no network'}"
        if not problem or set(have) != set(wanted):
            findings.append(judge("networks", service, problem, DEPLOY))
        else:
            findings.append(judge("networks", service, "has another address", DEPLOY))
    return findings


def stopped(config: Config, facts: Facts) -> list[Finding]:
    """What somebody stopped by our verbs does not run behind their back."""
    findings = []
    for service, intent in (facts["observation"] or {"intents": {}})["intents"].items():
        container = status.primary(facts["observation"], service)
        runs = container is not None and container["status"] == "running"
        problem = f"was stopped by {intent.get('by', 'somebody')} and runs" if runs else ""
        if service in config["services"]:
            fix = _manage(config["services"][service], "up", service)
            findings.append(judge("stopped", service, problem, f"{fix}, or down"))
    return findings


def strangers(config: Config, facts: Facts) -> list[Finding]:
    """Every container with our label is of a service that the deploy knows."""
    seen = facts["observation"]["containers"] if facts["observation"] else []
    return [
        judge("stranger", one["name"], "is of no service that is switched on", DEPLOY)
        for one in seen
        if one["service"] not in config["services"]
    ]


def _wanted(config: Config, facts: Facts) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(service, its configuration) of what should run now."""
    if facts["observation"] is None:
        return
    for stack in config["stacks"].values():
        for service in stack["services"]:
            entry = config["services"][service]
            if status.stopped(config, facts["observation"], service):
                continue
            if entry["data"] and not facts["data"]["present"]:
                continue
            yield service, entry


def _running(config: Config, facts: Facts) -> Iterator[Pair]:
    """(service, configuration, observed container) of what should run and does."""
    for service, entry in _wanted(config, facts):
        container = status.primary(facts["observation"], service)
        if container is not None and container["status"] == "running":
            yield service, entry, container


def _inspected(config: Config, facts: Facts) -> Iterator[Pair]:
    """(service, configuration, Docker's inspect result) of what should run and does."""
    for service, entry, _ in _running(config, facts):
        if service in facts["inspected"]:
            yield service, entry, facts["inspected"][service]


def _manage(entry: Mapping[str, Any], verb: str, service: str) -> str:
    return f"stack-manage.sh {entry['stack']} {verb} {service}"


def _published(inspected: Mapping[str, Any]) -> set[str]:
    """ "address:host port->container port" of all that Docker publishes for the container."""
    ports = (inspected.get("NetworkSettings") or {}).get("Ports") or {}
    return {
        f"{binding['HostIp']}:{binding['HostPort']}->{port.partition('/')[0]}"
        for port, bindings in ports.items()
        for binding in bindings or []
    }


def _wanted_ports(config: Config, service: str) -> set[str]:
    """The same for what the configuration wants; gluetun publishes for the whole vpn zone."""
    services = config["services"]
    sharing = [service]
    if services[service]["owner"]:
        sharing += [name for name, entry in services.items() if entry["zone"] == "vpn"]
    wanted = set()
    for name in sharing:
        entry = services[name]
        if entry["url"] and entry["port"]:
            url = urlsplit(entry["url"])
            outside = url.port or DEFAULT_PORTS.get(url.scheme, 0)
            wanted.add(f"{config['network']['bind_address']}:{outside}->{entry['port']}")
    return wanted


CHECKS: tuple[Check, ...] = (
    running,
    healthy,
    configuration,
    image,
    image_lock,
    namespace,
    restart_policy,
    published_ports,
    log_rotation,
    networks,
    stopped,
    strangers,
)
