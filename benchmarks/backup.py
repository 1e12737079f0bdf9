"""What our backup costs beside restic alone and tar with zstd, on the same config tree, in turns.

Ours copies and checks every database, writes a manifest and saves with restic; restic alone reads
the databases as they lie there, which is no backup of them, but the floor. Each figure is the
median of several runs, ratios are of pairs. First runs begin without repository and stage; for
unchanged runs nothing was written since. Beside a writer: how long its longest commit took while
ours ran, and for how many seconds it could not commit at all. All of it on this machine, in a
directory of its own. `--scale 0.1` is a tenth of the tree: for a first look, and marked so.
Prints a table and one JSON line. Exit 0 also when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks import backup_tree as tree
from benchmarks.backup_runs import Measured, measure
from benchmarks.contestants import BenchError
from benchmarks.table import Row, summary, table
from sandbox.command import run
from sandbox.progress import say
from sandbox.state import ROOT

FIRST_RUNS, UNCHANGED_RUNS, DAYS, BESIDE_RUNS = 3, 7, 3, 3
FIRST_RATIO, UNCHANGED_SECONDS = 1.1, 1.0
# A commit that waits longer is one that an app's user would notice.
STALL_SECONDS = 0.5
CONFIG = """\
schema = 1
release = "bench"
[host]
name = "bench"
[paths]
{paths}
[backup]
enabled = true
local = true
{services}"""


@dataclass(frozen=True)
class Ground:
    """Where everything is."""

    top: Path
    roots: dict[str, Path]

    @property
    def config(self) -> Path:
        """The config tree."""
        return self.top / "config"


def prepare(top: Path, scale: float, seed: int) -> Ground:
    """Make tree and configuration."""
    ground = Ground(top, tree.make(top / "config", scale, seed))
    places = {name: top / name for name in ("config", "etc", "state", "runtime", "backups")}
    for path in places.values():
        path.mkdir(exist_ok=True)
    secrets = top / "etc" / "secrets" / "backup"
    secrets.mkdir(parents=True)
    (secrets / "repository_password").write_text("a password for this run alone")
    services = "".join(
        f"[services.{part.service}]\nconfig = {json.dumps(str(ground.roots[part.service]))}\n"
        f"databases = {json.dumps([one[0] for one in part.databases])}\n"
        for part in tree.PARTS
    )
    paths = "\n".join(f"{name} = {json.dumps(str(path))}" for name, path in places.items())
    (top / "etc" / "mediastack.toml").write_text(CONFIG.format(paths=paths, services=services))
    return ground


def ours(ground: Ground) -> Measured:
    """Our backup."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}/files:{ROOT}",
        "MEDIASTACK_CONFIG": f"{ground.top}/etc/mediastack.toml",
        "RESTIC_CACHE": f"{ground.top}/cache-ours",
    }
    return measure([sys.executable, "-m", "benchmarks.backup_ours"], environment)


def alone(ground: Ground, *, first: bool = False) -> Measured:
    """restic and nothing else."""
    environment = {
        **os.environ,
        "RESTIC_REPOSITORY": f"{ground.top}/restic-alone",
        "RESTIC_PASSWORD_FILE": f"{ground.top}/etc/secrets/backup/repository_password",
        "RESTIC_CACHE_DIR": f"{ground.top}/cache-alone",
    }
    begin = "restic -q init && " if first else ""
    names = " ".join(f"'{path}'" for path in ground.roots.values())
    return measure(["sh", "-c", f"{begin}exec restic -q backup {names}"], environment)


def archived(ground: Ground) -> Measured:
    """tar and zstd."""
    command = f"tar -C {ground.top} -cf - config | zstd -q -T0 -f -o {ground.top}/archive.tar.zst"
    return measure(["bash", "-c", f"set -o pipefail; {command}"], os.environ)


def first_runs(ground: Ground, count: int) -> list[Row]:
    """Without repository and stage."""
    found: dict[str, list[Measured]] = {"ours": [], "alone": [], "tar": []}
    for number in range(count):
        turns = ["ours", "alone", "tar"]
        for name in turns if number % 2 else reversed(turns):
            say(f"  first run {number + 1}: {name}")
            if name == "ours":
                left = ("backups/restic", "state", "config/.mediastack-backup", "cache-ours")
                tree.clear(*(ground.top / one for one in left))
                (ground.top / "state").mkdir()
                found[name].append(ours(ground))
            elif name == "alone":
                tree.clear(ground.top / "restic-alone", ground.top / "cache-alone")
                found[name].append(alone(ground, first=True))
            else:
                found[name].append(archived(ground))
    ratios = [a.seconds / b.seconds for a, b in zip(found["ours"], found["alone"], strict=True)]
    return [
        *rows("first", "first run", found),
        Row("first_ratio", "first run, ours / restic", median(ratios), "x", at_most=FIRST_RATIO),
    ]


