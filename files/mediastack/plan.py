"""What has to be done so that the containers are what they should be. Pure, standard library only.

`plan` compares the configuration (mediastack.toml) with an observation (observe.observe) and lists
every action that will happen, in order; the deploy uses the same list to predict its changes. What
can only happen later is in it too: when gluetun is created or recreated, its dependents follow,
because their namespace goes with it. `ready` picks the actions that may be carried out now: a
dependent is not touched before gluetun is up and healthy, or it would join a dead namespace or be
refused by Docker (409). The way to use both is a loop: observe, plan, do what is ready, again.

What the user stopped (intents) is left alone, and nothing that mounts /data is created or started
while the sentinel is absent. A service whose new settings were refused (gluetun in its trial) is
neither made nor replaced: the container that is there is what is wanted, and its dependents live.
A service whose update is being taken back (held) is the updater's alone: nobody else starts it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mediastack import leftovers

Action = dict[str, str]
Config = Mapping[str, Any]
Observation = Mapping[str, Any]


def plan(config: Config, observation: Observation) -> list[Action]:
    """Return the actions, in order: {"action","service","stack","reason"} and, for a removal or a
    renaming, "container" (the present name of the container).

    `action` is create, recreate, start, remove or rename (to the service's name). An empty
    `observation` is a host on which nothing exists yet. Raise nothing: a service whose state is in
    between (paused, restarting, removing) gets no action and is looked at again next time.
    """
    primary, strays = leftovers.sort(_wanted(config), observation)
    actions = [
        {
            "action": action,
            "service": container["service"],
            "stack": container["stack"],
            "reason": reason,
            "container": container["name"],
        }
        for container, action, reason in strays
    ]
    owner = owner_name(config)
    owner_action = _decide(config, observation, owner, primary.get(owner)) if owner else None
    for stack, service in _in_order(config):
        entry = config["services"][service]
        if service == owner:
            decision = owner_action
        elif entry["zone"] == "vpn":
            decision = _decide_dependent(
                config, observation, service, primary, primary.get(owner), owner_action
            )
        else:
            decision = _decide(config, observation, service, primary.get(service))
        if decision:
            action, reason = decision
            actions.append({"action": action, "service": service, "stack": stack, "reason": reason})
    return actions


def ready(config: Config, observation: Observation, actions: Sequence[Action]) -> list[Action]:
    """Return those of `actions` (made by plan from the same arguments) that may be done now.

    Dependents of gluetun wait until it needs nothing itself, runs and, when it has a health
    check, is healthy. What a recreate has left waits until that can no longer be under way.
    """
    owner = owner_name(config)
    # That a left-over of it has to go is nobody's hindrance.
    waiting = any(
        action["service"] == owner and action["action"] != "remove" for action in actions
    ) or not owner_is_up(config, observation)
    in_work = leftovers.in_work(_wanted(config), observation)
    return [
        action
        for action in actions
        if action["service"] not in in_work
        and (
            action["action"] in ("remove", "rename")
            or not waiting
            or not is_dependent(config, action)
        )
    ]


def unwell(config: Config, observation: Observation) -> list[dict[str, str]]:
    """Return [{"path","problem"}] of what is not as it should be and no action of plan mends:
    sick services (`path` is the service), services that cannot run, /data that is not there.

    What the user stopped is well, and so are the dependents of a gluetun that the user stopped, or
    that refused the settings of its first start: that one is named.
    """
    primary, _ = leftovers.sort(_wanted(config), observation)
    intents = observation.get("intents", {})
    acted_on = {action["service"] for action in plan(config, observation)}
    data = observation.get("data", {})
    problems = [
        {"path": service, "problem": problem}
        for service, problem in observation.get("refused", {}).items()
        if service not in intents
    ]
    told = {problem["path"] for problem in problems}
    gated: set[str] = set()
    if not data.get("present", True):
        gated = {name for name, entry in config["services"].items() if entry["data"]}
        sentinel = str(config.get("paths", {}).get("sentinel", "/data"))
        problems.append({"path": sentinel, "problem": data.get("error") or "absent"})
    for _, service in _in_order(config):
        owner = owner_name(config)
        without = owner in intents or (owner in told and owner not in primary)
        orphaned = config["services"][service]["zone"] == "vpn" and without
        if service in intents or service in acted_on or orphaned:
            continue
        container = primary.get(service)
        if service in observation.get("held", {}):
            problems.append({"path": service, "problem": observation["held"][service]})
            continue
        resting = service in observation.get("resting", ())
        if resting and container is not None and container["status"] == "paused":
            continue
        if container is None and service in told:
            continue
        if container is None or container["status"] != "running":
            status = container["status"] if container else "absent"
            because = " (/data is not there)" if service in gated else ""
            problems.append({"path": service, "problem": status + because})
        elif config["services"][service]["health"] and container["health"] != "healthy":
            problems.append({"path": service, "problem": f"health: {container['health']}"})
    return problems


def nothing_observed() -> dict[str, Any]:
    """Return the observation of a host on which nothing exists yet."""
    return {
        "containers": [],
        "data": {"present": True, "error": ""},
        "intents": {},
        "images": {},
        "held": {},
    }


def dump(value: Any) -> str:
    """Return a value as one line of JSON, for a program's stdin."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def owner_name(config: Config) -> str:
    """Return the service whose network namespace the vpn zone shares, "" when there is none."""
    for service, entry in config.get("services", {}).items():
        if entry.get("owner"):
            return str(service)
    return ""


def dependents(config: Config) -> list[str]:
    """Return the services of the vpn zone in start order."""
    return [
        service for _, service in _in_order(config) if config["services"][service]["zone"] == "vpn"
    ]


def is_dependent(config: Config, action: Action) -> bool:
    """Say whether the action concerns a service that lives in gluetun's namespace."""
    entry = config["services"].get(action["service"])
    return entry is not None and entry["zone"] == "vpn"


def owner_is_up(config: Config, observation: Observation) -> bool:
    """Say whether gluetun runs and is healthy (or has no health check)."""
    owner = owner_name(config)
    container = leftovers.sort(_wanted(config), observation)[0].get(owner)
    if container is None or container["status"] != "running":
        return False
    return not config["services"][owner]["health"] or container["health"] == "healthy"


def _in_order(config: Config) -> list[tuple[str, str]]:
    """(stack, service) in start order; gluetun first in its stack whatever the list says."""
    owner = owner_name(config)
    return [
        (stack, service)
        for stack, entry in config.get("stacks", {}).items()
        for service in sorted(entry.get("services", []), key=lambda name: name != owner)
    ]


def _wanted(config: Config) -> dict[str, str]:
    """{service: its stack}."""
    return {service: stack for stack, service in _in_order(config)}


def _decide(
    config: Config, observation: Observation, service: str, container: Any
) -> tuple[str, str] | None:
    """Return (action, reason) for a service looked at alone, None when nothing has to be done."""
    entry = config["services"][service]
    if service in observation.get("intents", {}) or service in observation.get("held", {}):
        return None
    if entry["data"] and not observation.get("data", {}).get("present", True):
        return None
    if service in observation.get("refused", {}):
        stopped = container is not None and container["status"] in ("exited", "created")
        return ("start", container["status"]) if stopped else None
    if container is None:
        return "create", "absent"
    status = container["status"]
    if status == "removing":
        return None
    if container["config_hash"] != entry["config_hash"]:
        return "recreate", "configuration changed"
    wanted_image = observation.get("images", {}).get(service, entry["image"])
    if container["image"] != wanted_image:
        return "recreate", f"image {container['image']} -> {wanted_image}"
    if changed := _attached_otherwise(entry, container):
        return "recreate", changed
    if status == "dead":
        return "recreate", "dead"
    if status in ("exited", "created"):
        return "start", status
    if status == "running" and container.get("stale_mounts"):
        return "recreate", "mounted file was replaced: " + ", ".join(container["stale_mounts"])
    return None


def _attached_otherwise(entry: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """Say what a hand changed of networks, ports or restart policy; "" for nothing.

    Programs of an earlier release observe none of it: then there is nothing to compare.
    """
    wanted, found = entry.get("attached"), container.get("attached")
    if not wanted or not found:
        return ""
    return "; ".join(
        f"{what} {_said(found[what])} instead of {_said(wanted[what])}"
        for what in ("restart", "networks", "ports")
        if found[what] != wanted[what]
    )


def _said(value: Any) -> str:
    """A restart policy, {network: address} or [port] in words."""
    if isinstance(value, Mapping):
        value = [f"{name} {address}".strip() for name, address in sorted(value.items())]
    return str(value) if isinstance(value, str) else ", ".join(value) or "none"


def _decide_dependent(
    config: Config,
    observation: Observation,
    service: str,
    primary: Mapping[str, Any],
    owner: Any,
    owner_action: tuple[str, str] | None,
) -> tuple[str, str] | None:
    """Like _decide, for a service in gluetun's namespace."""
    container = primary.get(service)
    if owner_action is None and (owner is None or owner["status"] != "running"):
        # Stopped by the user, or in between: there is no namespace to join.
        return None
    decision = _decide(config, observation, service, container)
    if decision and decision[0] in ("create", "recreate"):
        return decision
    allowed = (
        service not in observation.get("intents", {})
        and service not in observation.get("held", {})
        and (
            not config["services"][service]["data"]
            or observation.get("data", {}).get("present", True)
        )
    )
    if container is None or not allowed or container["status"] == "removing":
        return decision
    if owner_action and owner_action[0] in ("create", "recreate"):
        return "recreate", f"gluetun: {owner_action[1]}"
    joined = container["network_mode"]
    if owner and joined not in (f"container:{owner['id']}", f"container:{owner['name']}"):
        return "recreate", "joined to a gluetun that is gone"
    if container["status"] == "running" and owner:
        if owner_action:
            return "recreate", f"gluetun: {owner_action[1]}"
        mine, theirs = container.get("netns"), owner.get("netns")
        if mine is not None and theirs is not None and mine != theirs:
            return "recreate", "in a network namespace that is not gluetun's"
    return decision
