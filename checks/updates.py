"""No update breaks the stack: it ends on the new version, well, or on the old one as it was.

The case `simulated` plays every image of updates_bad and updates_good against the updater's own
drive, gate, policy and transaction in virtual time: once undisturbed, once for each of many points
where the worker is killed, and with several kills; with --full at every point. The case `real`
updates services of the box to images of the sandbox's registry. Both have a plain updater beside
them: stop, pull, remove, create. Breaks are updaters that are wrong in a way that people have
built.
"""

from __future__ import annotations

import collections
import random
import re
import statistics
from collections.abc import Iterator

from checks import parallel, updates_breaks, updates_cases, updates_plain_simulation, updates_real
from checks import updates_simulation as simulation
from checks.framework import Break, CheckError, Context
from checks.updates_simulation import Played

NAME = "updates"
BUDGET_SECONDS = 300.0
KILLS_A_CASE = 16
SEVERAL_KILLS_A_CASE = 3
# With --full at every point.
MOST_KILLS_A_CASE = 1_000
FULL_FACTOR = 20
# A wrong updater fails early; the rest would only take time.
KILLS_A_CASE_WITH_FAULT = 5
LEAST_CASES = 40
SHOWN = 8
REPLAY = "PYTHONPATH=files .venv/bin/python -m checks.updates_simulation"

settle = updates_real.settle


def prepare(context: Context) -> None:
    """Nothing: only the case `real` needs a box, and it takes one."""


def simulated(context: Context) -> None:
    """Every image in virtual time; what fails is named with its case, seed and kills."""
    with updates_breaks.config_not_restored(context):
        blind = simulation.play(updates_cases.CASES_BY_NAME["migrates-then-crashes"])
    context.control("an old version on a new version's state", bool(blind.violations))
    kinds = collections.Counter("good" if one.ends == "new" else "bad" for one in updates_cases.ALL)
    if min(kinds["good"], kinds["bad"]) < LEAST_CASES:
        raise CheckError(f"only {dict(kinds)} images; {LEAST_CASES} of each are promised")
    with context.planted():
        played = [one for several in play_all(context) for one in several]
    told = 0
    for one in played:
        for text in one.violations:
            told += 1
            line = f"{one.case}: {text}; replay: {REPLAY} {one.case} {one.seed}"
            line += "".join(f" {kill}" for kill in one.kills)
            if told <= SHOWN:
                context.violation(line)
            else:
                context.violations.append(line)
    if not context.break_name:
        require_every_point(context, played)
    figures(context, played)
    plain(context)


def play_all(context: Context) -> Iterator[list[Played]]:
    """Every case, on all cores."""
    kills, several = KILLS_A_CASE, SEVERAL_KILLS_A_CASE
    if context.full:
        kills, several = MOST_KILLS_A_CASE, several * FULL_FACTOR
    if context.break_name:
        kills, several = KILLS_A_CASE_WITH_FAULT, 1
    work = [(case.name, context.seed, kills, several) for case in updates_cases.ALL]
    with parallel.pool() as pool:
        yield from pool.imap(play_case, work, chunksize=2)


def play_case(work: tuple[str, int, int, int]) -> list[Played]:
    """One case undisturbed, with one kill at each of its points (or some), and with several."""
    name, seed, kills, several = work
    case = updates_cases.CASES_BY_NAME[name]
    draw = random.Random(f"{name} {seed}")  # noqa: S311 - choices of a test, not secrets
    undisturbed = simulation.play(case, seed)
    found = [undisturbed]
    points = simulation.boundaries(undisturbed)
    chosen = draw.sample(points, min(kills, len(points)))
    found += [simulation.play(case, seed, [point]) for point in sorted(chosen)]
    for number in range(several if points else 0):
        first = [draw.choice(points) for _ in range(draw.randint(2, 4))]
        again = [point + draw.randint(1, 9) for point in first]
        found.append(simulation.play(case, seed + number, [*first, *again]))
    return found


def require_every_point(context: Context, played: list[Played]) -> None:
    """The worker was killed at each point of its way, for some image."""
    there = {name for one in played for name in one.points}
    hit = {one.points[kill] for one in played for kill in one.kills if kill < len(one.points)}
    context.figure("points", len(there))
    if missed := sorted(there - hit):
        raise CheckError(f"the worker was never killed at: {', '.join(missed)}; mend the draw")


def figures(context: Context, played: list[Played]) -> None:
    """What was played, and how long services were away."""
    ends = {case.name: case.ends for case in updates_cases.ALL}
    undisturbed = [one for one in played if not one.kills]
    for kind in ("old", "later", "new"):
        outages = [one.outage for one in undisturbed if ends[one.case] == kind]
        context.figure(f"simulated_images_{kind}", len(outages))
        context.figure(f"simulated_outage_median_{kind}", statistics.median(outages))
        context.figure(f"simulated_outage_longest_{kind}", max(outages))
    context.figure("simulated_plays", len(played))
    context.figure("simulated_kills", sum(len(one.kills) for one in played))
    context.figure(
        "simulated_false_rollbacks",
        sum(one.rolled_back for one in undisturbed if ends[one.case] == "new"),
    )
    context.figures["simulated_outage"] = {one.case: round(one.outage) for one in undisturbed}
    problems = collections.Counter(
        re.sub(r"\d[\d.]*", "N", text)[:80] for one in played for text in one.violations
    )
    if problems:
        context.figure("problems", dict(problems.most_common(8)))


def plain(context: Context) -> None:
    """The same images through the plain updater."""
    down = collections.Counter(
        case.ends for case in updates_cases.ALL if updates_plain_simulation.play(case)
    )
    for kind in ("old", "later", "new"):
        context.figure(f"simulated_plain_leaves_down_{kind}", down[kind])


def real(context: Context) -> None:
    """Versions of a service on the box."""
    updates_real.prepare(context)
    updates_real.play(context)


CASES = {"simulated": simulated, "real": real}
BREAKS = {
    **{name: Break("simulated", plant) for name, plant in updates_breaks.BREAKS.items()},
    **{name: Break("real", plant) for name, plant in updates_breaks.REAL.items()},
}