def later_runs(ground: Ground, name: str, title: str, count: int, scale: float) -> list[Row]:
    """Beside what is there already; `name` "day": after a day's change, else after nothing."""
    found: dict[str, list[Measured]] = {"ours": [], "alone": []}
    for number in range(count):
        if name == "day":
            tree.a_day(ground.roots, scale, number)
        say(f"  {title} {number + 1}")
        for who in ("ours", "alone") if number % 2 else ("alone", "ours"):
            found[who].append(ours(ground) if who == "ours" else alone(ground))
    more = [a.seconds - b.seconds for a, b in zip(found["ours"], found["alone"], strict=True)]
    limit = UNCHANGED_SECONDS if name == "unchanged" else None
    return [
        *rows(name, title, found),
        Row(f"{name}_more", f"{title}, ours - restic", median(more), "s", at_most=limit),
    ]


def beside_a_writer(ground: Ground, count: int) -> list[Row]:
    """Commits into two databases, as fast as they go, while ours runs."""
    chosen = [tree.databases(ground.roots)[0], ground.roots["tautulli"] / "tautulli.db"]
    over = threading.Event()
    waits: dict[Path, list[float]] = {path: [] for path in chosen}
    threads = [threading.Thread(target=_write, args=(p, over, waits[p]), daemon=True)
               for p in chosen]  # fmt: skip
    for thread in threads:
        thread.start()
    try:
        for number in range(count):
            say(f"  beside a writer {number + 1}")
            ours(ground)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    every = [one for found in waits.values() for one in found]
    stalls = sum(one for one in every if one > STALL_SECONDS)
    return [
        Row("commits", "commits meanwhile", len(every)),
        Row("longest_log", "longest commit, write-ahead log", _ms(waits[chosen[0]]), "ms"),
        Row("longest_journal", "longest commit, rollback journal", _ms(waits[chosen[1]]), "ms"),
        Row("downtime", "downtime of services with SQLite", round(stalls, 3), "s", at_most=0),
    ]


def rows(name: str, title: str, found: dict[str, list[Measured]]) -> list[Row]:
    """Medians of each contestant."""
    words = {"ours": "ours", "alone": "restic", "tar": "tar + zstd"}
    result = []
    for who, runs in found.items():
        who_title = f"{title}, {words[who]}"
        seconds = median([one.seconds for one in runs])
        result.append(Row(f"{name}_{who}", who_title, seconds, "s"))
        used = median([one.processor for one in runs])
        result.append(Row(f"{name}_{who}_cpu", f"{who_title}, processor", used, "s"))
        peak = max(one.peak for one in runs) / tree.MB
        result.append(Row(f"{name}_{who}_rss", f"{who_title}, peak RSS", round(peak), "MB"))
    return result


def median(values: list[float]) -> float:
    """To the hundredth."""
    return round(statistics.median(values), 2)


def _write(path: Path, over: threading.Event, waits: list[float]) -> None:
    import sqlite3

    connection = sqlite3.connect(path, isolation_level=None, timeout=60)
    with closing(connection):
        connection.execute("PRAGMA synchronous = OFF")
        while not over.wait(0.002):
            began = time.monotonic()
            connection.execute(
                "UPDATE items SET size = size + 1 WHERE id = 1 + abs(random()) % 999"
            )
            waits.append(time.monotonic() - began)


def _ms(waits: list[float]) -> float:
    return round(1000 * max(waits, default=0.0), 1)


def bench(top: Path, scale: float, seed: int) -> list[Row]:
    """Everything, in `top`."""
    say("  making the tree")
    ground = prepare(top, scale, seed)
    size, count = tree.size(ground.config)
    tree.warm(ground.config)
    return [
        Row("tree", "the tree", round(size / tree.MB), "MB"),
        Row("files", "files in it", count),
        *first_runs(ground, FIRST_RUNS),
        *later_runs(ground, "unchanged", "unchanged run", UNCHANGED_RUNS, scale),
        *later_runs(ground, "day", "run after a day", DAYS, scale),
        *beside_a_writer(ground, BESIDE_RUNS),
    ]


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when something failed, 2 on wrong usage."""
    parser = argparse.ArgumentParser(prog="scripts/bench backup", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="size of the tree (1: 2 GB)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--directory", help="where to work; needs five times the tree's room")
    options = parser.parse_args(arguments)
    for program in ("restic", "tar", "zstd"):
        if shutil.which(program) is None:
            print(f"scripts/bench backup: fix: apt-get install {program}", file=sys.stderr)
            return 1
    version = subprocess.run(["restic", "version"], capture_output=True, text=True, check=False)
    load_before = os.getloadavg()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-backup-", dir=options.directory) as top:
            found = bench(Path(top), options.scale, options.seed)
    except (BenchError, OSError) as error:
        print(f"scripts/bench backup: {error}", file=sys.stderr)
        return 1
    machine = {
        "commit": run(["git", "describe", "--always", "--dirty"], check=False).stdout.strip(),
        "scale": options.scale,
        "restic": version.stdout.split()[1],
        "processors": os.cpu_count(),
        "load_before": [round(one, 1) for one in load_before],
        "load_after": [round(one, 1) for one in os.getloadavg()],
    }
    print("\n".join(table(found)))
    if options.scale != 1.0:
        print("--scale: another tree than what is promised; targets are those of 2 GB")
    print(json.dumps({"name": "backup", **machine, **summary(found)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
