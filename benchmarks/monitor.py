"""What it costs that nobody stays stranded: memory and time of watcher and healer, and no growth.

Idle on a deployed box: what both weigh, and the processor time of their units (children and all)
over ten minutes. In the same minutes, on the same box, a shell loop asks Docker's socket every five
seconds with curl and jq, as Autoheal's does. Then eight simulated hours of the watcher's own loop
(monitor_hours), on this machine. `--quick` takes one minute and three hours: for a first look, and
marked so. Prints a table and one JSON line. Exit 0 also when a target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator

from benchmarks import monitor_hours
from benchmarks.contestants import BenchError
from benchmarks.table import Row, summary, table
from checks import box, runtime
from checks.box import Host
from checks.framework import CheckError
from sandbox import lifecycle, state
from sandbox.command import SandboxError, run
from sandbox.progress import say

WINDOW_SECONDS, QUICK_SECONDS = 600.0, 60.0
CALM_SECONDS = 20.0
WELL_SECONDS = 180.0
TARGET_MB, TARGET_PERCENT = 35.0, 0.1
WATCHER, HEALER = "mediastack-monitor.service", "mediastack-healer.service"
AUTOHEAL = "bench-autoheal.service"
SCRIPT = "/run/bench-autoheal.sh"
FILTERS = '{"health":["unhealthy"],"label":["autoheal=true"]}'
LOOP = f"""while :; do
  curl --silent --max-time 30 --unix-socket /var/run/docker.sock --get \
    --data-urlencode 'filters={FILTERS}' http://localhost/containers/json |
    jq -r '.[] | .Id, .State' | while read -r unhealthy; do :; done
  sleep 5
done
"""


def resident(host: Host, unit: str) -> float:
    """What a unit's first process weighs, in MB. Raise CheckError when it does not run."""
    pid = box.run(host, f"systemctl show --property MainPID --value {unit}").strip()
    if pid == "0":
        raise CheckError(f"{unit} does not run: nothing to weigh")
    found = box.run(host, f"awk '/^VmRSS/ {{ print $2 }}' /proc/{pid}/status")
    return int(found) / 1024


def processor_seconds(host: Host, unit: str) -> float:
    """The processor time of a unit so far, of all it ever started."""
    used = box.run(host, f"systemctl show --property CPUUsageNSec --value {unit}")
    return int(used) / 1e9


@contextlib.contextmanager
def autoheals_way(host: Host) -> Iterator[None]:
    """The shell loop runs as a unit of its own."""
    if not box.succeeds(host, "command -v curl && command -v jq"):
        install = "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq curl jq"
        box.run(host, f"apt-get update -qq && {install}", timeout=300)
    # A killed run may have left one.
    box.run(host, f"systemctl stop {AUTOHEAL}", check=False)
    box.run(
        host,
        f"cat >{SCRIPT} && systemd-run --quiet --collect --unit {AUTOHEAL} sh {SCRIPT}",
        stdin=LOOP,
    )
    try:
        yield
    finally:
        box.run(host, f"systemctl stop {AUTOHEAL}; rm -f {SCRIPT}", check=False)


def idle(host: Host, seconds: float) -> list[Row]:
    """Memory and processor time while nothing happens."""
    units = (WATCHER, HEALER, AUTOHEAL)
    with autoheals_way(host):
        time.sleep(CALM_SECONDS)
        before = {unit: processor_seconds(host, unit) for unit in units}
        started = time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - started
        percent = {
            unit: 100 * (processor_seconds(host, unit) - before[unit]) / passed for unit in units
        }
        weight = {unit: resident(host, unit) for unit in units}
    both_weigh = weight[WATCHER] + weight[HEALER]
    both_take = percent[WATCHER] + percent[HEALER]
    watcher, healer, shell = (round(weight[unit], 1) for unit in units)
    return [
        Row("window_seconds", "measured for", round(passed), "s"),
        Row("watcher_rss", "watcher, resident", watcher, "MB", at_most=TARGET_MB),
        Row("healer_rss", "healer, resident", healer, "MB"),
        Row("both_rss", "both together, resident", round(both_weigh, 1), "MB", at_most=TARGET_MB),
        Row("shell_rss", "shell loop alone, resident", shell, "MB"),
        Row("watcher_cpu", "watcher, of one core", round(percent[WATCHER], 3), "%"),
        Row("healer_cpu", "healer, of one core", round(percent[HEALER], 3), "%"),
        Row("both_cpu", "both, of one core", round(both_take, 3), "%", at_most=TARGET_PERCENT),
        Row("shell_cpu", "shell loop with curl, of one core", round(percent[AUTOHEAL], 3), "%"),
    ]


def measure(name: str, *, quick: bool) -> list[Row]:
    """Everything, on the deployed box and on this machine."""
    with box.opened(name) as host:
        box.ensure_deployed(host)
        runtime.wait_until_well(host, WELL_SECONDS)
        found = idle(host, QUICK_SECONDS if quick else WINDOW_SECONDS)
    say("  simulated hours")
    hours = monitor_hours.QUICK_HOURS if quick else monitor_hours.HOURS
    return [*found, *monitor_hours.live(hours, seed=0)]


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when something failed, 2 on wrong usage."""
    parser = argparse.ArgumentParser(prog="scripts/bench monitor", description=__doc__)
    parser.add_argument("--box", default=os.environ.get("MEDIASTACK_BOX", "box"))
    parser.add_argument("--quick", action="store_true", help="one minute, three hours")
    options = parser.parse_args(arguments)
    commit = run(["git", "describe", "--always", "--dirty"], check=False).stdout.strip()
    load_before = os.getloadavg()
    there_before = state.load(options.box) is not None
    try:
        found = measure(options.box, quick=options.quick)
    except (BenchError, CheckError, SandboxError) as error:
        print(f"scripts/bench monitor: {error}", file=sys.stderr)
        return 1
    finally:
        if not there_before:
            lifecycle.down(options.box)
    machine = {
        "commit": commit,
        "quick": options.quick,
        "processors": os.cpu_count(),
        "load_before": [round(one, 1) for one in load_before],
        "load_after": [round(one, 1) for one in os.getloadavg()],
    }
    print("\n".join(table(found)))
    if options.quick:
        print("--quick: shorter than what is promised; targets are those of the whole run")
    print(json.dumps({"name": "monitor", **machine, **summary(found)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
