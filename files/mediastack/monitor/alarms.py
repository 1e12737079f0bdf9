"""What lasts and the user has to know: told once, again every few hours, and once when it is over.

A condition that comes and goes within a minute is one condition: neither raised again nor over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mediastack.monitor.state import State, say

QUIET_SECONDS = 60.0
UNKNOWN = "unknown"
UNKNOWN_SECONDS = 120.0
REMINDER_SECONDS = 21_600.0


class Condition(NamedTuple):
    """What holds now: its kind (words.ALARMS), of which service, and when it is worth telling."""

    kind: str
    service: str = ""
    after_seconds: float = 0.0
    fields: Mapping[str, Any] = {}

    @property
    def key(self) -> str:
        """What tells it from others."""
        return f"{self.kind} {self.service}".strip()


def follow(state: State, conditions: list[Condition], now: float, reminder_seconds: float) -> None:
    """Raise, repeat and end alarms so that they fit the conditions that hold now."""
    alarms = state["alarms"]
    for condition in conditions:
        alarm = alarms.setdefault(
            condition.key,
            {"kind": condition.kind, "service": condition.service, "since": now, "told_at": None},
        )
        alarm["gone_since"] = None
        fields = {**condition.fields, "service": condition.service, "seconds": now - alarm["since"]}
        if alarm["told_at"] is None:
            if now - alarm["since"] >= condition.after_seconds:
                alarm["told_at"] = now
                say(state, condition.kind, **fields)
        elif now - alarm["told_at"] >= reminder_seconds:
            alarm["told_at"] = now
            say(state, f"{condition.kind}_still", **fields)
    holding = {condition.key for condition in conditions}
    for key, alarm in list(alarms.items()):
        if key not in holding and alarm["kind"] != UNKNOWN:
            _let_go(state, key, now)


def blind(state: State, now: float) -> None:
    """Nothing is known: whatever else holds is left as it is, since nobody knows."""
    alarm = state["alarms"].setdefault(
        UNKNOWN, {"kind": UNKNOWN, "service": "", "since": now, "told_at": None}
    )
    alarm["gone_since"] = None
    lasts = now - alarm["since"]
    if alarm["told_at"] is None and lasts >= UNKNOWN_SECONDS:
        alarm["told_at"] = now
        say(state, UNKNOWN, seconds=lasts)
    elif alarm["told_at"] is not None and now - alarm["told_at"] >= REMINDER_SECONDS:
        alarm["told_at"] = now
        say(state, f"{UNKNOWN}_still", seconds=lasts)


def seeing(state: State, now: float) -> None:
    """Something is known again."""
    if UNKNOWN in state["alarms"]:
        _let_go(state, UNKNOWN, now)


def since(state: State, key: str, now: float) -> float:
    """Return for how many seconds the condition of this key has held."""
    alarm = state["alarms"].get(key)
    return now - alarm["since"] if alarm else 0.0


def _let_go(state: State, key: str, now: float) -> None:
    alarm = state["alarms"][key]
    if alarm["told_at"] is None:
        del state["alarms"][key]
        return
    if alarm.get("gone_since") is None:
        alarm["gone_since"] = now
    if now - alarm["gone_since"] >= QUIET_SECONDS:
        lasted = alarm["gone_since"] - alarm["since"]
        say(state, f"{alarm['kind']}_over", service=alarm["service"], seconds=lasted)
        del state["alarms"][key]
