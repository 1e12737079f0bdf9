"""Our deploy against what else could do the job, in one run on one box: ratios are of this run.

The box is made anew for every fresh deploy and taken down at the end, unless it was there before;
everything it gets comes from this machine (mirror of packages, registry of stand-ins). Contestants
take turns and medians count, since a machine's mood moves all of them. Prints a table with each
figure, its target and whether it was met, and one JSON line. Exit 0 also when a target is missed.

Parts: noop (against an empty pyinfra and Ansible), relay (the same with 50 ms more round trip),
fresh (against a shell script; with Ansible before noop, which then finds its own traces), five
(five boxes at once, made for it, seven services each).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import box_state, contestants, export
from benchmarks.contestants import BenchError, Run
from benchmarks.table import Row, summary, table
from host_settings import load
from sandbox import box as sandbox_box
from sandbox import lifecycle, show, state
from sandbox.command import SandboxError, run
from sandbox.progress import say
from sandbox.state import Box

PARTS = ("noop", "relay", "fresh", "five")
ROUND_TRIP_SECONDS = 0.05
FIVE_SETTINGS = "benchmarks/five.toml"
# Ansible's apt module wants it; every contestant finds it there, and packages that are fresh.
PREPARE = "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y python3-apt"


def median(runs: list[Run]) -> float:
    """The median of their seconds."""
    return round(statistics.median(one.seconds for one in runs), 2)


def interleaved(rounds: int, contestants_: dict[str, Callable[[], Run]]) -> dict[str, list[Run]]:
    """Every contestant once per round, in turn."""
    runs: dict[str, list[Run]] = {name: [] for name in contestants_}
    for number in range(rounds):
        for name, contestant in contestants_.items():
            runs[name].append(contestant())
            say(f"  round {number + 1}: {name} {runs[name][-1].seconds:.2f} s")
    return runs


def bare(name: str) -> Box:
    """The box, made anew."""
    lifecycle.down(name)
    made = lifecycle.up(name)
    run([*sandbox_box.ssh_arguments(made), PREPARE], timeout=300)
    return made


def exported(box: Box, directory: str) -> Path:
    """What the others need for this box."""
    settings = load(contestants.SETTINGS, ".sandbox/secrets.toml", box.address)
    export.export(box, settings, Path(directory))
    return Path(directory)


def with_export(box: Box, contestant: Callable[[Path], Run]) -> Run:
    """Run a contestant that needs the export, made for it before the clock runs."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        return contestant(exported(box, directory))


def ansible_once(box: Box) -> Run:
    """The playbook over a connection of its own."""
    with tempfile.TemporaryDirectory(prefix="a-") as home:
        return with_export(box, lambda wanted: contestants.ansible(box, wanted, Path(home)))


def fresh(name: str, rounds: int) -> list[Row]:
    """Bare boxes: the script, our deploy; Ansible last, once. All must end in one state."""
    ways: dict[str, Callable[[Box], Run]] = {
        "shell": lambda box: with_export(box, lambda wanted: contestants.shell(box, wanted)),
        "ours": lambda box: contestants.ours(box.name),
        "ansible": ansible_once,
    }
    turns = [name for _ in range(rounds) for name in ("shell", "ours")] + ["ansible"]
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    states: dict[str, dict[str, Any]] = {}
    mended = 0
    for turn in turns:
        box = bare(name)
        runs[turn].append(ways[turn](box))
        states[turn] = box_state.require_managed(box_state.read(box))
        mended += contestants.ours(name).changed
        say(f"  fresh, {turn}: {runs[turn][-1].seconds:.1f} s, {box_state.digest(states[turn])}")
    for other in ("shell", "ansible"):
        for one in box_state.differences(states["ours"], states[other])[:10]:
            say(f"  ours | {other}: {one}")
    alike = len({box_state.digest(one) for one in states.values()}) == 1
    ours, script = median(runs["ours"]), median(runs["shell"])
    return [
        Row("fresh_seconds", "fresh deploy", ours, "s"),
        Row("fresh_shell_seconds", "fresh, shell script", script, "s"),
        Row(
            "fresh_ratio", "fresh, ours / shell script", round(ours / script, 2), "x", at_most=1.25
        ),
        Row("fresh_ansible_seconds", "fresh, Ansible (once)", median(runs["ansible"]), "s"),
        Row("same_state", "fresh: all three end in one tree hash", alike),
        Row("mended", "operations that change after theirs, or ours", mended, at_most=0),
    ]


