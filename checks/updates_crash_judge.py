"""Is what an update left exactly the new or exactly the old state? Pure.

From how the service stood before and after (inside/update_state.py) and what was seen meanwhile
(inside/update_watch.py). New or old is what the container's image says; the image lock, Compose's
override, the config and the database have to agree with it. For the old one the tree of its config
has to be, at the instant before its container is made, what it was when the new one's was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from checks.updates_crash_house import Version

# Docker writes a new container down a moment before the watch hears of it, and the journal is read
# in between: a creation counts for the step that the journal named shortly before or after it.
SLACK_SECONDS = 0.05
SHOWN_PATHS = 6


@dataclass
class Record:
    """What was seen of one update; times are the box's."""

    steps: list[list[Any]] = field(default_factory=list)
    made: list[list[Any]] = field(default_factory=list)
    ran: list[list[Any]] = field(default_factory=list)
    struck: list[list[Any]] = field(default_factory=list)
    ended: bool = False
    left: int = 0

    def add(self, seen: dict[str, Any]) -> None:
        """Go on with what a later watch saw (after a boot)."""
        for name in ("steps", "made", "ran", "struck"):
            getattr(self, name).extend(seen[name])
        self.ended, self.left = seen["ended"], seen["left"]

    def step_at(self, moment: float) -> set[str]:
        """What the journal named around a moment."""
        found = {step for at, step, _ in self.steps if abs(at - moment) <= SLACK_SECONDS}
        before = [step for at, step, _ in self.steps if at <= moment]
        return found | set(before[-1:])

    def durations(self) -> dict[str, float]:
        """How long each step took."""
        found: dict[str, float] = {}
        for (at, step, _), (until, _, _) in zip(self.steps, self.steps[1:], strict=False):
            found[step] = found.get(step, 0.0) + until - at
        return found

    def outage(self) -> float:
        """The longest time for which nothing of the service ran."""
        longest, since = 0.0, None
        for at, there in self.ran:
            if since is not None:
                longest = max(longest, at - since)
            since = None if there else at
        return longest


@dataclass(frozen=True)
class Sides:
    """The two versions, and how it may end: "new", "old" or either ("")."""

    old: Version
    new: Version
    expected: str = ""


def ended_as(after: dict[str, Any], sides: Sides) -> str:
    """What runs: "new", "old" or "" (neither, or more than one)."""
    if len(after["containers"]) != 1:
        return ""
    digests = after["containers"][0]["digests"]
    return "new" if sides.new.digest in digests else "old" if sides.old.digest in digests else ""


def problems(
    before: dict[str, Any], after: dict[str, Any], record: Record, sides: Sides
) -> Iterator[str]:
    """Everything that is neither the new nor the old state."""
    if not record.ended:
        yield f"it does not end: the journal says {after['journal'].get('step', 'nothing')}"
    side = ended_as(after, sides)
    yield from containers(before, after, side)
    if side:
        version = sides.new if side == "new" else sides.old
        yield from written(after, version)
        if sides.expected not in ("", side):
            yield f"it ended with the {side} version"
    yield from left_over(before, after, sides)
    yield from databases(before, after, side)
    yield from order(record, sides)
    yield from trees(before, record, sides)


def containers(before: dict[str, Any], after: dict[str, Any], side: str) -> Iterator[str]:
    """One, of its own name, well, and started by Docker as before."""
    found = after["containers"]
    if [one["name"] for one in found] != [before["containers"][0]["name"]]:
        yield f"its containers are {[one['name'] for one in found]}"
        return
    one = found[0]
    if not side:
        yield f"it runs neither version but {one['reference']}"
    healthy = "none" if before["containers"][0]["health"] == "none" else "healthy"
    if (one["status"], one["health"]) != ("running", healthy):
        yield f"it is {one['status']}, {one['health']}"
    if one["restart"] != before["containers"][0]["restart"]:
        yield f"its restart policy is {one['restart']}"


