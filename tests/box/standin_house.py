"""What the tests of the stand-ins share: start one on the outer engine, ask it, watch it end."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

RUN = uuid.uuid4().hex[:8]

Start = Callable[..., str]


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *arguments], check=check, capture_output=True, text=True)
    return (done.stdout + (done.stderr if not check else "")).strip()


def dropped(*capabilities: str) -> list[str]:
    return ["--cap-drop=ALL", *(f"--cap-add={capability}" for capability in capabilities)]


def mounted(tmp_path: Path, target: str, uid: int = 1000) -> list[str]:
    state = tmp_path / target.strip("/").replace("/", "-")
    state.mkdir()
    os.chown(state, uid, uid)
    state.chmod(0o750)
    return ["--volume", f"{state}:{target}"]


def ask(container: str, url: str, *options: str, tool: str = "curl") -> str:
    """Status and body of a GET from inside the container."""
    script = (
        "import sys, urllib.request as u, urllib.error as e\n"
        "url, method, body, *headers = sys.argv[1:]\n"
        "pairs = dict(h.split(': ', 1) for h in headers)\n"
        "q = u.Request(url, method=method, data=body.encode() or None, headers=pairs)\n"
        "try: r = u.urlopen(q, timeout=5)\n"
        "except e.HTTPError as error: r = error\n"
        "print(r.status, r.read().decode())\n"
    )
    words = list(options) or ["GET", ""]
    return docker("exec", container, "python3", "-c", script, url, *words, check=False)


def answers(container: str, url: str, wanted: str, seconds: float = 10) -> str:
    """Ask until the answer starts with `wanted`; the last answer either way."""
    deadline = time.monotonic() + seconds
    answer = ""
    while time.monotonic() < deadline:
        answer = ask(container, url)
        if answer.startswith(wanted):
            return answer
        time.sleep(0.1)
    return answer


def ended(container: str, seconds: float = 10) -> int | None:
    """The exit code once the container has ended, None when it still runs after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        running, code = docker(
            "inspect", "--format", "{{.State.Running}} {{.State.ExitCode}}", container
        ).split()
        if running == "false":
            return int(code)
        time.sleep(0.1)
    return None
