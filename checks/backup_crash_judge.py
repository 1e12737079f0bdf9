"""Is a config exactly one of two states? Pure: from inside/backup_state.py's looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN = 4
Look = Mapping[str, Any]


def is_state(found: Look, state: Look) -> bool:
    """Whether each file and all rows are those of a state."""
    return bool(found["tree"] == state["tree"] and found["rows"] == state["rows"])


def side(found: Look, old: Look, new: Look) -> str:
    """ "old", "new" or "" for neither."""
    return "old" if is_state(found, old) else "new" if is_state(found, new) else ""


def differences(found: Look, state: Look) -> str:
    """A few of the ways in which a config is not a state."""
    here, there = found["tree"], state["tree"]
    paths = [one for one in sorted(here.keys() | there.keys()) if here.get(one) != there.get(one)]
    words = [f"{one!r} {there.get(one, 'absent')} -> {here.get(one, 'absent')}"
             for one in paths[:SHOWN]]  # fmt: skip
    if found["rows"] != state["rows"]:
        words.append(f"rows {state['rows'][-3:]} -> {found['rows'][-3:]}")
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return "; ".join(words) + more
