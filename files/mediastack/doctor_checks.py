"""What a check says: one Finding per thing it looked at, passed or not.

A check is a pure function (config, facts) -> [Finding]. `problem` says what is wrong in the words
of somebody who has to mend it, `fix` what to do about it; both are empty on a pass, which is kept
because "checked 140 things" is worth more than silence. What works, but could cost the user dearly
one day, is a pass with a problem: a warning, which fails nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

DEPLOY = "run the deploy again"


# Checks whose failures are differences from what the last deploy wanted: one deploy mends them.
DRIFT = (
    *("file", "secret", "unit", "release", "docker-settings", "network"),
    *("package", "account", "engine", "leftover", "socket"),
)


class Finding(NamedTuple):
    """What one check says of one subject (a service, a unit, a path)."""

    check: str
    subject: str
    ok: bool
    problem: str = ""
    fix: str = ""


Check = Callable[[Mapping[str, Any], Mapping[str, Any]], list[Finding]]


def is_drift(finding: Finding) -> bool:
    """Say whether a finding is a difference that a deploy mends."""
    return finding.check in DRIFT


def is_warning(finding: Finding) -> bool:
    """Say whether a finding is a pass of which the user should know something all the same."""
    return finding.ok and bool(finding.problem)


def warn(check: str, subject: str, problem: str, fix: str) -> Finding:
    """Return a warning when there is a problem, else a pass."""
    return Finding(check, subject, True, problem, fix if problem else "")


def judge(check: str, subject: str, problem: str, fix: str) -> Finding:
    """Return a failure when there is a problem, else a pass."""
    if not problem:
        return Finding(check, subject, True)
    return Finding(check, subject, False, problem, fix)
