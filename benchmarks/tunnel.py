"""What the second wall costs: throughput through the real tunnel, with the wall and without it.

From Gluetun's namespace, as a dependent, to the sandbox's public internet and back, in pairs whose
order alternates (ABBA, BAAB), so a machine that warms up or gets busy favours neither. The cost is
one minus the median of the pairs' ratios, with a bootstrap interval; the target has to hold for the
whole interval, since a median alone may be luck. What missed says so. The box must be up, or is
made.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator

from benchmarks import intervals
from benchmarks.table import Row, summary, table
from checks import box, leak_sink, leak_walls, runtime
from checks.box import Host
from checks.framework import CheckError, Context
from sandbox import lifecycle, state
from sandbox.command import SandboxError, run
from sandbox.progress import say

PAIRS = 10
WARM_SECONDS, SECONDS, TURNS = 0.3, 1.0, 6
TARGET_PERCENT = 3.0
WELL_SECONDS = 180.0
IDLE_SECONDS = 10.0
DIRECTIONS = ("down", "up")
MEGABIT = 1e6 / 8

Speeds = dict[str, float]
Pair = tuple[Speeds, Speeds]


def speeds(host: Host) -> Speeds:
    """Bytes a second in each direction, now."""
    pid = box.run(host, "docker inspect --format '{{.State.Pid}}' gluetun").strip()
    measured: Speeds = box.inside(
        host,
        "throughput",
        wrapper=f"nsenter --net --target {pid}",
        address=leak_sink.TARGETS["host"],
        warm=WARM_SECONDS,
        seconds=SECONDS,
    )
    return measured


@contextlib.contextmanager
def lifted(host: Host) -> Iterator[None]:
    """Without the table of the second wall; put back as it was, which its keeper sleeps through."""
    saved = box.run(host, f"nft list table {leak_walls.TABLE}")
    box.run(host, f"nft delete table {leak_walls.TABLE}")
    try:
        yield
    finally:
        box.run(host, "nft -f -", stdin=saved)


def pair(host: Host, *, with_first: bool) -> Pair:
    """(with the wall, without it) in short turns: ABBA, ABBA, so that a drift cancels out."""
    with_wall: list[Speeds] = []
    without: list[Speeds] = []

    def standing(times: int) -> None:
        with_wall.extend(speeds(host) for _ in range(times))

    def gone(times: int) -> None:
        with lifted(host):
            without.extend(speeds(host) for _ in range(times))

    outer, inner = (standing, gone) if with_first else (gone, standing)
    for _ in range(TURNS):
        outer(1)
        inner(2)
        outer(1)
    return mean(with_wall), mean(without)


def mean(measured: list[Speeds]) -> Speeds:
    """The mean of several measurements, in each direction."""
    return {way: statistics.fmean(one[way] for one in measured) for way in DIRECTIONS}


def rows(pairs: list[Pair]) -> list[Row]:
    """Throughput, and the cost with both ends of its interval."""
    found: list[Row] = []
    for way in DIRECTIONS:
        values = [(standing[way], gone[way]) for standing, gone in pairs]
        ratio = intervals.of_ratios(values)
        cost, least, most = (
            round(100 * (1 - one), 1) for one in (ratio.median, ratio.high, ratio.low)
        )
        walled, free = (statistics.median(each) / MEGABIT for each in zip(*values, strict=True))
        found += [
            Row(f"{way}_with_wall", f"{way}, with the wall", round(walled), "Mbit/s"),
            Row(f"{way}_without_wall", f"{way}, without it", round(free), "Mbit/s"),
            Row(f"{way}_cost", f"{way}, cost: median", cost, "%", at_most=TARGET_PERCENT),
            Row(f"{way}_cost_least", f"{way}, cost: least of the interval", least, "%"),
            Row(
                f"{way}_cost_most",
                f"{way}, cost: most of the interval",
                most,
                "%",
                at_most=TARGET_PERCENT,
            ),
        ]
    return found


def keeper_percent(host: Host) -> float:
    """How much of one processor the keeper of the wall takes while nothing happens."""
    used = f"systemctl show --property CPUUsageNSec --value {leak_walls.UNIT}"
    before = int(box.run(host, used))
    time.sleep(IDLE_SECONDS)
    return 100 * (int(box.run(host, used)) - before) / (IDLE_SECONDS * 1e9)


def measure(name: str, count: int) -> list[Row]:
    """All pairs on the deployed box."""
    with box.opened(name) as host:
        box.ensure_deployed(host)
        runtime.wait_until_well(host, WELL_SECONDS)
        context = Context(name="tunnel", box_name=name, box=host)
        keeper = keeper_percent(host)
        pairs = []
        # Its keeper sleeps, with the wall and without it: mending is not what is measured.
        with leak_walls.keeper_paused(context):
            speeds(host)
            for number in range(count):
                pairs.append(pair(host, with_first=number % 2 == 0))
                shown = ", ".join(
                    f"{way} {pairs[-1][0][way] / MEGABIT:.0f}/{pairs[-1][1][way] / MEGABIT:.0f}"
                    for way in DIRECTIONS
                )
                say(f"  pair {number + 1}: {shown} Mbit/s with/without the wall")
        title = "the wall's keeper, idle, of one processor"
        return [*rows(pairs), Row("keeper_cpu", title, round(keeper, 2), "%")]


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when something failed, 2 on wrong usage."""
    parser = argparse.ArgumentParser(prog="scripts/bench tunnel", description=__doc__)
    parser.add_argument("--box", default=os.environ.get("MEDIASTACK_BOX", "box"))
    parser.add_argument("--pairs", type=int, default=PAIRS)
    options = parser.parse_args(arguments)
    described = ["git", "describe", "--always", "--dirty"]
    commit = run(described, check=False).stdout.strip()
    load_before = os.getloadavg()
    there_before = state.load(options.box) is not None
    try:
        found = measure(options.box, options.pairs)
    except (CheckError, SandboxError) as error:
        print(f"scripts/bench tunnel: {error}", file=sys.stderr)
        return 1
    finally:
        if not there_before:
            lifecycle.down(options.box)
    machine = {
        "commit": commit,
        "processors": os.cpu_count(),
        "load_before": [round(one, 1) for one in load_before],
        "load_after": [round(one, 1) for one in os.getloadavg()],
        "pairs": options.pairs,
    }
    print("\n".join(table(found)))
    print(json.dumps({"name": "tunnel", **machine, **summary(found)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
