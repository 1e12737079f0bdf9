"""`drift`: every difference between what the last deploy wanted and what this host is.

Nothing is judged here a second time: files, units, packages and the rest are the doctor's findings,
secrets are what secrets-check finds (values included, never shown), containers are what the plan
would do. What the doctor finds besides (a full disk, a sick service, a clock that is off) is no
drift: no deploy mends it. A daily timer runs it with --notify, and leaves to the doctor what is the
doctor's, so that nothing is told twice.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mediastack import config, doctor, doctor_facts, foresight, notify, plan, secrets
from mediastack.docker_client import Docker
from mediastack.doctor_checks import is_drift
from mediastack.secret_files import SecretError

NOTIFY_LIMIT = 12


class Difference(NamedTuple):
    """What differs: a path, unit, package or service, and how."""

    kind: str
    subject: str
    problem: str


def main(arguments: list[str]) -> int:
    """Verb `drift [--json] [--notify]`: exit 1 when something differs. Raise ConfigError."""
    parser = argparse.ArgumentParser(prog="mediastack drift", description="Compare with the deploy")
    parser.add_argument("--json", action="store_true", help="all differences as JSON")
    parser.add_argument("--notify", action="store_true", help="send one message when any is found")
    options = parser.parse_args(arguments)
    settings = config.load()
    facts = doctor_facts.gather(settings, Docker())
    if facts["observation"] is not None:
        # A container whose secret the deploy will replace is made anew by it.
        foresight.note(settings, facts["observation"])
    found = differences(settings, facts, secret_differences(settings))
    unknown = [] if facts["observation"] is not None else [facts["docker_error"]]
    if options.json:
        print(json.dumps(report(found, unknown), indent=2))
    else:
        print("\n".join(lines(found, unknown)))
    if options.notify and found:
        name = settings["host"].get("name", "this host")
        notify.send(
            "drift",
            f"{name}: {len(found)} differences from the last deploy",
            message(found),
            priority=3,
            tags=("mag",),
            key="drift",
        )
    return 1 if found or unknown else 0


def differences(
    settings: Mapping[str, Any], facts: Mapping[str, Any], hidden: Sequence[Difference]
) -> list[Difference]:
    """Return all differences, each subject once; `hidden` are those of secret_differences. Pure."""
    found = [
        Difference(one.check, one.subject, one.problem)
        for one in doctor.failures(doctor.examine(settings, facts))
        if is_drift(one)
    ]
    found += hidden
    if facts["observation"] is not None:
        found += [
            Difference("container", act["service"], f"to {act['action']}: {act['reason']}")
            for act in plan.plan(settings, facts["observation"])
        ]
        found += [
            Difference("container", service, f"keeps its old settings: {why}")
            for service, why in facts["observation"].get("refused", {}).items()
        ]
    return list({(one.subject): one for one in reversed(found)}.values())[::-1]


def secret_differences(settings: dict[str, Any]) -> list[Difference]:
    """Return what is wrong with secrets and the files that embed them; no value is in it."""
    try:
        found = secrets.check(foresight.settled(settings), {})
    except SecretError as error:
        return [Difference("secret", "secrets", str(error))]
    return [Difference("secret", one["path"], one["problem"]) for one in found]


def report(found: Sequence[Difference], unknown: Sequence[str]) -> dict[str, Any]:
    """Return {"schema": 1, "same", "unknown": [why], "differences": [{"kind","subject",
    "problem"}]}, the schema of --json."""
    return {
        "schema": 1,
        "same": not found and not unknown,
        "unknown": list(unknown),
        "differences": [one._asdict() for one in found],
    }


def lines(found: Sequence[Difference], unknown: Sequence[str]) -> list[str]:
    """Return what a person reads."""
    text = [f"{one.kind}: {one.subject} {one.problem}" for one in found]
    text += [f"containers could not be compared: {why}" for why in unknown]
    if not text:
        return ["this host is as the last deploy left it"]
    return [*text, f"{len(found)} differences; fix: run the deploy again"]


def message(found: Sequence[Difference]) -> str:
    """Return the differences for a telephone's screen."""
    text = [f"{one.subject} {one.problem}" for one in found[:NOTIFY_LIMIT]]
    if len(found) > NOTIFY_LIMIT:
        text.append(f"and {len(found) - NOTIFY_LIMIT} more")
    return "\n".join([*text, "stack-manage.sh drift lists them; the deploy mends them"])
