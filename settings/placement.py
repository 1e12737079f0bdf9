"""Several hosts in one settings file: `[hosts."<name>"]` says what differs on that host.

`stacks` names the stacks that run there (absent: all of them); every other key is a table of the
settings, laid over the common one. A service of a stack that is not placed here is off here, so
everything that asks "is it enabled?" is right without knowing of hosts. A host gets only the
secrets of what runs on it. Mistakes are told at the place the user wrote them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import SecretStr

from service import Service, Stack
from settings.model import SECTIONS
from settings.problems import Problem, nearest, shown, unknown
from settings.user_secrets import NOTIFY_TOKEN

STACKS: tuple[str, ...] = get_args(Stack)
TABLES = (*SECTIONS, "services")


def path(host: str, key: str = "") -> str:
    """The dotted path of a host's table, quoted as TOML wants an address quoted."""
    name = host if host.replace("-", "").replace("_", "").isalnum() else json.dumps(host)
    return f"hosts.{name}" + (f".{key}" if key else "")


def tables(own: Mapping[str, Any], problems: list[Problem]) -> dict[str, dict[str, Any]]:
    """The valid `[hosts.<name>]` tables; what is wrong with the others goes to `problems`."""
    given = own.get("hosts", {})
    if not isinstance(given, dict):
        problems.append(Problem("hosts", "must be a table", 'write [hosts."<name>"]'))
        return {}
    valid = {}
    for host, table in given.items():
        found = list(_table_problems(host, table))
        problems.extend(found)
        if not found:
            valid[host] = table
    return valid


def _table_problems(host: str, table: object) -> Iterator[Problem]:
    if not isinstance(table, dict):
        yield Problem(path(host), f"must be a table, not {shown(table)}", f"write [{path(host)}]")
        return
    for key in table.keys() - {*TABLES, "stacks"}:
        yield unknown(path(host, key), [*TABLES, "stacks"])
    for key in TABLES:
        if key in table and not isinstance(table[key], dict):
            yield Problem(path(host, key), "must be a table", f"write [{path(host, key)}]")
    stacks = table.get("stacks", [])
    if not isinstance(stacks, list):
        yield Problem(path(host, "stacks"), f"is {shown(stacks)}", 'a list like ["media"]')
        return
    for stack in stacks:
        if stack not in STACKS:
            guess = nearest(str(stack), STACKS)
            fix = f"did you mean {guess}?" if guess else f"one of {', '.join(STACKS)}"
            yield Problem(path(host, "stacks"), f"names {shown(stack)}, which is no stack", fix)


def laid_over(own: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The user's common values with a host's over them, table by table and key by key."""
    merged = {key: value for key, value in own.items() if key != "hosts"}
    for key, value in table.items():
        if key != "stacks":
            merged[key] = _deep(merged.get(key, {}), value)
    return merged


def _deep(common: Any, over: Any) -> Any:
    if not isinstance(common, dict) or not isinstance(over, dict):
        return over
    return {**common, **{key: _deep(common.get(key), value) for key, value in over.items()}}


def placed(services: Mapping[str, Service], table: Mapping[str, Any]) -> dict[str, Service]:
    """The services as they are on this host: those of other hosts' stacks are off."""
    stacks = table.get("stacks", STACKS)
    return {
        name: one if one.stack in stacks else one.model_copy(update={"enabled": False})
        for name, one in services.items()
    }


def own_secrets(
    secrets: Mapping[str, SecretStr], services: Mapping[str, Service], notify_server: str
) -> dict[str, SecretStr]:
    """The secrets that something on this host reads: no other leaves the controller."""
    running = {name for name, one in services.items() if one.enabled}
    return {
        reference: value
        for reference, value in secrets.items()
        if (
            notify_server
            if reference == NOTIFY_TOKEN
            else reference.partition("/")[0] in {*running, "backup"}
        )
    }


def blamed(problem: Problem, host: str, table: Mapping[str, Any]) -> Problem:
    """The problem at the host's own line, when that is where the value stands."""
    value: Any = table
    for key in problem.path.split("."):
        if not isinstance(value, dict) or key not in value:
            return problem
        value = value[key]
    return problem if problem.file else problem._replace(path=path(host, problem.path))


def across(given: Mapping[str, Mapping[str, Any]], hosts: list[str]) -> Iterator[Problem]:
    """What only all hosts together can tell: unknown names, a stack nowhere, or somewhere unasked.

    When no table has `stacks`, every host runs everything. Two hosts that both name a stack mean
    it; one that has it because it names none has probably been forgotten.
    """
    for name in given:
        if name not in hosts:
            guess = nearest(name, hosts)
            fix = f"did you mean {guess}?" if guess else f"one of {', '.join(hosts)}"
            yield Problem(path(name), "is no host of the inventory", fix)
    if not any("stacks" in table for table in given.values()):
        return
    for stack in STACKS:
        holders = [one for one in hosts if stack in given.get(one, {}).get("stacks", STACKS)]
        if not holders:
            yield Problem(
                "hosts", f"places the stack {stack} nowhere", f'add "{stack}" to one host\'s stacks'
            )
        unasked = [one for one in holders if "stacks" not in given.get(one, {})]
        if len(holders) > 1 and unasked:
            other = next(one for one in holders if one != unasked[0])
            yield Problem(
                path(unasked[0], "stacks"),
                f"is not set, so it has the stack {stack}, which is on {other} as well",
                "name the stacks of this host (a host without the key runs all)",
            )
