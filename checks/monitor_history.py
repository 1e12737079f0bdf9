"""Did the promises of the monitor hold? Judged from what happened, not from what it says it did.

The history is what the simulated world wrote down: each change of a container, of the lock, of
Docker, of the host, each wish of the user, each request to the healer and its end, each message,
each saved state. `check` goes through it once. Between two entries nothing changed, so that seconds
can be summed: how long did a dependent run in another namespace, how long was one ended that should
run? Seconds in which nobody could have acted do not count, and after them the bound begins anew.

The bounds, in seconds of being able to act: SEE_SECONDS until it is seen and somebody is asked,
what a stop or a start takes (an act under way), and after acts that did not help the pauses between
attempts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from checks import monitor_counts
from checks.monitor_containers import OWNER, RUNS
from checks.monitor_group import DATA, DEPENDENTS, GROUP
from mediastack import leftovers

# A pass every two seconds while something is off, and what a pass and a question take.
SEE_SECONDS = 3.0
# Nor is it known at once who stopped it (user_stops.UNDECIDED_SECONDS), and a pass later it is.
ENDED_SECONDS = 6.0
LEFTOVER_SECONDS = leftovers.RECREATE_SECONDS + 3.0
# How often it looks when nothing is off.
QUIET_SECONDS = 30.0
# After something stood in the way: the look that finds that it does not any more.
BLIND_SECONDS = 13.0
FIRST_PAUSE_SECONDS, LONGEST_HOLD_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 75.0, 750.0
REMEMBERED_SECONDS = 900.0
MANY_ATTEMPTS, HEALTHY_SECONDS = 5, 320.0
UNHEARD = ("lost", "late", "reordered")
Entry = Mapping[str, Any]


def check(history: Iterable[Entry], settings: Mapping[str, Any]) -> list[str]:
    """Return what was wrong, in the order in which it was seen."""
    judge = Judge()
    counts = monitor_counts.Counts(settings)
    for entry in history:
        judge.take(entry)
        counts.take(entry, judge)
    counts.end(judge)
    return [*judge.violations, *counts.violations]


class Judge:
    """What is true at a moment of the history, and for how long it has not been as promised."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.at = 0.0
        self.containers: dict[str, Entry] = {}
        self.wishes = dict.fromkeys(GROUP, "run")
        self.present, self.docker, self.full = True, "", False
        self.on = self.monitor = self.healer = True
        self.lock = self.delivery = ""
        self.act: Entry | None = None
        self.pending: Entry | None = None
        self.pause: Any = None
        self.ready = True
        self.known_again_by = self.unheard_until = 0.0
        self.ended = False
        self.in_work: dict[tuple[str, str], float] = {}
        self.elsewhere: dict[str, float] = {}
        self.missing: dict[str, float] = {}
        self.holds: dict[str, int] = {}
        self.revives: list[float] = []
        self._named: set[tuple[str, str]] = set()

    def violation(self, invariant: str, subject: str, text: str) -> None:
        """Note a broken promise; the same one of the same subject once."""
        if (invariant, subject) not in self._named:
            self._named.add((invariant, subject))
            self.violations.append(f"({invariant}) at {self.at:.1f} s {subject} {text}")

    def take(self, entry: Entry) -> None:
        """Let the time until this entry pass, and then be true what it says."""
        seconds = entry["at"] - self.at
        if seconds > 0:
            self.at += seconds
            self._pass(seconds)
        handler = getattr(self, f"_{entry['kind']}", None)
        if handler is not None:
            was = self.is_blocked()
            handler(entry)
            if was and not self.is_blocked():
                self.known_again_by = self.at + BLIND_SECONDS
            if entry["kind"] == "gate":
                # Nothing tells of a disk that is there again.
                self.known_again_by = self.at + QUIET_SECONDS

    # What time does.

    def is_blocked(self) -> bool:
        """Whether nobody could act now, whatever there is to do."""
        others = self.lock not in ("", "monitor")
        up = self.on and self.monitor and self.healer and not self.docker
        return others or not up

    def owner_is_ready(self) -> bool:
        """Whether Gluetun runs, is healthy, and has its firewall."""
        owner = self.containers.get(OWNER)
        return bool(
            owner
            and owner["status"] == "running"
            and owner["health"] == "healthy"
            and owner["firewall"]
        )

    def is_elsewhere(self, service: str) -> bool:
        """Whether a dependent runs where Gluetun is not."""
        one, owner = self.containers.get(service), self.containers.get(OWNER)
        if one is None or one["status"] not in RUNS:
            return False
        return not owner or owner["status"] not in RUNS or owner["netns"] != one["netns"]

    def is_missing(self, service: str) -> bool:
        """Whether one that should run does not."""
        one = self.containers.get(service)
        wanted = self.wishes[service] == "run" and (self.present or service not in DATA)
        return wanted and (one is None or one["status"] not in (*RUNS, "restarting"))

    def _pass(self, seconds: float) -> None:
        if self.is_blocked() or self.at - seconds < self.known_again_by:
            self.elsewhere.clear()
            self.missing.clear()
            return
        for service in DEPENDENTS:
            # (a): nobody runs elsewhere for long.
            bad = self.is_elsewhere(service)
            if self._count(self.elsewhere, service, bad, seconds):
                bound = SEE_SECONDS + _pauses(
                    self.holds.get(service, 0), LONGEST_HOLD_PAUSE_SECONDS
                )
                if self.elsewhere[service] > bound:
                    text = f"has run in another namespace than Gluetun's for {bound:.0f} s"
                    self.violation("a", service, text)
            elif not bad:
                self.holds.pop(service, None)
        ready = self.owner_is_ready() and self.wishes[OWNER] == "run"
        self.revives = [one for one in self.revives if one > self.at - REMEMBERED_SECONDS]
        bound = ENDED_SECONDS + self._unheard() + _pauses(len(self.revives), LONGEST_PAUSE_SECONDS)
        for service in GROUP:
            # (b): who should run does.
            # Without a state on disk nothing is decided but to stop who runs elsewhere.
            idle = self.full or self.pause
            bad = self.is_missing(service) and not idle and (ready or service == OWNER)
            bad = bad and not self._is_in_work((service, OWNER), self.at - seconds)
            if self._count(self.missing, service, bad, seconds) and self.missing[service] > bound:
                text = f"should run and has not for {bound:.0f} s"
                self.violation("b", service, text)

    def _is_in_work(self, services: tuple[str, ...], moment: float) -> bool:
        return any(
            service in services and moment < until for (service, _), until in self.in_work.items()
        )

    def _unheard(self) -> float:
        """What is not a death nobody tells of when events are lost or late: the clock has to do."""
        if self.delivery in UNHEARD:
            self.unheard_until = self.at + QUIET_SECONDS
        return QUIET_SECONDS if self.at < self.unheard_until else 0.0

    def _count(self, times: dict[str, float], service: str, bad: bool, seconds: float) -> bool:
        """Add the seconds to a service's account; say whether it has one."""
        if not bad:
            times.pop(service, None)
            return False
        if self.act is None:
            times[service] = times.get(service, 0.0) + seconds
        return service in times

    # What entries say.

    def _container(self, entry: Entry) -> None:
        service = entry["service"]
        self.containers[service] = entry
        if entry.get("started_by") == "monitor" and self.wishes[service] == "stop":
            # (c): what a user stopped stays stopped.
            self.violation("c", service, "was started, and the user has stopped it")

    def _wish(self, entry: Entry) -> None:
        self.wishes[entry["service"]] = entry["wish"]

    def _gate(self, entry: Entry) -> None:
        self.present = entry["present"]

    def _delivery(self, entry: Entry) -> None:
        if self.delivery in UNHEARD:
            self.unheard_until = self.at + QUIET_SECONDS
        self.delivery = entry["mode"]

    def _docker(self, entry: Entry) -> None:
        self.docker = entry["mode"]

    def _full(self, entry: Entry) -> None:
        self.full = entry["full"]

    def _host(self, entry: Entry) -> None:
        self.on = entry["on"]

    def _monitor(self, entry: Entry) -> None:
        self.monitor = entry["alive"]
        self.pending = None

    def _healer(self, entry: Entry) -> None:
        self.healer = entry["alive"]

    def _leftover(self, entry: Entry) -> None:
        # What a recreate has left is not touched for a while.
        self.in_work.pop((entry["service"], entry["name"]), None)
        if entry["there"]:
            self.in_work[entry["service"], entry["name"]] = self.at + LEFTOVER_SECONDS

    def _lock(self, entry: Entry) -> None:
        self.lock = entry["holder"]

    def _looked(self, entry: Entry) -> None:
        self.ready = entry["ready"]
        if entry["known"]:
            self.known_again_by = min(self.known_again_by, self.at)

    def _saved(self, entry: Entry) -> None:
        self.pause = entry["pause"]

    def _asked(self, entry: Entry) -> None:
        if self.pending is not None:
            # (d): never two acts at once.
            text = f"is asked for while {self.pending['verb']} is under way"
            self.violation("d", entry["verb"], text)
        self.pending = entry
        dependents = OWNER not in entry["services"]
        if entry["verb"] == "revive" and dependents and not self.ready:
            text = "is asked for before Gluetun is ready"
            self.violation("b", entry["verb"], text)

    def _answered(self, entry: Entry) -> None:
        self.pending = None

    def _act(self, entry: Entry) -> None:
        if entry["phase"] != "begin":
            self.act = None
            return
        if self.act is not None:
            self.violation("d", entry["verb"], f"begins while {self.act['verb']} is under way")
        self.act = entry
        for service in entry["services"]:
            # From one attempt to the next there is a pause, which is bounded.
            self.elsewhere.pop(service, None)
            self.missing.pop(service, None)
            if entry["verb"] == "hold":
                self.holds[service] = self.holds.get(service, 0) + 1
        if entry["verb"] != "hold":
            self.revives.append(self.at)

    def _end(self, entry: Entry) -> None:
        self.ended = True
        if not entry["converged"]:
            # (f): everything converges.
            self.violation("f", "the schedule", f"does not converge: {entry['why']}")


def _pauses(attempts: int, longest: float) -> float:
    """Seconds that may be waited after so many attempts that did not help."""
    if attempts <= 0:
        return 0.0
    pause = FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 10) * 1.25
    # What five attempts have not brought back waits for the health of all others, too.
    patience = HEALTHY_SECONDS if attempts >= MANY_ATTEMPTS else 0.0
    return min(max(pause, patience), longest)
