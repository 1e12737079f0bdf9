"""Does the second wall stand, complete? And is Docker kept from asking names for the vpn zone?

What nft lists is compared with what configuration and Docker make necessary, worked out anew. Of
the daemon's own state only the lists of servers are taken, since nobody else remembers which one a
running Gluetun goes by; Gluetun's present list is read anew and has to be among them. `mediastack
wall-check` prints the same, with what was dropped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mediastack import config as configuration
from mediastack import endpoint_list, wall_compare, wall_endpoints, wall_rules, wall_state
from mediastack.docker_client import Docker, DockerError, NotReachable
from mediastack.doctor_checks import DEPLOY, Check, Finding, judge

Config = Mapping[str, Any]
Facts = Mapping[str, Any]
Run = Callable[[Sequence[str]], "str | None"]

LIST = ("nft", "-j", "list", "table", wall_rules.FAMILY, wall_rules.TABLE)
SUBJECT = f"table {wall_rules.FAMILY} {wall_rules.TABLE}"
FIX = "systemctl restart mediastack-wall; journalctl -u mediastack-wall says what it does"
# What only Docker can tell.
UNKNOWN = ("set bridges ", "set endpoint_", "set exact_", "set outbound_", "set servers_")
SERVERS = "addresses of the VPN's servers"
WRITTEN = "stack-manage.sh downloads restart gluetun; it writes its list when it starts"
REMADE = f"{DEPLOY}; by hand: docker rm -f {{name}} first"


def gather(config: Config, run: Run) -> dict[str, Any]:
    """Return {"error": why nft says nothing, "listed": the table or None, "known": the lists that
    the daemon goes by, "found": what Gluetun's list says now, "unread": why it says nothing}."""
    facts: dict[str, Any] = {"error": "", "listed": None, "found": {}, "unread": ""}
    facts["known"] = wall_endpoints.load(wall_endpoints.path(config["paths"]["state"]))
    where, providers = wall_state.directory(config), wall_state.providers(config, {"endpoints": []})
    if where and providers:
        try:
            facts["found"] = endpoint_list.read_apart(where, providers)
        except endpoint_list.ListError as error:
            facts["unread"] = str(error)
    shown = run(LIST)
    if shown is None:
        return facts | {"error": "nft cannot be run"}
    try:
        return facts | {"listed": json.loads(shown) if shown.strip() else None}
    except ValueError as error:
        return facts | {"error": f"nft says no JSON: {error}"}


def problems(
    config: Config,
    found: Facts,
    networks: Sequence[Mapping[str, Any]] | None,
    containers: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Return how the table that `gather` found differs from what it has to be. `networks` None:
    Docker is away, and nothing is known of interfaces and of what Gluetun was created with."""
    seen = wall_state.seen(config, networks or [], containers)
    objects = wall_rules.wanted(wall_state.wall(config, seen, found["known"]))
    different = wall_compare.differences(objects, found["listed"])
    # Without the bridge, which is a finding of its own, there is no telling either.
    name = config["network"]["name"]
    if networks is not None and any(one["Name"] == name for one in networks):
        return different
    return [one for one in different if not one.startswith(UNKNOWN)]


def stands(config: Config, facts: Facts) -> list[Finding]:
    """The second wall is there, with every rule and every address."""
    if not facts.get("wall") or not config.get("wall"):
        return []
    found, away = facts["wall"], bool(facts["docker_error"])
    inspected = list(facts["inspected"].values())
    networks = None if away else facts["networks"]
    told = found["error"] or "; ".join(problems(config, found, networks, inspected))
    return [judge("wall", SUBJECT, told, FIX), *servers(config, found)]


def servers(config: Config, found: Facts) -> list[Finding]:
    """Gluetun may send to the servers of its provider, not to their port at any address."""
    providers = wall_state.providers(config, {"endpoints": []})
    if not providers:
        return []
    known, names = found["known"], ", ".join(sorted(providers))
    allowed = wall_endpoints.servers(known, providers)
    if allowed is None:
        why = found["unread"] or f"Gluetun has written no list with servers of {names} yet"
        told = f"{why}; until then UDP to the servers' port passes to any address"
        return [judge("wall", SERVERS, told, WRITTEN)]
    if found["unread"]:
        told = f"{found['unread']}; the second wall goes by the list before"
        fix = f"remove that file, then {WRITTEN}"
        return [judge("wall", SERVERS, told, fix)]
    missing = {one for several in found["found"].values() for one in several} - allowed
    told = f"{len(missing)} of Gluetun's list are unknown to the second wall" if missing else ""
    return [judge("wall", SERVERS, told, FIX)]


def names(config: Config, facts: Facts) -> list[Finding]:
    """Docker asks names for a container where its description says, and not where the host would:
    it would ask from the host's namespace, past every wall."""
    findings = []
    for name, described in ((facts.get("made") or {}).get("described") or {}).items():
        container = facts["inspected"].get(name)
        if container is None:
            continue
        want = sorted(described.get("dns") or [])
        have = sorted(container["HostConfig"].get("Dns") or [])
        told = f"asks names of {', '.join(have) or 'whom the host asks'}, not {', '.join(want)}"
        problem = told if want and want != have else ""
        findings.append(judge("names", name, problem, REMADE.format(name=name)))
    return findings


def main(arguments: list[str]) -> int:
    """Verb `wall-check`: print {"schema","ok","problems","dropped"}; exit 1 when it is not whole.
    Raise ConfigError."""
    parser = argparse.ArgumentParser(prog="mediastack wall-check", description=main.__doc__)
    parser.parse_args(arguments)
    from mediastack import doctor_facts

    config = configuration.load()
    found = gather(config, doctor_facts.output)
    networks: list[dict[str, Any]] | None = None
    containers: list[dict[str, Any]] = []
    docker = Docker()
    try:
        networks = docker.networks()
        owners = [name for name, one in config["services"].items() if one.get("owner")]
        containers = [one for name in owners if (one := docker.inspect(name))]
    except (NotReachable, DockerError):
        networks = None
    wrong = [found["error"]] if found["error"] else []
    wrong = wrong or problems(config, found, networks, containers)
    wrong += [f"{SERVERS}: {one.problem}" for one in servers(config, found) if not one.ok]
    dropped = wall_rules.counts(found["listed"])
    print(json.dumps({"schema": 1, "ok": not wrong, "problems": wrong, "dropped": dropped}))
    return 1 if wrong else 0


CHECKS: tuple[Check, ...] = (stands, names)
