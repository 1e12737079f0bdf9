"""Our few operations. Each reads one fact, says what differs, and yields one command or nothing.

pyinfra runs a generator's facts again at execute time, so what is mended is what is found then.
Nothing yielded means nothing changed: a second run reports zero changes because the host says so.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Generator
from typing import Any

from pyinfra import host, logger, state
from pyinfra.api import StringCommand, operation

from facts import Answer, HostProgram, Sealed, program
from shared import plan

SHOWN_DIFFERENCES = 12
LOCK_PATIENCE_SECONDS = 1800
Commands = Generator[StringCommand, None, None]
Differences = list[dict[str, str]]


class Wanted:
    """A wanted state as an operation's argument: pyinfra prints arguments, so it shows nothing."""

    def __init__(self, specification: dict[str, Any]) -> None:
        self.specification = specification

    def __repr__(self) -> str:
        return "<wanted state>"


def report(differences: Differences, new_text: dict[str, str] | None = None) -> None:
    """Name what differs; with --diff also how, for text files (which hold no secrets)."""
    for one in differences[:SHOWN_DIFFERENCES]:
        logger.info(f"{host.print_prefix}  {one['path']}: {one['problem']}")
    if len(differences) > SHOWN_DIFFERENCES:
        more = len(differences) - SHOWN_DIFFERENCES
        logger.info(f"{host.print_prefix}  … and {more} more")
    if new_text is None or not getattr(state.config, "DIFF", False):
        return
    for one in differences:
        if one["path"] in new_text and (one.get("old") or one["problem"] == "absent"):
            before, after = one.get("old", "").splitlines(), new_text[one["path"]].splitlines()
            for line in difflib.unified_diff(before, after, one["path"], one["path"], lineterm=""):
                logger.info(f"{host.print_prefix}    {line}")


@operation()
def converge(module: str, wanted: Wanted) -> Commands:
    """
    Bring one aspect of the host to its wanted state with a program from remote/.

    + module: the program's name
    + wanted: what its check and apply functions take
    """
    check = program(module, "check", wanted.specification)
    differences = host.get_fact(Answer, about=module, _stdin=check)
    if not differences:
        host.noop(f"{module} is as wanted")
        return
    report(differences)
    yield StringCommand("python3 -", _stdin=program(module, "apply", wanted.specification))


@operation()
def tree(wanted: Wanted) -> Commands:
    """
    Place managed files and directories, sending only what differs.

    + wanted: {"record": path, "entries": [...]} of remote/tree.py, with "content" (base64)
    """
    entries = wanted.specification["entries"]
    bare = [without(entry, "content", "text") for entry in entries]
    check = program("tree", "check", {**wanted.specification, "entries": bare})
    differences = host.get_fact(Answer, about="tree", _stdin=check)
    if not differences:
        host.noop("all managed files are as wanted")
        return
    report(differences, {entry["path"]: entry["text"] for entry in entries if "text" in entry})
    needs_content = {one["path"] for one in differences if one.get("content") != "same"}
    sent = [
        without(entry, "text")
        if entry["path"] in needs_content
        else without(entry, "text", "content")
        for entry in entries
    ]
    yield StringCommand(
        "python3 -", _stdin=program("tree", "apply", {**wanted.specification, "entries": sent})
    )


def without(entry: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The entry, less some of its keys."""
    return {key: value for key, value in entry.items() if key not in keys}


@operation()
def secrets(path: str, wanted: Wanted) -> Commands:
    """
    Make, copy and fill in secrets on the host. User secrets travel over stdin only.

    + path: the host programs' entry point
    + wanted: {"config", "templates", "values"}
    """
    sealed = Sealed([json.dumps(wanted.specification)])
    differences = host.get_fact(HostProgram, path=path, verb="secrets-check", _stdin=sealed)
    if differences is None:
        differences = [{"path": "secrets", "problem": "the host programs are not installed yet"}]
    if not differences:
        host.noop("all secrets are as wanted")
        return
    report(differences)
    yield StringCommand(path, "secrets-apply", _stdin=sealed)


@operation()
def stacks(path: str, wanted: Wanted) -> Commands:
    """
    Containers as described: act only on a difference, then wait for health.

    + path: the host programs' entry point
    + wanted: {"config": the content of mediastack.toml}
    """
    config = wanted.specification["config"]
    sealed = Sealed([json.dumps(config)])
    observation = (
        host.get_fact(HostProgram, path=path, verb="observe --config -", _stdin=sealed)
        or plan.nothing_observed()
    )
    for service in sorted(observation["intents"].keys() & config["services"].keys()):
        again = f"stack-manage.sh {config['services'][service]['stack']} up {service}"
        logger.info(f"{host.print_prefix}  {service}: stays stopped, as you asked; {again}")
    actions = plan.plan(config, observation)
    differences = [
        {"path": one["service"], "problem": f"{one['action']} ({one['reason']})"} for one in actions
    ] + plan.unwell(config, observation)
    if not differences:
        host.noop("all containers are as wanted and healthy")
        return
    report(differences)
    # The keeper runs already and may have begun the same work, a long pull perhaps.
    patience = str(LOCK_PATIENCE_SECONDS)
    yield StringCommand(path, "apply", "--actor", "deploy", "--lock-wait", patience)
