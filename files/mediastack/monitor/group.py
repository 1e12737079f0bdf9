"""Gluetun's group as one pass sees it: who is wanted, who is where, what would have to be done."""

from __future__ import annotations

from typing import Any, NamedTuple

from mediastack.monitor import namespaces
from mediastack.monitor.state import Look


class Group(NamedTuple):
    """`home` are wanted dependents inside the owner's namespace, `away` those that are not and of
    which that is known; `stranded` run elsewhere, wanted or not; `unclear` nobody knows;
    `leftovers` have a container to be removed, wanted or not."""

    owner_name: str
    owner: dict[str, Any]
    services: dict[str, dict[str, Any]]
    incarnation: list[Any] | None
    ready: bool
    home: list[str]
    away: list[str]
    stranded: list[str]
    unclear: list[str]
    planned: dict[str, str]
    leftovers: list[str]


def of(look: Look) -> Group:
    """Return the group in a look."""
    name = look["owner"]
    services = look["services"]
    owner = services[name]
    dependents = {key: facts for key, facts in services.items() if key != name}
    verdicts = {key: namespaces.verdict(owner, facts) for key, facts in dependents.items()}
    undecided = set(look["undecided"])
    wanted = [key for key, facts in dependents.items() if facts["wanted"] and key not in undecided]

    # A left-over of Gluetun's does not keep anybody from joining Gluetun.
    planned = {
        action["service"]: action["action"]
        for action in look["actions"]
        if action["action"] != "remove"
    }

    def among(names: list[str], *kinds: str) -> list[str]:
        return [key for key in names if verdicts[key] in kinds]

    return Group(
        owner_name=name,
        owner=owner,
        services=services,
        incarnation=namespaces.incarnation(owner, look["boot"]),
        # One that has to be made anew itself would take its namespace away again.
        ready=namespaces.is_ready(owner, look["firewall"]) and name not in planned,
        home=among(wanted, namespaces.INSIDE),
        away=among(wanted, namespaces.OUT, namespaces.STRANDED),
        stranded=among(list(dependents), namespaces.STRANDED),
        unclear=among(wanted, namespaces.UNKNOWN) + sorted(undecided & dependents.keys()),
        planned=planned,
        leftovers=[action["service"] for action in look["actions"] if action["action"] == "remove"],
    )


def sick(group: Group) -> list[str]:
    """Return those at home whose health check does not say healthy."""
    facts = group.services
    return [
        name
        for name in group.home
        if facts[name]["health_check"] and facts[name]["health"] != "healthy"
    ]
