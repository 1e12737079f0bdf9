"""Checks of files: secrets that nobody else may read, managed files as the deploy left them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mediastack import doctor_probes
from mediastack.doctor_checks import DEPLOY, Check, Finding, judge

Config = Mapping[str, Any]
Facts = Mapping[str, Any]

OTHERS = 0o077
WORLD = 0o007


def secrets(config: Config, facts: Facts) -> list[Finding]:
    """Below the secrets directory nothing is readable by others, and what the configuration knows
    is there with its owner and mode."""
    wanted = _wanted_secrets(config)
    findings = []
    for path in sorted({*wanted, *facts["secrets"]}):
        entry = wanted.get(path, {})
        found = facts["secrets"].get(path)
        problem = _missing(entry) if found is None else _exposed(entry, found)
        problem = problem or facts.get("wrong_secrets", {}).get(path, "")
        findings.append(judge("secret", path, problem, DEPLOY))
    return findings


def managed_files(config: Config, facts: Facts) -> list[Finding]:
    """Everything that the deploy placed is there, with its kind, mode, owner and content."""
    findings = []
    for entry in doctor_probes.reachable_files(config, facts["data"]["present"]):
        problem = _differs(entry, facts["files"].get(entry["path"]))
        findings.append(judge("file", entry["path"], problem, DEPLOY))
    return findings


def _differs(entry: Mapping[str, Any], found: Mapping[str, Any] | None) -> str:
    """Everything but the path is optional in an entry."""
    if found is None:
        return "is missing"
    if entry.get("kind", found["kind"]) != found["kind"]:
        return f"is a {found['kind']} instead of a {entry['kind']}"
    if "target" in entry and found["target"] != entry["target"]:
        return f"points to {found['target']} instead of {entry['target']}"
    if "mode" in entry and found["mode"] != int(entry["mode"], 8):
        return f"has mode {found['mode']:04o} instead of {entry['mode']}"
    wanted = (entry.get("uid", found["uid"]), entry.get("gid", found["gid"]))
    if wanted != (found["uid"], found["gid"]):
        return f"belongs to {found['uid']}:{found['gid']} instead of {wanted[0]}:{wanted[1]}"
    if entry.get("sha256") and found["sha256"] != entry["sha256"]:
        return "was changed after the deploy wrote it"
    return ""


def _wanted_secrets(config: Config) -> dict[str, Mapping[str, Any]]:
    """{path: {"uid","gid","mode" (None: private),"required","seed"}}"""
    top = os.path.join(config["paths"]["etc"], "secrets")
    wanted: dict[str, Mapping[str, Any]] = {
        os.path.join(top, entry["service"], entry["name"]): {
            "uid": entry["uid"],
            "gid": entry["gid"],
            "mode": None,
            "required": entry.get("required", True),
            "seed": False,
        }
        for entry in config["secrets"]
    }
    for entry in config["secret_files"]:
        seed = entry.get("seed", False)
        wanted[entry["destination"]] = {
            "uid": entry["uid"],
            "gid": entry["gid"],
            # The app owns a seed afterwards and may give it another mode of its own.
            "mode": None if seed else int(entry["mode"], 8),
            "required": True,
            "seed": seed,
        }
    return wanted


def _missing(entry: Mapping[str, Any]) -> str:
    return "is missing" if entry.get("required") else ""


def _exposed(entry: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    mode, wanted = found["mode"], entry.get("mode")
    if wanted is not None and mode != wanted:
        return f"has mode {mode:04o} instead of {wanted:04o}"
    if entry.get("seed") and found.get("enclosed"):
        # The app rewrites its file with a mode of its own; its directory keeps others out.
        return ""
    if wanted is None and mode & (WORLD if entry.get("seed") else OTHERS):
        return f"can be used by others (mode {mode:04o})"
    if entry and (found["uid"], found["gid"]) != (entry["uid"], entry["gid"]):
        have = f"{found['uid']}:{found['gid']}"
        return f"belongs to {have} instead of {entry['uid']}:{entry['gid']}"
    if found["directory"] and not entry and found["uid"] != 0:
        return f"belongs to uid {found['uid']} instead of root"
    return ""


CHECKS: tuple[Check, ...] = (secrets, managed_files)
