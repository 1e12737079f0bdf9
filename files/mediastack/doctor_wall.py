"""Does the second wall stand, complete? And is Docker kept from asking names for the vpn zone?

What nft lists is compared with what configuration and Docker make necessary, worked out anew: the
daemon's own state is not asked. `mediastack wall-check` prints the same, with what was dropped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mediastack import config as configuration
from mediastack import wall_rules, wall_state
from mediastack.docker_client import Docker, DockerError, NotReachable
from mediastack.doctor_checks import DEPLOY, Check, Finding, judge

Config = Mapping[str, Any]
Facts = Mapping[str, Any]
Run = Callable[[Sequence[str]], "str | None"]

LIST = ("nft", "-j", "list", "table", wall_rules.FAMILY, wall_rules.TABLE)
SUBJECT = f"table {wall_rules.FAMILY} {wall_rules.TABLE}"
FIX = "systemctl restart mediastack-wall; journalctl -u mediastack-wall says what it does"
# What only Docker can tell.
UNKNOWN = ("set bridges ", "set endpoint_", "set exact_", "set outbound_")
REMADE = f"{DEPLOY}; by hand: docker rm -f {{name}} first"


def gather(run: Run) -> dict[str, Any]:
    """Return {"error": why nft says nothing, "listed": the table or None}."""
    shown = run(LIST)
    if shown is None:
        return {"error": "nft cannot be run", "listed": None}
    try:
        return {"error": "", "listed": json.loads(shown) if shown.strip() else None}
    except ValueError as error:
        return {"error": f"nft says no JSON: {error}", "listed": None}


def problems(
    config: Config,
    listed: dict[str, Any] | None,
    networks: Sequence[Mapping[str, Any]] | None,
    containers: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Return how the table differs from what it has to be. `networks` None: Docker is away, and
    nothing is known of interfaces and of what Gluetun was created with."""
    seen = wall_state.seen(config, networks or [], containers)
    different = wall_rules.differences(wall_rules.wanted(wall_state.wall(config, seen)), listed)
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
    told = found["error"] or "; ".join(problems(config, found["listed"], networks, inspected))
    return [judge("wall", SUBJECT, told, FIX)]


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
    found = gather(doctor_facts.output)
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
    wrong = wrong or problems(config, found["listed"], networks, containers)
    dropped = wall_rules.counts(found["listed"])
    print(json.dumps({"schema": 1, "ok": not wrong, "problems": wrong, "dropped": dropped}))
    return 1 if wrong else 0


CHECKS: tuple[Check, ...] = (stands, names)
