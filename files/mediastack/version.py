"""`version`: the release that the deploy put here, and the Docker and Compose it works with.

The release is read from mediastack.toml rather than from this package, so that a half-finished
deploy shows; a missing Docker is part of the answer, not a failure.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

from mediastack import config

TIMEOUT_SECONDS = 10
COMMANDS = (
    ("docker", ("docker", "version", "--format", "{{.Server.Version}}")),
    ("docker compose", ("docker", "compose", "version", "--short")),
)


def main(arguments: list[str]) -> int:
    """Verb `version`. Raise config.ConfigError when there is no deployed configuration."""
    if arguments:
        print("usage: mediastack version", file=sys.stderr)
        return 2
    print("\n".join(lines(config.load()["release"])))
    return 0


def lines(release: str, ask: Callable[[Sequence[str]], str] | None = None) -> list[str]:
    """Given a release, return it and the versions that `ask` (command -> answer) tells."""
    ask = ask or answer
    return [f"mediastack {release}"] + [f"{name} {ask(command)}" for name, command in COMMANDS]


def answer(command: Sequence[str]) -> str:
    """Run a command and return its first line, or why there is none."""
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "not available"
    # Docker prints an empty template result on stdout when its server is away.
    words = result.stdout.strip().splitlines()
    return words[0] if result.returncode == 0 and words else "not reachable"
