"""The deployed box for tests of user flows: deploys with settings of their own, and what is there.

What a test believes comes from Docker, the disk and exit codes in the box, over SSH, never from the
product's own programs (unless these are what is tested).
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import tomli_w

from checks import box
from checks.box import Host
from sandbox.state import ROOT

NAME = os.environ.get("MEDIASTACK_BOX", "box").partition(",")[0]
# Of the lane beside it; made by the first check that wants it.
SECOND = f"{NAME}-second"
SETTINGS = (ROOT / "sandbox" / "settings.toml").read_text(encoding="utf-8")
STACK_MANAGE = "/usr/local/sbin/stack-manage.sh"
# What no deploy may touch when it refuses: paths whose content only a deploy changes.
DEPLOYED = ("/opt/mediastack/", "/etc/", "/usr/local/")

USER, PASSWORD = "household", "/etc/mediastack/secrets/ntfy/admin_password"
# The program comes over stdin: no password in a process list.
POLL = """
import base64, json, urllib.request
password = open({password!r}).read().strip()
request = urllib.request.Request({url!r})
word = base64.b64encode(f"{user}:{{password}}".encode()).decode()
request.add_header("Authorization", f"Basic {{word}}")
with urllib.request.urlopen(request, timeout=5) as answer:
    print(json.dumps([json.loads(line) for line in answer]))
"""


class Outcome(NamedTuple):
    """How a command in the box ended, and what it printed."""

    code: int
    printed: str


def execute(host: Host, command: str) -> Outcome:
    """Run a shell command in the box, whatever its exit code."""
    done = subprocess.run(
        [*box.arguments(host), command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout + done.stderr)


def manage(host: Host, *words: str) -> Outcome:
    """Run stack-manage.sh in the box."""
    return execute(host, shlex.join([STACK_MANAGE, *words]))


def settings_file(directory: Path, more: str) -> Path:
    """The sandbox's settings with these tables laid over them, as a file."""
    tables = tomllib.loads(SETTINGS)
    for name, table in tomllib.loads(more).items():
        tables[name] = {**tables.get(name, {}), **table}
    path = directory / "settings.toml"
    path.write_text(tomli_w.dumps(tables), encoding="utf-8")
    return path


@contextmanager
def with_settings(path: Path) -> Iterator[None]:
    """Deploys in the block take their settings from this file."""
    with mock.patch.dict(os.environ, {"MEDIASTACK_SANDBOX_SETTINGS": str(path)}):
        yield


def pyinfra(sources: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    """Start a deploy of these sources in a session of its own, everything printed to one pipe."""
    keep = {key: value for key, value in os.environ.items() if not key.startswith("MEDIASTACK_")}
    return subprocess.Popen(
        [f"{sys.prefix}/bin/pyinfra", "inventory.py", "deploy.py", *(options or ("-y",))],
        cwd=sources,
        env={**keep, **environment, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def containers(host: Host) -> dict[str, dict[str, Any]]:
    """{name: docker's inspect result} of every container in the box."""
    listed = box.run(host, "docker ps -aq --no-trunc | xargs -r docker inspect")
    return {one["Name"].lstrip("/"): one for one in json.loads(listed or "[]")}


def ids(host: Host) -> dict[str, str]:
    """{name: id} of every container in the box."""
    return {name: one["Id"] for name, one in containers(host).items()}


def state(host: Host, name: str) -> str:
    """Docker's word for a container: its health where it has a check, else its status."""
    found = containers(host).get(name)
    if found is None:
        return "absent"
    status, health = found["State"]["Status"], found["State"].get("Health")
    return str(health["Status"] if status == "running" and health else status)


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds; say whether it did in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.25)
    return True


def managed_files(host: Host) -> dict[str, Any]:
    """{path: mode, owner, inode, time, content hash} of what a deploy writes."""
    files: dict[str, Any] = box.inside(host, "snapshot")["files"]
    return {path: entry for path, entry in files.items() if path.startswith(DEPLOYED)}


def messages(host: Host) -> list[dict[str, Any]]:
    """The messages that ntfy has kept, read as the user's phone would."""
    config = tomllib.loads(box.run(host, "cat /etc/mediastack/mediastack.toml"))["notify"]
    url = f"{config['url']}/{config['topic']}/json?poll=1"
    program = POLL.format(password=PASSWORD, url=url, user=USER)
    found: list[dict[str, Any]] = json.loads(box.run(host, "python3 -", stdin=program))
    return found
