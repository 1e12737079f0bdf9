"""Which servers the VPN's provider has, as the second wall knows it: the last good list, kept.

What Gluetun wrote down last is in force at once. The list before stays in force beside it until
Gluetun has started anew: a running one knows servers from the list that it read when it started,
and no list that changes may cut its tunnel. A list that cannot be read, or is gone, changes
nothing. Kept on disk, so a boot has the whole wall before Docker is there. Pure but for `Lists`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mediastack import atomic, endpoint_list

STATE_FILE = "wall-endpoints.json"
RETRY_SECONDS = 300.0

# {provider: {"current": [address], "older": [address], "replaced_at": seconds since the epoch}}
Known = dict[str, dict[str, Any]]


def merged(known: Known, found: Mapping[str, list[str]], now: float) -> Known:
    """Return what is known after a list was read at `now`; a provider that it lacks stays."""
    result = dict(known)
    for provider, addresses in found.items():
        before = known.get(provider, {"current": [], "older": [], "replaced_at": 0.0})
        if before["current"] == addresses:
            continue
        gone = set(before["current"]) - set(addresses)
        older = (gone | set(before["older"])) - set(addresses)
        if len(older) > endpoint_list.MAXIMUM_ADDRESSES:
            older = gone
        result[provider] = {
            "current": addresses,
            "older": sorted(older),
            # What was replaced is nothing at first.
            "replaced_at": now if gone else before["replaced_at"],
        }
    return result


def settled(known: Known, started: float | None) -> Known:
    """Return what is known when Gluetun started at `started` (None: nobody knows): what was
    replaced before that is forgotten."""
    if started is None:
        return known
    return {
        provider: {**one, "older": []} if one["older"] and started > one["replaced_at"] else one
        for provider, one in known.items()
    }


def servers(known: Known, providers: Iterable[str]) -> frozenset[str] | None:
    """Return all addresses of these providers' servers; None when there is no list of one."""
    wanted = list(providers)
    if any(not known.get(one, {}).get("current") for one in wanted):
        return None
    both = (known[one][part] for one in wanted for part in ("current", "older"))
    return frozenset(address for several in both for address in several)


def load(path: str) -> Known:
    """Return what is kept on disk; what is damaged there counts as absent."""
    found: Known = {}
    for provider, one in atomic.read_json(path, {}).items():
        with contextlib.suppress(KeyError, TypeError, ValueError):
            found[provider] = {
                "current": [str(each) for each in one["current"]],
                "older": [str(each) for each in one["older"]],
                "replaced_at": float(one["replaced_at"]),
            }
    return found


class Lists:
    """What is known, and whether Gluetun's list has to be read again."""

    def __init__(self, path: str, clock: Callable[[], float] = time.time) -> None:
        self.path, self.clock = path, clock
        self.known = load(path)
        self.problem = ""
        self._read: tuple[str, tuple[str, ...], endpoint_list.Stamp] | None = None
        self._tried = 0.0

    def due(self, directory: str, providers: Iterable[str]) -> bool:
        """Say whether the list there is another than the one last read, or one to try again."""
        wanted = tuple(sorted(providers))
        if not directory or not wanted:
            return False
        now = (directory, wanted, endpoint_list.stamp(directory, wanted))
        again = self.problem and time.monotonic() - self._tried > RETRY_SECONDS
        return now != self._read or bool(again)

    def read(self, directory: str, providers: Iterable[str]) -> dict[str, list[str]]:
        """Return what the list says, {} when it cannot be read; `problem` says why. Takes a moment
        for thousands of servers: not for the loop that has to mend."""
        wanted = tuple(sorted(providers))
        # Taken before: what is written meanwhile is another list.
        mark = endpoint_list.stamp(directory, wanted)
        try:
            found, problem = endpoint_list.read_apart(directory, wanted), ""
        except endpoint_list.ListError as error:
            found, problem = {}, str(error)
            if endpoint_list.stamp(directory, wanted) != mark:
                return {}  # half written; the next tick reads the whole one
        if problem and problem != self.problem:
            print(f"mediastack wall: {problem}; going by the last good list", file=sys.stderr)
        self.problem, self._read = problem, (directory, wanted, mark)
        self._tried = time.monotonic()
        return found

    def take(self, found: Mapping[str, list[str]], started: float | None) -> bool:
        """Keep what a list said, and when Gluetun started; return whether that changes anything."""
        known = settled(merged(self.known, found, self.clock()), started)
        if known == self.known:
            return False
        self.known = known
        try:
            data = json.dumps(known, sort_keys=True).encode()
            atomic.write(self.path, data)
        except OSError as error:
            print(f"mediastack wall: {self.path}: {error.strerror}", file=sys.stderr)
        return True


def path(state: str) -> str:
    """Return where a house with this state directory keeps what is known."""
    return os.path.join(state, STATE_FILE)
