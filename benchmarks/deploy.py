"""What a deploy costs that has nothing to do: seconds, and commands sent to the host.

Each round runs the real command against a deployed sandbox box (MEDIASTACK_BOX) beside an empty
pyinfra deploy on the same host, so that the difference is ours and the machine's mood is not.
Prints one JSON line: medians in seconds, the ratio, and the number of remote commands.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYINFRA = f"{sys.prefix}/bin/pyinfra"


def run(deploy: str, *options: str) -> tuple[float, str]:
    """Seconds and output of one run. Raise CalledProcessError."""
    started = time.monotonic()
    done = subprocess.run(
        [PYINFRA, "inventory.py", deploy, "-y", *options],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return time.monotonic() - started, done.stdout + done.stderr


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench deploy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    with tempfile.NamedTemporaryFile("w", suffix=".py", dir=ROOT, prefix=".empty-") as empty:
        run("deploy.py")  # whatever was left to do is done here
        pairs = [(run("deploy.py")[0], run(empty.name)[0]) for _ in range(options.rounds)]
    verbose = run("deploy.py", "-vvv")[1]
    ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    figures = {
        "name": "deploy",
        "rounds": options.rounds,
        "no_op_seconds": round(ours, 2),
        "empty_pyinfra_seconds": round(bare, 2),
        "ratio": round(ours / bare, 1),
        "remote_commands": verbose.count(">>> "),
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
