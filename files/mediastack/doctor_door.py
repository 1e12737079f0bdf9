"""The updater's door: its account has no rights, it listens where it should and nowhere else, it
answers, it lets nobody in without a token, and What's Up Docker can reach it.

Facts and judgments together, as in doctor_machine. What is asked of the door leaves no delivery.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mediastack import probes
from mediastack.doctor_checks import DEPLOY, Check, Finding, judge
from mediastack.doctor_monitor import account_of, account_problem, look, owned_problem

Config = Mapping[str, Any]
Facts = Mapping[str, Any]
Run = Callable[[Sequence[str]], "str | None"]

INBOX_MODE = 0o700
# What each question is answered with; the second one is a delivery without a token.
ANSWERS = {"GET /healthz": 200, "POST /hooks/wud": 401}
RESTART = "systemctl restart mediastack-updater.socket mediastack-updater.service"
LISTENING = "0A"


def gather(config: Config, run: Run, proc: str = "/proc") -> dict[str, Any]:
    """Return {"account", "directory" (as in doctor_monitor), "listeners": addresses that listen on
    the door's port, "answers": {question: status or why not}, "reach": why What's Up Docker cannot
    reach it, "" when it can, None where it does not run}; {} before the door was deployed."""
    table = config.get("updates") or {}
    if not table:
        return {}
    where = config["network"]["gateway"], int(table["port"])
    watcher = json.loads(run(("docker", "inspect", "wud")) or "[]") if table["wud"] else []
    return {
        "account": account_of(table["account"]),
        "directory": look(table["inbox"]),
        "listeners": listeners(int(table["port"]), proc),
        "answers": probes.door_answers(*where, ANSWERS),
        "reach": probes.reach(watcher[0], *where) if _runs(watcher) else None,
    }


def _runs(found: Sequence[Mapping[str, Any]]) -> bool:
    return bool(found and found[0].get("State", {}).get("Pid"))


def listeners(port: int, proc: str = "/proc") -> list[str]:
    """Return the addresses of this host's own network at which somebody listens on a port."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in probes.read(f"{proc}/1/net/{table}").splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            number, _, told = local.partition(":")
            if state == LISTENING and int(told, 16) == port:
                words = [number[start : start + 8] for start in range(0, len(number), 8)]
                raw = b"".join(struct.pack("=I", int(word, 16)) for word in words)
                family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
                found.append(socket.inet_ntop(family, raw))
    return found


def account(config: Config, facts: Facts) -> list[Finding]:
    """The door's account exists, cannot log in and belongs to no other group."""
    if not facts["door"]:
        return []
    problem = account_problem(facts["door"]["account"])
    return [judge("account", config["updates"]["account"], problem, DEPLOY)]


def inbox(config: Config, facts: Facts) -> list[Finding]:
    """Deliveries are the door's to write, and nobody else's."""
    found = facts["door"]
    if not found:
        return []
    problem = owned_problem(found["directory"], found["account"], "directory", INBOX_MODE)
    return [judge("file", config["updates"]["inbox"], problem, DEPLOY)]


def door(config: Config, facts: Facts) -> list[Finding]:
    """It listens at the gateway's address alone, and answers as it should."""
    found = facts["door"]
    if not found:
        return []
    gateway, port = config["network"]["gateway"], config["updates"]["port"]
    elsewhere = sorted(set(found["listeners"]) - {gateway})
    problem = ""
    if gateway not in found["listeners"]:
        problem = "does not listen"
    elif elsewhere:
        problem = f"is open at {', '.join(elsewhere)} too"
    else:
        for question, wanted in ANSWERS.items():
            if not problem and found["answers"].get(question) != wanted:
                problem = f"answers {found['answers'].get(question)} to {question}, not {wanted}"
    findings = [judge("door", f"{gateway}:{port}", problem, RESTART)]
    if found["reach"] is not None and not problem:
        away = f"is out of reach: {found['reach']}" if found["reach"] else ""
        findings.append(judge("door", "wud", away, "stack-manage.sh ops restart wud"))
    return findings


CHECKS: tuple[Check, ...] = (account, inbox, door)