def written(after: dict[str, Any], version: Version) -> Iterator[str]:
    """Lock, override and container name the same."""
    lock = after["lock"]
    if (lock.get("image"), lock.get("digest")) != (version.image, version.digest):
        locked = f"{lock.get('image')}@{lock.get('digest')}"
        yield f"it runs {version.image}, and the lock names {locked}"
    if after["override"] != version.reference:
        yield f"it runs {version.image}, and images.yaml names {after['override']}"
    if after["containers"][0]["reference"] != version.reference:
        yield f"its container was made from {after['containers'][0]['reference']}"


def left_over(before: dict[str, Any], after: dict[str, Any], sides: Sides) -> Iterator[str]:
    """Nothing of the transaction is left."""
    if after["journal"]:
        yield f"the journal is not closed: {after['journal'].get('step')}"
    if "trial" in after["lock"]:
        yield f"a trial is left in the lock: {after['lock']['trial']}"
    for name in ("acting", "intent"):
        if after[name]:
            yield f"it is still held: {name} says {after[name]}"
    if after["paused"].strip():
        yield f"still paused: {after['paused'].split()}"
    if after["leftovers"] != before["leftovers"]:
        yield f"left beside its config: {after['leftovers']}"
    if sides.expected == "new" and sides.new.digest in after["refused"]:
        yield "a good version is refused from now on"


def databases(before: dict[str, Any], after: dict[str, Any], side: str) -> Iterator[str]:
    """Whole; every row of before is there; the old version has the old schema."""
    for name, was in before["databases"].items():
        now = after["databases"][name]
        if now["integrity"] != "ok":
            yield f"{name} is damaged: {now['integrity']}"
            continue
        if side == "old" and (now["schema"], now["version"]) != (was["schema"], was["version"]):
            yield f"the old version has another schema of {name}"
        for table, rows in was["rows"].items():
            have = now["rows"].get(table, [])
            if rows and side == "new":  # its schema may have further columns
                have = [row[: len(rows[0])] for row in have]
            if have[: len(rows)] != rows:
                yield f"rows of {name}:{table} were lost: {len(have)} of {len(rows)}"
            ids = [row[0] for row in have]
            if ids != list(range(1, len(ids) + 1)):
                yield f"rows of {name}:{table} are no chain: {ids[-8:]}"


def order(record: Record, sides: Sides) -> Iterator[str]:
    """Written down before it is done; and nobody starts what is held."""
    for at, reference, _, _ in record.made:
        steps = record.step_at(at)
        if reference == sides.new.reference and "switch" not in steps:
            yield f"the new container was made while the journal said {sorted(steps) or 'nothing'}"
        if reference == sides.old.reference and steps and steps <= {"back", "restore"}:
            yield f"the old container was made while the journal said {sorted(steps)}"
    for began, ended in held(record):
        if any(began <= at < ended and there for at, there in record.ran):
            yield "it ran while it was held"


def held(record: Record) -> Iterator[tuple[float, float]]:
    """From the journal's `restore` to its `revive` (in `back` a bad version still ends again and
    again, and in `revive` the old one is started)."""
    began = None
    for at, step, _ in record.steps:
        if step == "restore" and began is None:
            began = at
        elif step == "revive" and began is not None:
            yield began, at
            began = None


def trees(before: dict[str, Any], record: Record, sides: Sides) -> Iterator[str]:
    """What each new container of the old version finds is what the old one left."""
    old = {before["containers"][0]["id"][:12]}
    for number, (at, reference, identity, tree) in enumerate(record.made):
        if reference != sides.old.reference:
            continue
        ran = [seen for seen, there in record.ran if seen <= at and old & set(there)]
        since = ran[-1] if ran else 0.0
        found = [one for one in record.made[:number]
                 if one[1] == sides.new.reference and one[0] > since]  # fmt: skip
        old.add(identity)
        if found and found[0][3] != tree:
            yield f"its config is not what it was: {', '.join(differences(found[0][3], tree))}"


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The paths that differ, a few of them."""
    found = [path for path in sorted(one.keys() | other.keys()) if one.get(path) != other.get(path)]
    return [f"{path} {one.get(path, 'absent')} -> {other.get(path, 'absent')}"
            for path in found[:SHOWN_PATHS]]  # fmt: skip