def noop(box: Box, inventory: str, rounds: int, tag: str, limit: float) -> list[Row]:
    """Deploys that have nothing to do; what was left to do is done before."""
    with (
        tempfile.TemporaryDirectory(prefix="a-") as home,
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
    ):
        wanted = exported(box, directory)
        ways = {
            "ours": lambda: contestants.ours(box.name, inventory),
            "empty": lambda: contestants.empty(box.name, inventory),
            "ansible": lambda: contestants.ansible(box, wanted, Path(home)),
        }
        ways["ansible"]()
        ways["ours"]()
        before = box_state.require_managed(box_state.read(box))
        runs = interleaved(rounds, ways)
        after = box_state.read(box)
    verbose = contestants.ours(box.name, inventory, "-vvv").output
    changed = sum(one.changed for name in ("ours", "ansible") for one in runs[name])
    ours, theirs = median(runs["ours"]), median(runs["ansible"])
    where = "" if not tag else f", {ROUND_TRIP_SECONDS * 1000:g} ms further away"
    rows = [
        Row(f"{tag}no_op_seconds", f"no-op{where}", ours, "s", at_most=limit),
        Row(f"{tag}remote_commands", f"remote commands{where}", verbose.count(">>> "), at_most=15),
        Row(f"{tag}empty_seconds", f"empty pyinfra deploy{where}", median(runs["empty"]), "s"),
        Row(f"{tag}ansible_seconds", f"no-op, Ansible{where}", theirs, "s"),
        Row(
            f"{tag}ansible_ratio",
            f"no-op, Ansible / ours{where}",
            round(theirs / ours, 1),
            "x",
            at_least=None if tag else 8,
        ),
        Row(f"{tag}changed", f"changes in all of these{where}", changed, at_most=0),
    ]
    alike = box_state.digest(before) == box_state.digest(after)
    return [*rows, Row(f"{tag}state_kept", f"state as before{where}", alike)]


def five(name: str, rounds: int) -> list[Row]:
    """Five boxes at once: a fresh deploy, and ones with nothing to do beside one box alone."""
    names = [f"{name}{number}" for number in range(1, 6)]
    everyone = ",".join(names)
    try:
        for one in names:
            lifecycle.up(one)
        made = contestants.ours(everyone, settings=FIVE_SETTINGS)
        runs = interleaved(
            rounds,
            {
                "five": lambda: contestants.ours(everyone, settings=FIVE_SETTINGS),
                "one": lambda: contestants.ours(names[0], settings=FIVE_SETTINGS),
            },
        )
    finally:
        for one in names:
            lifecycle.down(one)
    together, alone = median(runs["five"]), median(runs["one"])
    return [
        Row("five_fresh_seconds", "five boxes, 7 services each: fresh", median([made]), "s"),
        Row("five_no_op_seconds", "five boxes: no-op", together, "s"),
        Row("five_one_no_op_seconds", "one of them alone: no-op", alone, "s"),
        Row("five_ratio", "five boxes / one", round(together / alone, 1), "x"),
        Row("five_changed", "five: changes", sum(r.changed for r in runs["five"]), at_most=0),
    ]


def twin() -> list[Row]:
    """What the playbook is."""
    passes, tasks = contestants.lint()
    return [
        Row("ansible_tasks", "Ansible: tasks and handlers", tasks, at_most=25),
        Row("ansible_lint", "Ansible: passes ansible-lint, profile production", passes),
    ]


def measure(options: argparse.Namespace) -> list[Row]:
    """All the parts that were asked for."""
    rows: list[Row] = []
    if {"noop", "relay"} & set(options.parts):
        rows += twin()
    if "fresh" in options.parts:
        rows += fresh(options.box, 3 if options.full else 1)
    if {"noop", "relay"} & set(options.parts):
        box = lifecycle.up(options.box)
        run([*sandbox_box.ssh_arguments(box), PREPARE], timeout=300)
        contestants.ours(box.name)
        if "noop" in options.parts:
            rows += noop(box, "inventory.py", options.rounds, "", 1.5)
        if "relay" in options.parts:
            with contestants.relayed(box, ROUND_TRIP_SECONDS) as (there, inventory):
                rows += noop(there, inventory, max(1, options.rounds // 2), "relay_", 3.0)
    if "five" in options.parts:
        rows += five(options.box, max(1, options.rounds // 2))
    return rows


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when something failed, 2 on wrong usage."""
    parser = argparse.ArgumentParser(prog="scripts/bench deploy", description=__doc__)
    parser.add_argument("--box", default=os.environ.get("MEDIASTACK_BOX", "bench"))
    parser.add_argument("--rounds", type=int, default=5, help="of deploys with nothing to do")
    parser.add_argument("--full", action="store_true", help="three rounds of fresh deploys")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args(arguments)
    described = ["git", "describe", "--always", "--dirty"]
    commit = run(described, check=False).stdout.strip()
    load_before = os.getloadavg()
    there_before = state.load(options.box) is not None
    try:
        contestants.prepare()
        with state.exclusive():
            show.ensure_secrets()
        rows = measure(options)
    except (BenchError, SandboxError) as error:
        print(f"scripts/bench deploy: {error}", file=sys.stderr)
        return 1
    finally:
        if not there_before:
            lifecycle.down(options.box)
    machine = {
        "commit": commit,
        "processors": os.cpu_count(),
        "load_before": [round(one, 1) for one in load_before],
        "load_after": [round(one, 1) for one in os.getloadavg()],
        "rounds": options.rounds,
    }
    print("\n".join(table(rows)))
    print(json.dumps({"name": "deploy", **machine, **summary(rows)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
