"""One look at the second wall: what is wanted, what stands, and what is told of a difference.

What is wanted is worked out once for each configuration, each answer of Docker's and each list of
servers; what stands is listed anew when the kernel's number of its rulesets is another one. The
state on disk only decides how loudly a difference is told (wall_step).
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mediastack import (
    atomic,
    ledger,
    nft,
    notify,
    systemd,
    wall_compare,
    wall_endpoints,
    wall_rules,
    wall_state,
    wall_step,
)
from mediastack import config as configuration
from mediastack.wall_step import Found, State, Told

ACTOR, SUBJECT = "wall", "wall"
# Compared anew even when the kernel says that nothing has changed.
COMPARE_SECONDS = 600.0


class Wanted(NamedTuple):
    """The table as it should be, in the forms that are worked out once."""

    objects: list[wall_rules.Object]
    form: wall_compare.Normal
    digest: str


class Keeper:
    """The configuration last read, the state on disk, and one look at the wall."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.path, self.clock = path, clock
        self.state: State = {**wall_step.initial_state(), **atomic.read_json(path, {})}
        self.lists = wall_endpoints.Lists(wall_endpoints.path(os.path.dirname(path)))
        self.config: dict[str, Any] | None = None
        self.stamp: tuple[int, int] | None = None
        self.whole_at = clock()
        self.said = ""
        self._wanted: Wanted | None = None
        # The kernel's number of its rulesets when ours was compared, and until when that will do.
        self._compared: tuple[int, float] | None = None

    def look(self) -> None:
        """Compare, mend what differs, tell of it. Raise nothing that the machine can cause."""
        self._read()
        if self.config is None:
            return
        started, generation = self.clock(), nft.generation()
        if self._compared and self._compared[0] == generation and started < self._compared[1]:
            self.whole_at = started
            return
        try:
            if self._wanted is None:
                self._first_list()
                self._wanted = wanted(self.config, self.state["seen"], self.lists.known)
            listed = nft.listed(wall_rules.FAMILY, wall_rules.TABLE)
            found = compared(self._wanted, listed)
            why = wall_step.reason(found, self.state)
            if why:
                self._save(wall_step.before_loading(found, self.state))
                nft.load(wall_rules.script(self._wanted.objects, wall_rules.counts(listed)))
                # Asked before: what changes meanwhile is seen by the next look.
                generation = nft.generation()
                again = nft.listed(wall_rules.FAMILY, wall_rules.TABLE)
                if left := compared(self._wanted, again).problems:
                    raise nft.NftError(f"loaded, and yet {'; '.join(left)}")
        except (nft.NftError, KeyError, ValueError, TypeError) as error:
            self._failed(error)
            return
        self.said = ""
        now = self.clock()
        told, state = wall_step.stands(
            found, why, self.state, seconds=now - started, since=now - self.whole_at
        )
        self.whole_at = now
        self._compared = None if generation is None else (generation, now + COMPARE_SECONDS)
        # Told first: a kill in between repeats a message at worst.
        for one in told:
            tell(one, seconds=now - started)
        self._save(state)

    def where(self) -> tuple[str, frozenset[str]]:
        """Return Gluetun's state directory, "" without one, and whose servers are of interest."""
        if self.config is None:
            return "", frozenset()
        try:
            providers = wall_state.providers(self.config, self._seen())
        except (KeyError, TypeError, ValueError):
            return "", frozenset()  # a look tells of it
        return wall_state.directory(self.config), providers

    def take(self, seen: wall_state.Seen | None) -> bool:
        """Keep what Docker said, None for nothing; return whether it is something new."""
        if seen is None or seen == self.state["seen"]:
            return False
        self._save({**self.state, "seen": seen})
        self._changed()
        self.take_lists({})
        return True

    def take_lists(self, found: dict[str, list[str]]) -> bool:
        """Keep what Gluetun's list said; return whether it is something new."""
        if not self.lists.take(found, self._seen().get("started")):
            return False
        self._changed()
        return True

    def _first_list(self) -> None:
        """Read the list at once when there is none of a provider yet: no port is to be opened to
        any address for the moment until a thread has read it."""
        directory, providers = self.where()
        missing = wall_endpoints.servers(self.lists.known, providers) is None
        if missing and self.lists.due(directory, providers):
            self.take_lists(self.lists.read(directory, providers))

    def is_outdated(self) -> bool:
        """Say whether mediastack.toml is another file than the one that was read."""
        return _stamp(configuration.file()) != self.stamp

    def _seen(self) -> Mapping[str, Any]:
        return self.state["seen"] or wall_state.nothing()

    def _changed(self) -> None:
        """Something else may be wanted now."""
        self._wanted = self._compared = None

    def _read(self) -> None:
        """Read the configuration anew when its file changed; keep the last good one."""
        if self.config is not None and not self.is_outdated():
            return
        stamp = _stamp(configuration.file())
        try:
            config = configuration.load()
            if not config.get("wall"):
                raise configuration.ConfigError("mediastack.toml has no [wall]; run the deploy")
        except configuration.ConfigError as error:
            if self.config is None:
                self._failed(error)
            elif stamp != self.stamp:
                print(f"mediastack wall: {error}; going by the last good one", file=sys.stderr)
        else:
            self.config = config
            self._changed()
        self.stamp = stamp

    def _failed(self, error: Exception) -> None:
        # Once in the journal of each start; it would be the same line every five seconds.
        if str(error) != self.said:
            print(f"mediastack wall: {error}", file=sys.stderr)
        self.said = str(error)
        self._compared = None
        told, state = wall_step.fails(str(error), self.state)
        for one in told:
            tell(one)
        self._save(state)

    def _save(self, state: State) -> None:
        """Write wall.json when it changed; a full disk is no reason to leave the wall down."""
        if state == self.state:
            return
        self.state = state
        try:
            atomic.write_json(self.path, state)
        except OSError as error:
            print(f"mediastack wall: {self.path}: {error.strerror}", file=sys.stderr)


def wanted(config: dict[str, Any], seen: Any, known: wall_endpoints.Known) -> Wanted:
    """Return the table for a configuration, what Docker said and the servers that are known.
    Raise KeyError, ValueError."""
    objects = wall_rules.wanted(wall_state.wall(config, seen or wall_state.nothing(), known))
    form = wall_compare.normal(objects)
    return Wanted(objects, form, wall_compare.digest(form))


def compared(want: Wanted, listed: dict[str, Any] | None) -> Found:
    """Return one look at the wall."""
    have = wall_compare.listing(listed)
    return Found(
        boot=systemd.boot(),
        wanted=want.digest,
        listed=None if have is None else wall_compare.digest(have),
        problems=wall_compare.problems(want.form, have),
    )


def tell(one: Told, *, seconds: float = 0.0) -> None:
    """Write it into the ledger and, when it is for the user, into the spool."""
    ledger.append(ACTOR, SUBJECT, one.outcome, duration_seconds=seconds, cause=one.cause)
    if one.priority:
        notify.send(SUBJECT, one.title, one.message, priority=one.priority, key=one.title)


def _stamp(path: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_mtime_ns, found.st_ino
    return None
