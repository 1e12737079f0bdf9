"""`doctor`: is this host as it should be, and if not, what mends it?

Three parts that know nothing of each other: doctor_facts gathers (once), the doctor_checks_*
modules judge (pure), this module prints. It changes nothing; repair is the work of the deploy and
the keeper, and a check that repaired would hide what keeps breaking. A daily timer runs it with
--notify, which sends one message however much is wrong; warnings are for those who look.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mediastack import (
    config,
    doctor_backup,
    doctor_checks_containers,
    doctor_checks_files,
    doctor_checks_host,
    doctor_disk,
    doctor_door,
    doctor_doors,
    doctor_facts,
    doctor_machine,
    doctor_made,
    doctor_monitor,
    doctor_updates,
    doctor_wall,
    notify,
)
from mediastack.docker_client import Docker
from mediastack.doctor_checks import Check, Finding, is_drift, is_warning

CHECKS: tuple[Check, ...] = (
    *doctor_checks_host.CHECKS,
    *doctor_checks_files.CHECKS,
    *doctor_checks_containers.CHECKS,
    *doctor_machine.CHECKS,
    *doctor_made.CHECKS,
    *doctor_doors.CHECKS,
    *doctor_wall.CHECKS,
    *doctor_monitor.CHECKS,
    *doctor_updates.CHECKS,
    *doctor_backup.CHECKS,
    *doctor_door.CHECKS,
    *doctor_disk.CHECKS,
)
NOTIFY_LIMIT = 12


def main(arguments: list[str]) -> int:
    """Verb `doctor [--json] [--notify]`: exit 1 when a check failed. Raise config.ConfigError."""
    parser = argparse.ArgumentParser(prog="mediastack doctor", description="Check this host.")
    parser.add_argument("--json", action="store_true", help="all findings as JSON")
    parser.add_argument("--notify", action="store_true", help="send one message with the failures")
    options = parser.parse_args(arguments)
    settings = config.load()
    facts = doctor_facts.gather(settings, Docker())
    doctor_facts.more(settings, facts)
    findings = examine(settings, facts)
    failed = failures(findings)
    if options.json:
        print(json.dumps(report(findings), indent=2))
    else:
        print("\n".join(lines(findings)))
    # What a deploy mends has its own daily message (drift).
    told = [one for one in failed if not is_drift(one)]
    if options.notify and told:
        name = settings["host"].get("name", "this host")
        notify.send(
            "doctor",
            f"{name}: {len(told)} checks failed" if len(told) > 1 else f"{name}: 1 check failed",
            message(told),
            priority=4,
            tags=("stethoscope",),
            key="doctor",
        )
    return 1 if failed else 0


def examine(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Finding]:
    """Return what all checks say of these facts. Pure."""
    return [finding for check in CHECKS for finding in check(settings, facts)]


def failures(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that are not ok."""
    return [finding for finding in findings if not finding.ok]


def warnings(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that are ok and have something to say all the same."""
    return [finding for finding in findings if is_warning(finding)]


def report(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return {"schema": 1, "ok", "passed", "failed", "warnings", "findings": [{"check","subject",
    "ok","problem","fix"}]}, the schema of --json; a warning has passed, with a problem."""
    failed = len(failures(findings))
    return {
        "schema": 1,
        "ok": not failed,
        "passed": len(findings) - failed,
        "failed": failed,
        "warnings": len(warnings(findings)),
        "findings": [finding._asdict() for finding in findings],
    }


def lines(findings: Sequence[Finding]) -> list[str]:
    """Return what a person has to read: the failures with their mending, and the count."""
    failed, warned = failures(findings), warnings(findings)
    text = []
    for finding in (*warned, *failed):
        mark = "" if not finding.ok else "warning: "
        text.append(f"{mark}{finding.check}: {finding.subject} {finding.problem}")
        text.append(f"  fix: {finding.fix}")
    count = f"{len(findings) - len(failed)} checks passed"
    count += f", {len(warned)} with a warning" if warned else ""
    text.append(count + (f", {len(failed)} failed" if failed else ""))
    return text


def message(failed: Sequence[Finding]) -> str:
    """Return the failures for a telephone's screen."""
    text = [f"{finding.subject} {finding.problem}" for finding in failed[:NOTIFY_LIMIT]]
    if len(failed) > NOTIFY_LIMIT:
        text.append(f"and {len(failed) - NOTIFY_LIMIT} more")
    return "\n".join([*text, "stack-manage.sh doctor says how to mend it"])
