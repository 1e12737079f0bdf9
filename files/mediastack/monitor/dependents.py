"""Gluetun's dependents as the user's verbs see them: where each is, and whether it should run.

The same verdict as the monitor's (namespaces), from an observation that root makes itself: these
verbs work also while the monitor or the healer does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediastack import observe, plan, status, user_stops
from mediastack.docker_client import Docker
from mediastack.healer import look as healers_look
from mediastack.monitor import namespaces


def look(config: Mapping[str, Any], docker: Docker) -> list[dict[str, Any]]:
    """Return judged() of what is now. Raise docker_client.NotReachable."""
    observation = observe.observe(config, docker)
    user_stops.foresee(docker, observation)
    return judged(config, observation)


def judged(config: Mapping[str, Any], observation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return [{"service","state","verdict","wanted","stopped_by_user"}] in start order. Pure."""
    facts = healers_look.facts(config, observation)
    owner = facts.get(plan.owner_name(config), {})
    found = []
    for name in plan.dependents(config):
        mine = facts[name]
        stopped = status.stopped(config, observation, name)
        gated = config["services"][name]["data"] and not observation["data"]["present"]
        gated = gated or name in observation.get("held", {})
        found.append(
            {
                "service": name,
                "state": mine["status"],
                "verdict": namespaces.verdict(owner, mine),
                "wanted": not stopped and not gated,
                "stopped_by_user": stopped,
            }
        )
    return found
