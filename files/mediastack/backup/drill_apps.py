"""Does an app start on what was restored? Each alone (drill_container), by its own health check.

An app whose API wants a key is asked with the restored one, too: what answers to it has read its
database. No container outlives the drill; what a killed one leaves, the next sweep removes, and a
Compose under way dies with us: it could make one after that sweep.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mediastack import compose, known_secrets
from mediastack.backup import drill_container
from mediastack.backup.drill_container import HEADER, LABEL, PROJECT, Places
from mediastack.docker_client import Docker, DockerError, NotReachable

# Beyond what a slow machine needs for a start; sick or ended it is not waited for.
HEALTH_SECONDS = 600.0
POLL_SECONDS = 0.5
UP_SECONDS = 120.0
# util-linux: the kernel kills it when we are gone.
WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
ASK_SECONDS = 30
LONGEST_WORDS = 200
# Sonarr and its kin keep their key in config.xml, and take it as a header: what only answers to it
# reads the database (docs of each API: "system/status").
API_KEY = re.compile(r"<ApiKey>\s*([^<\s]+)\s*</ApiKey>")
KEYED = {
    "sonarr": "/api/v3/system/status",
    "radarr": "/api/v3/system/status",
    "lidarr": "/api/v1/system/status",
    "prowlarr": "/api/v1/system/status",
}


class Answer(NamedTuple):
    """What an app did: `problem` is "" when it was well; `said` is a word for the user."""

    problem: str = ""
    said: str = ""


def ask(
    config: Mapping[str, Any], docker: Docker, service: str, image: str, places: Places
) -> Answer:
    """Start a service on its restored state from this image, return what it made of it, and remove
    it. Raise NotReachable, ComposeError, OSError."""
    described = compose.described(config, config["services"][service]["stack"], service)
    key = api_key(service, places)
    wanted = drill_container.description(
        config, service, {**described, "image": image}, places, keyed=bool(key)
    )
    name = f"{PROJECT}-{service}"
    started = time.monotonic()
    try:
        up(service, wanted, key, places)
        problem = await_health(docker, name)
        seconds = time.monotonic() - started
        if not problem and key:
            problem = refused(config, service, name)
        if problem:
            return Answer(problem + last_words(docker, name))
        return Answer(said=f"well after {seconds:.1f} s{', takes its key' if key else ''}")
    finally:
        remove(docker, name)


def up(service: str, wanted: Mapping[str, Any], key: str, places: Places) -> None:
    """Create and start the container. Raise ComposeError, OSError."""
    file = os.path.join(places.scratch, f"{service}.json")
    if key:
        _write(os.path.join(places.scratch, "header"), f"X-Api-Key: {key}\n")
    # A dollar would begin a variable.
    text = json.dumps({"name": PROJECT, "services": {service: wanted}}).replace("$", "$$")
    _write(file, text)
    arguments = [
        *("docker", "compose", "--project-name", PROJECT, "--project-directory", places.scratch),
        *("-f", file, "up", "-d", "--no-deps", "--pull", "never", service),
    ]
    done = _run(arguments, UP_SECONDS)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise compose.ComposeError("; ".join(lines[-2:]) or f"exit code {done.returncode}")


def await_health(docker: Docker, name: str, seconds: float = HEALTH_SECONDS) -> str:
    """Return "" as soon as a container is healthy, else why it will not be. Raise NotReachable."""
    deadline = time.monotonic() + seconds
    while (found := docker.inspect(name)) is not None:
        state = found["State"]
        health = (state.get("Health") or {}).get("Status", "none")
        if state["Status"] not in ("created", "running"):
            return f"ended with {state.get('ExitCode', '?')}"
        if health == "healthy":
            return ""
        if health == "unhealthy":
            return "is not well"
        if health == "none" and state["Status"] == "running":
            return "has no health check"
        if time.monotonic() > deadline:
            return f"is not well after {seconds:.0f} s"
        time.sleep(POLL_SECONDS)
    return "was removed by somebody"


def api_key(service: str, places: Places) -> str:
    """Return the key in the restored configuration of an app whose API asks for one, else ""."""
    if service in KEYED:
        with contextlib.suppress(OSError, ValueError):
            with open(os.path.join(places.state, "config.xml"), encoding="utf-8") as stream:
                found = API_KEY.search(stream.read())
            return found[1] if found else ""
    return ""


def refused(config: Mapping[str, Any], service: str, name: str) -> str:
    """Return why an app's API does not answer to its restored key, "" when it does.

    The key is in a file inside: a command line shows."""
    url = f"http://127.0.0.1:{config['services'][service]['port']}{KEYED[service]}"
    asked = ("curl", "-fsS", "-o", "/dev/null", "-m", str(ASK_SECONDS), "-H", f"@{HEADER}", url)
    done = _run(("docker", "exec", name, *asked), 2 * ASK_SECONDS)
    if done.returncode == 0:
        return ""
    return f"does not answer to its key: {done.stderr.strip() or done.returncode}"


def last_words(docker: Docker, name: str) -> str:
    """Return the last line that a container printed, without secrets, in brackets; "" for none."""
    with contextlib.suppress(DockerError, NotReachable, OSError):
        lines = [line.partition(" ")[2].strip() for line in docker.logs(name, 0.0).splitlines()]
        said = next((line for line in reversed(lines) if line), "")
        words = known_secrets.of_this_house()(said)[-LONGEST_WORDS:]
        return f" ({words})" if words else ""
    return ""


def remove(docker: Docker, name: str) -> None:
    """Remove a container of the drill; fine when it is gone. Raise NotReachable."""
    with contextlib.suppress(DockerError):
        docker.remove(name, 0)


def sweep(docker: Docker) -> None:
    """Remove every container that a drill has left. Raise NotReachable."""
    for left in docker.containers(LABEL):
        remove(docker, left["Id"])


def _write(path: str, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


def _run(arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Raise ComposeError when it is late or not there."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COMPOSE_")}
    try:
        return subprocess.run(
            [*WITH_US, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env={**environment, "COMPOSE_ANSI": "never"},
        )
    except subprocess.TimeoutExpired as error:
        raise compose.ComposeError(f"{arguments[0]}: no end after {seconds:g} s") from error
    except OSError as error:
        raise compose.ComposeError(f"{arguments[0]}: {error.strerror}") from error
