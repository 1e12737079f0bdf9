"""Was each container made from the description that is deployed, whatever its label says?

What Compose makes of the deployed files is compared with what Docker says it made: powers, user,
mounts, environment, image. A hand that makes a container anew with our labels and something else
shows here. Values of an environment are never shown.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mediastack import compose, status
from mediastack.doctor_checks import DEPLOY, Check, Finding, judge

Config = Mapping[str, Any]
Facts = Mapping[str, Any]
Run = Callable[[Sequence[str]], "str | None"]
Made = tuple[str, Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]

REMADE = "docker rm -f {name}, then run the deploy again"


def gather(config: Config, inspected: Mapping[str, Any], run: Run, proc: str) -> dict[str, Any]:
    """Return {"described": {service: Compose's description}, "built_in": {image id: {name: value}
    of its environment}, "other_mounts": {service: [targets]}, "unread": [stacks whose files Compose
    does not understand]}."""
    described: dict[str, Any] = {}
    unread = []
    for stack in config["stacks"]:
        text = run(compose.command(config, stack, "config", "--format", "json"))
        found = _parsed(text).get("services") or {}
        described |= found
        if text is not None and not found and config["stacks"][stack]["services"]:
            unread.append(stack)
    images = sorted({one["Image"] for one in inspected.values() if one.get("Image")})
    told = run(("docker", "image", "inspect", *images)) if images else None
    return {
        "described": described,
        "unread": unread,
        "built_in": {
            one["Id"]: _pairs((one.get("Config") or {}).get("Env"))
            for one in _parsed(f'{{"images": {told or "[]"}}}').get("images", [])
        },
        "other_mounts": {name: other_mounts(one, proc) for name, one in inspected.items()},
    }


def other_mounts(inspected: Mapping[str, Any], proc: str) -> list[str]:
    """Return the targets where a container sees another directory or file than the host does.

    Media are left out: their disk may hang, and the mount guard looks after them.
    """
    pid = (inspected.get("State") or {}).get("Pid")
    found = []
    for mount in inspected.get("Mounts") or []:
        source, target = mount.get("Source", ""), mount.get("Destination", "")
        if not pid or mount.get("Type") != "bind" or not source.startswith(("/etc/", "/srv/")):
            continue
        try:
            same = os.path.samestat(os.stat(source), os.stat(f"{proc}/{pid}/root{target}"))
        except OSError:
            same = False
        if not same:
            found.append(target)
    return found


def powers(config: Config, facts: Facts) -> list[Finding]:
    """It has exactly the described capabilities, and may not gain any."""
    findings = []
    for name, _, wanted, made in _made(config, facts):
        host = made["HostConfig"]
        problem = ""
        if host.get("Privileged") and not wanted.get("privileged"):
            problem = "is privileged"
        elif _capabilities(host.get("CapAdd")) != _capabilities(wanted.get("cap_add")):
            have = ", ".join(sorted(_capabilities(host.get("CapAdd")))) or "none"
            problem = f"was given the capabilities {have}"
        elif _capabilities(wanted.get("cap_drop")) - _capabilities(host.get("CapDrop")):
            problem = "keeps capabilities that it should not have"
        elif not any(one.startswith("no-new-priv") for one in host.get("SecurityOpt") or []):
            problem = "may gain privileges"
        findings.append(judge("powers", name, problem, REMADE.format(name=name)))
    return findings


def user(config: Config, facts: Facts) -> list[Finding]:
    """It runs as the described user."""
    findings = []
    for name, _, wanted, made in _made(config, facts):
        have, want = made["Config"].get("User") or "", wanted.get("user") or ""
        problem = f"runs as {have or 'its image says'} instead of {want}" if have != want else ""
        if not want:
            problem = ""  # the image decides
        findings.append(judge("user", name, problem, REMADE.format(name=name)))
    return findings


def mounts(config: Config, facts: Facts) -> list[Finding]:
    """It mounts what is described, and what it sees there is what the host has."""
    findings = []
    for name, _, wanted, made in _taken(config, facts):
        want = {
            (one["source"], one["target"], not one.get("read_only", False))
            for one in wanted.get("volumes") or []
            if one["type"] == "bind"
        }
        have = {
            (one["Source"], one["Destination"], bool(one["RW"]))
            for one in made.get("Mounts") or []
            if one.get("Type") == "bind"
        }
        problems = [f"does not mount {one[0]}" for one in sorted(want - have)]
        problems += [f"mounts {one[0]} on {one[1]}" for one in sorted(have - want)]
        other = facts["made"]["other_mounts"].get(name, [])
        problems += [f"sees another {target} than the host" for target in other]
        findings.append(judge("mounts", name, "; ".join(problems), REMADE.format(name=name)))
    return findings


def environment(config: Config, facts: Facts) -> list[Finding]:
    """It is told what is described, and nothing besides what its image says."""
    findings = []
    for name, _, wanted, made in _taken(config, facts):
        told = _pairs(made["Config"].get("Env"))
        built_in = facts["made"]["built_in"].get(made.get("Image"), {})
        want = {**built_in, **{k: _plain(v) for k, v in (wanted.get("environment") or {}).items()}}
        other = sorted(one for one in told.keys() | want.keys() if told.get(one) != want.get(one))
        problem = f"is told something else for {', '.join(other)}" if other else ""
        findings.append(judge("environment", name, problem, REMADE.format(name=name)))
    return findings


def override(config: Config, facts: Facts) -> list[Finding]:
    """A stack's files name the images that the image lock names."""
    observation = facts["observation"]
    described = facts["made"].get("described", {})
    findings = []
    for stack, entry in config["stacks"].items():
        path = f"{config['paths']['program']}/stacks/{stack}/images.yaml"
        known = [name for name in entry["services"] if name in described]
        if stack in facts["made"].get("unread", []):
            findings.append(judge("override", path, "is not understood by Compose", DEPLOY))
        elif known and observation is not None:
            locked = observation["images"]
            wrong = [n for n in known if described[n].get("image") != locked.get(n)]
            problem = f"names another image for {', '.join(wrong)}" if wrong else ""
            findings.append(judge("override", path, problem, DEPLOY))
    return findings


def _made(config: Config, facts: Facts) -> Iterator[Made]:
    """(service, configuration, Compose's description, Docker's inspect result) of what runs."""
    described = facts["made"].get("described", {})
    for name, entry in config["services"].items():
        container = status.primary(facts["observation"], name) if facts["observation"] else None
        runs = container is not None and container["status"] == "running"
        if runs and name in described and name in facts["inspected"]:
            yield name, entry, described[name], facts["inspected"][name]


def _taken(config: Config, facts: Facts) -> Iterator[Made]:
    """Of these, those whose description was not refused: to make them anew would be an outage."""
    refused = (facts["observation"] or {}).get("refused", {})
    return (one for one in _made(config, facts) if one[0] not in refused)


def _capabilities(names: Sequence[str] | None) -> set[str]:
    return {one.removeprefix("CAP_") for one in names or []}


def _pairs(lines: Sequence[str] | None) -> dict[str, str]:
    return dict(one.split("=", 1) for one in lines or [] if "=" in one)


def _plain(value: Any) -> str:
    # Compose writes a dollar sign twice in what it prints.
    return str(value if value is not None else "").replace("$$", "$")


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


CHECKS: tuple[Check, ...] = (powers, user, mounts, environment, override)
