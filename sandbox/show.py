"""`scripts/try`: the whole product on one machine, ending in a table anybody can read.

A box without Docker becomes the stack through the very command a real host gets, `pyinfra
inventory.py deploy.py`, over SSH with a pinned host key; then the smoke checks run and the host is
asked what it runs. Everything is convergent: a second run reuses what exists, and a run that was
interrupted is simply started again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any

from sandbox import box, lifecycle, progress, secrets_file, state
from sandbox.command import SandboxError

SECRETS_FILE = secrets_file.SECRETS_FILE
NEXT_STEPS = """\
A real host, in five steps (README.md has them in full):
  1. put its address into inventory.local.py     2. your time zone and VPN into settings.local.toml
  3. your WireGuard key into secrets.toml        4. scripts/setup
  5. .venv/bin/pyinfra inventory.py deploy.py

Look around in the box: .venv/bin/python -m sandbox shell      Remove it: scripts/try --down"""


def main(arguments: list[str]) -> int:
    """Up, deploy, check, show; or down. 0 when everything is healthy."""
    parser = argparse.ArgumentParser(prog="scripts/try", description=__doc__)
    parser.add_argument("--yes", action="store_true", help="install what is missing, unasked")
    parser.add_argument("--down", action="store_true", help="remove every trace")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        if options.down:
            lifecycle.down(assume_yes=options.yes)
            return 0
        made = lifecycle.up(assume_yes=options.yes)
        ensure_secrets()
        deploy(made)
        smoke(made)
        report = status(made)
    except SandboxError as error:
        progress.say(f"scripts/try: {error}")
        return 1
    except KeyboardInterrupt:
        progress.say("scripts/try: interrupted; started again it goes on from here")
        return 130
    print("\n".join(table(report)))
    print(f"\n{report['verdict']} ({time.monotonic() - started:.0f} s)\n\n{NEXT_STEPS}")
    return 0 if not report["attention"] else 1


def ensure_secrets() -> None:
    """The sandbox's own WireGuard key, made when it is missing (secrets_file.py)."""
    secrets_file.ensure()


def deploy(made: state.Box) -> None:
    """Run the deploy as a user would. Raise SandboxError when it fails."""
    environment = {**os.environ, "MEDIASTACK_BOX": made.name}
    command = [f"{sys.prefix}/bin/pyinfra", "inventory.py", "deploy.py", "-y"]
    progress.say(f"$ pyinfra {' '.join(command[1:])}    (box {made.address})")
    with progress.step("deploy"):
        done = subprocess.run(command, cwd=state.ROOT, env=environment, check=False)
    if done.returncode:
        raise SandboxError("the deploy failed (see above); started again it goes on from there")


def smoke(made: state.Box) -> None:
    """Run the smoke checks against the box. Raise SandboxError when one fails."""
    environment = {**os.environ, "MEDIASTACK_BOX": made.name}
    progress.say("$ scripts/smoke")
    with progress.step("smoke checks"):
        done = subprocess.run(["scripts/smoke"], cwd=state.ROOT, env=environment, check=False)
    if done.returncode:
        raise SandboxError("a smoke check failed (see above)")


def status(made: state.Box) -> dict[str, Any]:
    """What the host says of itself: the report of `stack-manage.sh status --json`."""
    command = [*box.ssh_arguments(made), "stack-manage.sh status --json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SandboxError(f"the box does not tell its status: {done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def table(report: dict[str, Any]) -> list[str]:
    """One line per service: name, stack, zone, state, URL."""
    rows = [("SERVICE", "STACK", "ZONE", "STATE", "URL")]
    for one in report["services"]:
        health = "" if one["health"] == "none" else f", {one['health']}"
        rows.append(
            (one["service"], one["stack"], one["zone"], one["state"] + health, one["url"] or "-")
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]])
        for row in rows
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
