"""Do updates work: none that hangs half-way, none forgotten in a pause, and the tools are there?

Facts and judgments together. A refused version is no ill of the host: history tells of it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from typing import Any

from mediastack import clock
from mediastack.doctor_checks import DEPLOY, Check, Finding, judge
from mediastack.updater import inflight, pauses, settings

Config = Mapping[str, Any]
Facts = Mapping[str, Any]

TOOLS = ("rsync", "skopeo")
# Beside two gates: a big pull, a big copy, pauses between tries.
WORK_SECONDS = 2 * 3600.0
LONG_PAUSE_SECONDS = 14 * 86_400.0
UNIT = "mediastack-update.service"


def gather(config: Config, now: float | None = None) -> dict[str, Any]:
    """Return {"inflight": {"service","step","seconds"} or None, "paused_seconds", "tools":
    {name: present}}; {} on a host of a release without updates."""
    if not config.get("updates"):
        return {}
    now = time.time() if now is None else now
    tx, pause = inflight.read(), pauses.read()
    return {
        "inflight": tx
        and {
            "service": tx["service"],
            "step": tx["step"],
            "seconds": _since(str(tx.get("at", "")), now),
        },
        "paused_seconds": _since(str(pause.get("since", "")), now) if pause else 0.0,
        "tools": {name: shutil.which(name) is not None for name in TOOLS},
    }


def under_way(config: Config, facts: Facts) -> list[Finding]:
    """An update comes to its end."""
    found = facts["updates"]
    if not found:
        return []
    tx, problem, service = found["inflight"], "", "updates"
    if tx:
        service = tx["service"]
        longest = WORK_SECONDS + 2 * settings.limits(config, service).deadline_seconds
        if tx["seconds"] > longest:
            problem = f"has been in its update for {tx['seconds'] / 3600:.1f} h ({tx['step']})"
    fix = f"journalctl -u {UNIT} says why; systemctl start {UNIT}"
    return [judge("update", service, problem, fix)]


def paused(config: Config, facts: Facts) -> list[Finding]:
    """Nobody has forgotten a pause."""
    found = facts["updates"]
    if not found:
        return []
    long = found["paused_seconds"] > LONG_PAUSE_SECONDS
    problem = f"paused for {found['paused_seconds'] / 86_400:.0f} days" if long else ""
    return [judge("update", "pause", problem, "stack-manage.sh pause-updates --off")]


def tools(config: Config, facts: Facts) -> list[Finding]:
    """What copies configs and lists tags is installed."""
    found = facts["updates"].get("tools", {})
    return [judge("package", name, "" if here else "is not there", DEPLOY)
            for name, here in found.items()]  # fmt: skip


def _since(at: str, now: float) -> float:
    try:
        return max(0.0, now - clock.seconds(at))
    except ValueError:
        return 0.0


CHECKS: tuple[Check, ...] = (under_way, paused, tools)
