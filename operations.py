"""Our few operations. Each asks one question, says what differs, yields one command or nothing.

pyinfra runs a generator again at execute time, so what is mended is what is found then; the
questions are announced beforehand, so that one survey can answer them all.
Nothing yielded means nothing changed: a second run reports zero changes because the host says so.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Generator
from typing import Any

from pyinfra import host, logger, state
from pyinfra.api import StringCommand, operation

import survey
from facts import Sealed, program
from shared import plan
from survey import Question

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
    """Name what differs and will be changed, which ends the truth of earlier answers.

    With --diff also how, for text files (which hold no secrets).
    """
    survey.forget()
    # Before anything is done (--dry, or the question whether to go on) all of it is named.
    shown = SHOWN_DIFFERENCES if state.is_executing else len(differences)
    for one in differences[:shown]:
        logger.info(f"{host.print_prefix}  {one['path']}: {one['problem']}")
    if len(differences) > shown:
        more = len(differences) - shown
        logger.info(f"{host.print_prefix}  … and {more} more")
    if new_text is None or not getattr(state.config, "DIFF", False):
        return
    for one in differences:
        if one["path"] in new_text and (one.get("old") or one["problem"] == "absent"):
            before, after = one.get("old", "").splitlines(), new_text[one["path"]].splitlines()
            for line in difflib.unified_diff(before, after, one["path"], one["path"], lineterm=""):
                logger.info(f"{host.print_prefix}    {line}")


def converge(name: str, module: str, wanted: Wanted) -> None:
    """Bring one aspect of the host to its wanted state with a program from remote/."""
    question = survey.announce(Question(module, wanted.specification))
    _converge(name=name, module=module, wanted=wanted, question=question)


@operation()
def _converge(module: str, wanted: Wanted, question: Question) -> Commands:
    """
    + module: the program's name
    + wanted: what its check and apply functions take
    """
    differences = survey.ask(question)
    if not differences:
        host.noop(f"{module} is as wanted")
        return
    report(differences)
    yield StringCommand("python3 -", _stdin=program(module, "apply", wanted.specification))


def tree(name: str, wanted: Wanted) -> None:
    """Place managed files and directories, sending only what differs."""
    bare = [without(entry, "content", "text") for entry in wanted.specification["entries"]]
    question = survey.announce(Question("tree", {**wanted.specification, "entries": bare}))
    _tree(name=name, wanted=wanted, question=question)


@operation()
def _tree(wanted: Wanted, question: Question) -> Commands:
    """
    + wanted: {"record": path, "entries": [...]} of remote/tree.py, with "content" (base64)
    """
    entries = wanted.specification["entries"]
    differences = survey.ask(question)
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


def secrets(name: str, path: str, wanted: Wanted) -> None:
    """Make, copy and fill in secrets on the host. User secrets travel over stdin only."""
    question = survey.announce(Question("secrets-check", wanted.specification, path))
    _secrets(name=name, path=path, wanted=wanted, question=question)


@operation()
def _secrets(path: str, wanted: Wanted, question: Question) -> Commands:
    """
    + path: the host programs' entry point
    + wanted: {"config", "templates", "values"}
    """
    differences = survey.ask(question)
    if differences is None:
        differences = [{"path": "secrets", "problem": "the host programs are not installed yet"}]
    if not differences:
        host.noop("all secrets are as wanted")
        return
    report(differences)
    sealed = Sealed([json.dumps(wanted.specification)])
    yield StringCommand(path, "secrets-apply", _stdin=sealed)


def rebuild(name: str, path: str, wanted: Wanted) -> None:
    """Fill a bare host from a backup; the repository's secrets travel over stdin only."""
    asked = {"config": wanted.specification["config"]}
    question = survey.announce(Question("rebuild --check", asked, path))
    _rebuild(name=name, path=path, wanted=wanted, question=question)


@operation()
def _rebuild(path: str, wanted: Wanted, question: Question) -> Commands:
    """
    + path: the host programs' entry point
    + wanted: {"config", "repository", "password", "environment", "host", "snapshot", "older"}
    """
    answer = survey.ask(question)
    if answer is None:
        absent = {"path": "rebuild", "problem": "the host programs are not installed yet"}
        answer = {"due": [absent], "note": ""}
    if answer["note"]:
        logger.info(f"{host.print_prefix}  {answer['note']}")
    if not answer["due"]:
        host.noop("there is a house on this host")
        return
    report(answer["due"])
    sealed = Sealed([json.dumps(wanted.specification)])
    yield StringCommand(path, "rebuild", _stdin=sealed)


def stacks(name: str, path: str, wanted: Wanted) -> None:
    """Containers as described: act only on a difference, then wait for health."""
    question = survey.announce(Question("observe --config -", wanted.specification["config"], path))
    _stacks(name=name, path=path, wanted=wanted, question=question)


@operation()
def _stacks(path: str, wanted: Wanted, question: Question) -> Commands:
    """
    + path: the host programs' entry point
    + wanted: {"config": the content of mediastack.toml}
    """
    config = wanted.specification["config"]
    observation = survey.ask(question) or plan.nothing_observed()
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
