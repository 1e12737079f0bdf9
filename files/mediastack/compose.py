"""The Compose command line: the one way in which containers are created.

Every call names project, directory and files in full, so it does not matter where it is made from
or what COMPOSE_* variables are around. Output goes to stderr as it comes (a pull may take minutes);
its last lines become the error.
"""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

UP_SECONDS = 600
CONFIG_SECONDS = 30
PULL_SECONDS = 3600
PULL_ATTEMPTS = 3
PULL_PAUSE_SECONDS = 5.0
ERROR_LINES = 6
# What no repetition mends.
HOPELESS = ("manifest unknown", "not found", "denied", "unauthorized", "no space left")

Run = Callable[[Sequence[str], float], None]


class ComposeError(Exception):
    """A compose call failed; the message holds its last lines."""


def command(config: Mapping[str, Any], stack: str, *arguments: str) -> list[str]:
    """Return the argument vector of a compose call for one stack."""
    directory = os.path.join(config["paths"]["program"], "stacks", stack)
    files = ["-f", f"{directory}/compose.yaml"]
    if os.path.exists(f"{directory}/images.yaml"):
        files += ["-f", f"{directory}/images.yaml"]
    return [
        *("docker", "compose", "--project-name", f"mediastack-{stack}"),
        *("--project-directory", directory, *files, *arguments),
    ]


def up(
    config: Mapping[str, Any],
    stack: str,
    services: Sequence[str],
    *,
    recreate: bool,
    run: Run | None = None,
) -> None:
    """Create and start (or recreate) exactly these services. Raise ComposeError.

    --no-deps, because the order is the caller's business; --pull never, because images are too.
    """
    force = ["--force-recreate"] if recreate else []
    arguments = ["up", "-d", "--no-deps", *force, "--pull", "never", *services]
    (run or execute)(command(config, stack, *arguments), UP_SECONDS)


def down(
    config: Mapping[str, Any], stack: str, services: Sequence[str] = (), *, run: Run | None = None
) -> None:
    """Stop and remove these services, or with none given the whole stack. Raise ComposeError."""
    arguments = ["rm", "--stop", "--force", *services] if services else ["down"]
    (run or execute)(command(config, stack, *arguments), UP_SECONDS)


def pull(
    config: Mapping[str, Any],
    stack: str,
    services: Sequence[str],
    *,
    run: Run | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Pull the images of these services (none given: all), again when the network failed."""
    for attempt in range(1, PULL_ATTEMPTS + 1):
        try:
            (run or execute)(command(config, stack, "pull", *services), PULL_SECONDS)
            return
        except ComposeError as error:
            hopeless = any(words in str(error).lower() for words in HOPELESS)
            if hopeless or attempt == PULL_ATTEMPTS:
                raise
            print(f"mediastack: pull failed, trying again: {error}", file=sys.stderr)
            sleep(PULL_PAUSE_SECONDS * attempt)


def described(config: Mapping[str, Any], stack: str, service: str) -> dict[str, Any]:
    """Return one service as Compose reads it: environment with that of its file, mounts, image.

    Raise ComposeError.
    """
    arguments = command(config, stack, "config", "--format", "json", service)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COMPOSE_")}
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CONFIG_SECONDS,
            check=False,
            env=environment,
        )
        # Printed so that Compose could read it again, which doubles each dollar.
        found: dict[str, Any] = json.loads(done.stdout.replace("$$", "$"))["services"][service]
    except subprocess.TimeoutExpired as error:
        raise ComposeError(f"no end after {CONFIG_SECONDS} s") from error
    except OSError as error:
        raise ComposeError(f"{arguments[0]}: {error.strerror}; install Docker Compose") from error
    except (ValueError, KeyError) as error:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        problem = "; ".join(lines[-ERROR_LINES:])
        raise ComposeError(problem or f"it does not describe {service}") from error
    return found


def execute(arguments: Sequence[str], timeout_seconds: float) -> None:
    """Run a command, echoing its output on stderr. Raise ComposeError if it fails or is late."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COMPOSE_")}
    lines: collections.deque[str] = collections.deque(maxlen=ERROR_LINES)
    late = threading.Event()
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**environment, "COMPOSE_ANSI": "never"},
        )
    except OSError as error:
        raise ComposeError(f"{arguments[0]}: {error.strerror}; install Docker Compose") from error

    def give_up() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(timeout_seconds, give_up)
    timer.start()
    try:
        with process:
            for line in process.stdout or ():
                print(line.rstrip(), file=sys.stderr)
                if line.strip():
                    lines.append(line.strip())
    finally:
        timer.cancel()
    if late.is_set():
        raise ComposeError(f"no end after {timeout_seconds:g} s; " + "; ".join(lines))
    if process.returncode != 0:
        raise ComposeError("; ".join(lines) or f"exit code {process.returncode}")
