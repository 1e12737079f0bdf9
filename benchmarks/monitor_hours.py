"""Eight hours of the watcher's life in a few minutes: does it grow?

The program itself, as a process, with the real loop, door and files; only its clocks go faster
(monitor_fast), and its healer is monitor_healer's, which gets it into trouble all the time. What it
weighs, its open descriptors and its threads are read from /proc every five simulated minutes. The
least of an hour counts, so that an act under way is no growth, and the second hour is the first
that counts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.contestants import BenchError
from benchmarks.monitor_healer import Healer
from benchmarks.table import Row
from sandbox.progress import say
from sandbox.state import ROOT

HOURS = 8
QUICK_HOURS = 3
FACTOR = 240.0
SAMPLES_PER_HOUR = 12
RSS_GROWTH_KB = 256
END_SECONDS = 10.0

Sample = dict[str, int]


def sample(pid: int) -> Sample:
    """What a process has and weighs. Raise OSError when it is gone."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")

    def value(key: str) -> int:
        found = re.search(rf"{key}:\s+(\d+)", status)
        return int(found[1]) if found else 0

    fds = len(os.listdir(f"/proc/{pid}/fd"))
    return {"rss": value("VmRSS"), "threads": value("Threads"), "fds": fds}


def growth(hours: list[list[Sample]], key: str) -> int:
    """The least of the last hour less the least of the second one."""
    return min(one[key] for one in hours[-1]) - min(one[key] for one in hours[1])


def live(hours: int, seed: int) -> list[Row]:
    """Let it live so many hours, and compare. Raise BenchError when it ends by itself."""
    with tempfile.TemporaryDirectory(prefix="monitor-") as directory:
        state = Path(directory)
        (state / "monitor").mkdir()
        toml = state / "mediastack.toml"
        toml.write_text(f'schema = 1\n[paths]\nstate = "{state}"\n', encoding="utf-8")
        path = f"{state}/healer.sock"
        healer = Healer(path, FACTOR, seed)
        with (state / "errors").open("w+", encoding="utf-8") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.monitor_fast", path, str(FACTOR)],
                cwd=ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": f"{ROOT}/files",
                    "MEDIASTACK_CONFIG": str(toml),
                },
                stderr=errors,
            )
            try:
                sampled = [followed(process, hour) for hour in range(hours)]
            except OSError as error:
                tail = (state / "errors").read_text(encoding="utf-8")[-800:]
                raise BenchError(f"the watcher ended by itself: {tail}") from error
            finally:
                process.terminate()
                process.wait(END_SECONDS)
                healer.close()
        kept = json.loads((state / "monitor/monitor.json").read_text(encoding="utf-8"))
    say(f"  troubles: {healer.troubles}; asked: {healer.asked}")
    return rows(sampled, healer, kept["number"])


def followed(process: subprocess.Popen[bytes], hour: int) -> list[Sample]:
    """The samples of one simulated hour."""
    found = []
    for _ in range(SAMPLES_PER_HOUR):
        time.sleep(3600 / FACTOR / SAMPLES_PER_HOUR)
        found.append(sample(process.pid))
    least = {key: min(one[key] for one in found) for key in found[0]}
    say(f"  hour {hour + 1}: {least}")
    return found


def rows(sampled: list[list[Sample]], healer: Healer, messages: int) -> list[Row]:
    """Growth with its targets, and what the hours were filled with."""
    hours = len(sampled)
    return [
        Row("hours", "simulated hours of its real loop", hours),
        Row("hours_troubles", "troubles meanwhile", sum(healer.troubles.values())),
        Row("hours_looks", "looks", healer.asked.get("look", 0)),
        Row("hours_acts", "acts", healer.asked.get("act", 0)),
        Row("hours_messages", "messages", messages),
        Row("fds_growth", "growth, descriptors", growth(sampled, "fds"), at_most=0),
        Row("threads_growth", "growth, threads", growth(sampled, "threads"), at_most=0),
        Row("rss_growth", "growth, RSS", growth(sampled, "rss"), "kB", at_most=RSS_GROWTH_KB),
    ]
