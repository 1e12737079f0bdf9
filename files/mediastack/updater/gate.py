"""Is the new version well? A pure judge over looks at its container, with a deadline.

Well means: the right image runs, is healthy (or has no health check and is not supposed to have
one), and so are those who live in its namespace. It passes when it was well without a break for
`stable_seconds` in one life of the container, and its health check said so more than once: Docker
calls a container healthy until the third probe failed, which may be minutes. It may take its time
to get there: a first start that migrates a database, one restart by itself, a health check that
flickers. What can only get worse is not waited for: a loop of crashes, health that comes and goes,
an image that lost its health check. What cannot be seen (Docker away) or is somebody else's doing
(a cascade of the monitor) stops the clock, at most as long again as the deadline.
"""

from __future__ import annotations

from typing import Any, NamedTuple

PASSED = "passed"
FAILED = "failed: "
# No verdict on the image: it is taken back, and may be tried another day.
GIVEN_UP = "given up: "
# So many lives, or falls from good health, are no slow start any more.
MOST_LIVES = 4
MOST_FALLS = 3
# A container that nobody starts again (restart policy "no") is not waited for longer.
DOWN_SECONDS = 30.0
# The longest that two probes of a health check are apart, its own time included.
PROBE_SECONDS = 120.0
# One look to the next: of a longer gap (suspended machine, frozen worker) no more is counted.
LONGEST_STEP_SECONDS = 10.0

Gate = dict[str, Any]


class Limits(NamedTuple):
    """Seconds: how long well without a break, and how long until then."""

    stable_seconds: float
    deadline_seconds: float


class Seen(NamedTuple):
    """One look. `known` False: nobody could look, the rest means nothing.

    `life` changes with each start of the container; `restarts` is Docker's own count; `failing`:
    the last probe failed, whatever `health` still says; `probe`: when the last one ended; `others`
    are services in its namespace that are not well (yet); `excused` says who else is at work.
    """

    known: bool
    present: bool = False
    right_image: bool = False
    status: str = ""
    health: str = "none"
    failing: bool = False
    probe: str = ""
    expects_health: bool = True
    life: str = ""
    restarts: int = 0
    exit_code: int = 0
    others: tuple[str, ...] = ()
    excused: str = ""
    stopped_by_user: bool = False


def begin() -> Gate:
    """Return the gate before the first look; it is part of the journal."""
    return {
        "at": None,  # of the last look
        "spent": 0.0,  # seconds counted toward the deadline
        "suspended": 0.0,  # seconds not counted
        "well": 0.0,  # seconds well without a break
        "down": 0.0,  # seconds without a process
        "life": None,
        "lives": 0,
        "falls": 0,  # from good health
        "healthy": False,
        "was_well": False,
        "probe": "",  # the last one seen
        "probes": 0,  # that ended since it is well
    }


def step(seen: Seen, gate: Gate, limits: Limits, now: float) -> tuple[str, Gate]:
    """Return ("" to wait, "passed", "failed: why" or "given up: why", the next gate); `now` in
    steady seconds."""
    gate = dict(gate)
    passed = 0.0 if gate["at"] is None else now - gate["at"]
    # Below zero: the steady clock began anew with a boot.
    passed = min(max(passed, 0.0), LONGEST_STEP_SECONDS)
    gate["at"] = now
    blind = not seen.known or bool(seen.excused)
    if blind and gate["suspended"] < limits.deadline_seconds:
        # What was proven stays so: a restart meanwhile shows in the next look.
        gate["suspended"] += passed
        return "", gate
    gate["spent"] += passed
    if not seen.known:
        return _late(gate, limits, "nobody could look at it", GIVEN_UP), gate
    if seen.stopped_by_user:
        return f"{GIVEN_UP}you stopped it during its trial", gate
    new_life = seen.present and seen.life != gate["life"]
    if new_life:
        gate.update(life=seen.life, lives=gate["lives"] + 1)
    problem = _problem(seen)
    # Those in its namespace come and go with the monitor's work: that is no fall of its own.
    healthy = not problem
    gate["falls"] += int(gate["healthy"] and (new_life or not healthy))
    gate["healthy"] = healthy
    if not problem and seen.failing:
        problem = "its health check has failed"
    if not problem and seen.others:
        problem = "not back yet: " + ", ".join(seen.others)
    if problem:
        gate.update(_not_well(), down=gate["down"] + passed if _is_down(seen) else 0.0)
        return _hopeless(seen, gate) or _late(gate, limits, problem), gate
    if new_life or not gate["was_well"]:
        gate.update(_not_well(), was_well=True, down=0.0, probe=seen.probe)
    else:
        gate["well"] += passed
        gate["probes"] += int(seen.probe != gate["probe"])
        gate["probe"] = seen.probe
    if gate["well"] >= limits.stable_seconds and (gate["probes"] or not seen.expects_health):
        return PASSED, gate
    if hopeless := _hopeless(seen, gate):
        return hopeless, gate
    # What is well at its deadline may prove it, once.
    late = gate["spent"] > limits.deadline_seconds + max(limits.stable_seconds, PROBE_SECONDS)
    return (_late(gate, limits, "well, but never for long") if late else ""), gate


def _not_well() -> Gate:
    return {"well": 0.0, "was_well": False, "probes": 0}


def _problem(seen: Seen) -> str:
    if not seen.present:
        return "its container is gone"
    if not seen.right_image:
        return "its container runs another image"
    if seen.status != "running":
        return f"{seen.status} (exit code {seen.exit_code})"
    if seen.expects_health and seen.health != "healthy":
        return f"health: {seen.health}"
    if not seen.expects_health and seen.health not in ("none", "healthy"):
        return f"health: {seen.health}"
    return ""


def _is_down(seen: Seen) -> bool:
    return not seen.present or seen.status in ("exited", "dead", "created")


def _hopeless(seen: Seen, gate: Gate) -> str:
    if seen.present and seen.expects_health and seen.status == "running" and seen.health == "none":
        return f"{FAILED}the new image has lost its health check"
    if max(gate["lives"], seen.restarts) >= MOST_LIVES:
        return f"{FAILED}it ends again and again (exit code {seen.exit_code})"
    if gate["falls"] >= MOST_FALLS:
        return f"{FAILED}its health comes and goes"
    if gate["down"] >= DOWN_SECONDS:
        return f"{FAILED}it is {seen.status or 'gone'} (exit code {seen.exit_code})"
    return ""


def _late(gate: Gate, limits: Limits, problem: str, verdict: str = FAILED) -> str:
    if gate["spent"] < limits.deadline_seconds:
        return ""
    return f"{verdict}{problem} after {limits.deadline_seconds:.0f} s"
