"""Of the monitor's promises those that are counted: cascades in an hour (e), messages (g).

An hour is 3600 s with power. A cascade is counted when it is decided, which the saved state shows;
that none is left out is seen from the acts: whenever the group is brought into a namespace of
Gluetun's that is another one, and not because the host was started, one more must have been
counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from checks.monitor_containers import OWNER, RUNS
from checks.monitor_group import DEPENDENTS
from mediastack.monitor import words

if TYPE_CHECKING:
    from checks.monitor_history import Judge

WINDOW_SECONDS = 3600.0
# Between the moment of a decision and of its being saved.
SAVING_SECONDS = 0.05
# What a power cut makes the steady clock forget, at most.
FORGOTTEN_SECONDS = 300.0
# One when it came, and one for somebody who strayed later.
CASCADES_OF_ONE = 2
STORM, STORM_SECONDS = 6, 600.0
UNKNOWN_SECONDS = 120.0 + 12.0
PATIENCE_SECONDS = 35.0
OVER = {"pause_over", "resumed"}
Entry = Mapping[str, Any]


class Counts:
    """What was counted and told so far."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.violations: list[str] = []
        self.opened: dict[float, float] = {}
        self.pause: Any = None
        self.pause_at = 0.0
        self.overdue = False
        self.resume_asked = False
        self.resumed: Any = None
        self.deaths = self.boots = 0
        # The Gluetun of which all wanted dependents were last inside, and of the last revival.
        self.whole: Any = None
        self.served: Any = None
        self.fresh = 1
        self.of_incarnation: dict[str, int] = {}
        self.numbers: set[int] = set()
        self.told: dict[int, int] = {}
        self.content: dict[int, Any] = {}
        self.out: dict[tuple[str, str], float] = {}
        self.said: dict[tuple[str, str], list[float]] = {}
        self.paused_told = self.pauses = 0
        self.over_told = self.overs = 0
        self.owner_ill = self.unknown = 0.0
        self.was = (False, False)
        self.last = 0.0

    def violation(self, invariant: str, entry: Entry, text: str) -> None:
        """Note a broken promise."""
        self.violations.append(f"({invariant}) at {entry['at']:.1f} s {text}")

    def take(self, entry: Entry, judge: Judge) -> None:
        """One more entry, of which `judge` has taken note."""
        kind = entry["kind"]
        if kind == "saved":
            self._saved(entry, judge)
        elif kind == "told":
            self._told(entry)
        elif kind == "repeated":
            self._repeated(entry)
        elif kind == "resume":
            self.resume_asked = True
        elif kind in ("monitor", "healer") and not entry["alive"]:
            self.deaths += 1
            self.served = None
        elif kind == "host":
            self.boots += 1
        elif kind == "act":
            self._act(entry, judge)
        elif kind == "container":
            self._container(judge)
        # Afterwards: it may be the very message.
        self._conditions(entry, judge)

    # (e)

    def _saved(self, entry: Entry, judge: Judge) -> None:
        lifted = entry["resumed"] != self.resumed
        if lifted:
            # A hand that lifts the pause begins a new count.
            self.resumed = entry["resumed"]
            if not self.resume_asked:
                self.violation("e", entry, "the count begins anew, and nobody has asked for it")
            self.resume_asked = False
            self.opened = dict.fromkeys(self.opened, -2 * WINDOW_SECONDS)
        limit = self.settings["cascades_per_hour"]
        for moment in entry["cascades"]:
            if moment in self.opened:
                continue
            self.fresh += 1
            now = entry["powered"]
            since = now - WINDOW_SECONDS + SAVING_SECONDS
            recent = sum(one > since for one in self.opened.values())
            self.opened[moment] = now
            self._once(entry, judge)
            if recent >= limit:
                self.violation("e", entry, f"cascade number {recent + 1} of one hour is decided")
        self._pause(entry, limit, lifted=lifted)
        self.numbers |= set(entry["numbers"])

    def _once(self, entry: Entry, judge: Judge) -> None:
        """One dependent that does not obey must not use up the count of all."""
        owner = judge.containers.get(OWNER)
        if owner and owner["status"] in RUNS:
            key = str(owner["incarnation"])
            self.of_incarnation[key] = self.of_incarnation.get(key, 0) + 1
            if self.of_incarnation[key] > CASCADES_OF_ONE:
                text = f"{self.of_incarnation[key]} cascades, and Gluetun was the same"
                self.violation("e", entry, text)

    def _pause(self, entry: Entry, limit: int, *, lifted: bool) -> None:
        begun = entry["pause"] and (
            not self.pause or entry["pause"]["since"] != self.pause["since"]
        )
        if self.pause and (begun or not entry["pause"]):
            self.overs += 1
            lasted = entry["powered"] - self.pause_at
            if not lifted and lasted < self.settings["pause_seconds"] - 1.0:
                self.violation("e", entry, f"a pause ends after {lasted:.0f} s")
        if begun:
            self.pauses += 1
            self.overdue = False
            self.pause_at = entry["powered"]
            since = entry["pause"]["since"] - WINDOW_SECONDS
            recent = sum(
                moment > since for moment, at in self.opened.items() if at > -WINDOW_SECONDS
            )
            least = self.settings["loop_cascades"]
            if entry["pause"]["reason"] == "limit" and recent < limit:
                self.violation("e", entry, f"pauses after {recent} cascades within one hour")
            elif recent < least:
                self.violation("e", entry, f"pauses for a loop after {recent} cascades")
        self.pause = entry["pause"]
        longest = self._longest(limit) + PATIENCE_SECONDS + self.boots * FORGOTTEN_SECONDS
        if self.pause and entry["powered"] - self.pause_at > longest and not self.overdue:
            self.violation("e", entry, "a pause does not end when its time is over")
            self.overdue = True

    def _longest(self, limit: int) -> float:
        """How long a pause may be: its time, or until there is room in the hour again."""
        seconds = float(self.settings["pause_seconds"])
        if self.pause and self.pause["reason"] == "limit":
            latest = sorted(self.opened.values())[-limit:]
            seconds = max(seconds, latest[0] + WINDOW_SECONDS - self.pause_at)
        return seconds

    def _container(self, judge: Judge) -> None:
        owner = judge.containers.get(OWNER)
        if not owner or owner["status"] not in RUNS:
            return
        wanted = [name for name in DEPENDENTS if judge.wishes[name] == "run"]
        if not any(
            judge.is_elsewhere(name)
            or (one := judge.containers.get(name)) is None
            or one["status"] not in RUNS
            for name in wanted
        ):
            self.whole = owner["incarnation"]

    def _anybody_home(self, judge: Judge) -> bool:
        return any(
            judge.containers.get(name, {}).get("status") in RUNS and not judge.is_elsewhere(name)
            for name in DEPENDENTS
        )

    def _act(self, entry: Entry, judge: Judge) -> None:
        owner = judge.containers.get(OWNER)
        if entry["verb"] != "revive" or owner is None or owner["status"] not in RUNS:
            return
        if entry["phase"] == "begin":
            present = owner["incarnation"]
            moved = self.whole is not None and present[:2] != self.whole[:2]
            same_boot = self.whole is not None and present[2] == self.whole[2]
            others = [name for name in entry["services"] if name != OWNER]
            if others and moved and same_boot and self.served != present:
                if self.served is not None and not self.fresh:
                    self.violation("e", entry, "a cascade is not counted")
                self.fresh = 0
            if others and moved and self.pause and not self._anybody_home(judge):
                # One that ails in a group that is home is no cascade.
                self.violation("e", entry, "a revival begins during a pause")
            self.served = present
        elif entry["phase"] != "end" or entry["busy"] or entry["unknown"]:
            # It was not made, or nobody knows: the next one may be the same one.
            self.served = None

    # (g)

    def _told(self, entry: Entry) -> None:
        message = entry["message"]
        number, kind = message["number"], message["kind"]
        self.told[number] = self.told.get(number, 0) + 1
        if self.told[number] > 1:
            if self.told[number] > 1 + self.deaths:
                self.violation("g", entry, f"message {number} is told {self.told[number]} times")
            return
        self.numbers.add(number)
        self.content[number] = message
        key = (kind, message.get("service", ""))
        self._alarm(entry, *key)
        self.paused_told += kind == "paused"
        self.over_told += kind in OVER
        if kind.rpartition("_")[0] in words.ALARMS or kind in words.ALARMS:
            times = self.said.setdefault(key, [])
            times.append(entry["at"])
            if sum(one > entry["at"] - STORM_SECONDS for one in times) > STORM:
                self.violation("g", entry, f"a storm of {kind} {key[1]}".rstrip())
                times.clear()

    def _alarm(self, entry: Entry, kind: str, service: str) -> None:
        name, _, how = kind.rpartition("_")
        now = entry["powered"]
        if kind in words.ALARMS:
            if (kind, service) in self.out:
                self.violation("g", entry, f"{kind} {service} is raised and was not over")
            self.out[kind, service] = now
        elif name in words.ALARMS and how == "still":
            last = self.out.get((name, service))
            if last is None or now - last < 0.9 * self.settings["reminder_seconds"]:
                self.violation("g", entry, f"{name} {service} is repeated too soon")
            self.out[name, service] = now
        elif name in words.ALARMS and how == "over" and self.out.pop((name, service), None) is None:
            self.violation("g", entry, f"{name} {service} is over and was not raised")

    def _repeated(self, entry: Entry) -> None:
        number = entry["message"]["number"]
        if self.content.get(number, entry["message"]) != entry["message"]:
            text = f"message {number} is another one than the {number} told before: it is lost"
            self.violation("g", entry, text)
        self.told[number] = self.told.get(number, 0) + 1
        if self.told[number] > 1 + self.deaths:
            self.violation("g", entry, f"message {number} is told {self.told[number]} times")

    def _conditions(self, entry: Entry, judge: Judge) -> None:
        """What has lasted for long must have been told."""
        seconds, self.last = entry["powered"] - self.last, entry["powered"]
        # What was so until now; what is so from now on counts at the next entry.
        was_ill, was_blind = self.was
        self.owner_ill = self.owner_ill + seconds if was_ill else 0.0
        self.unknown = self.unknown + seconds if was_blind else 0.0
        owner = judge.containers.get(OWNER)
        ill = owner is not None and owner["status"] == "running" and owner["health"] == "unhealthy"
        can_tell = judge.monitor and judge.healer and judge.on and not judge.full
        self.was = (
            ill and not (judge.is_blocked() or judge.full) and judge.wishes[OWNER] == "run",
            bool(judge.docker) and can_tell,
        )
        bound = self.settings["owner_unhealthy_seconds"] + PATIENCE_SECONDS
        if self.owner_ill > bound and not {("owner_unhealthy", ""), ("owner_not_ready", "")} & set(
            self.out
        ):
            self.violation("g", entry, f"Gluetun is unhealthy for {bound:.0f} s, untold")
            self.owner_ill = 0.0
        if self.unknown > UNKNOWN_SECONDS and ("unknown", "") not in self.out:
            self.violation("g", entry, "Docker does not answer for long, untold")
            self.unknown = 0.0

    def end(self, judge: Judge) -> None:
        """The history is over."""
        if not judge.ended or any("(f)" in one for one in judge.violations):
            return
        entry = {"at": judge.at}
        if lost := sorted(self.numbers - self.told.keys()):
            self.violation("g", entry, f"messages {lost} were never told")
        if self.paused_told != self.pauses:
            self.violation("g", entry, f"{self.pauses} pauses, told {self.paused_told} times")
        if self.over_told < self.overs:
            self.violation("g", entry, f"{self.overs} pauses ended, told {self.over_told} times")
        if self.out:
            self.violation("g", entry, f"never said to be over: {sorted(self.out)}")
