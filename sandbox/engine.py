"""The Docker engine that carries the sandbox: use the one that answers, else install and start it.

A fresh disposable machine has neither Docker nor systemd, so dockerd is started in the background.
What a killed run leaves (a stale pid file, no engine) is normal. On somebody's own machine nothing
is installed before they agreed. Podman, Docker Desktop and rootless engines cannot boot systemd in
a container the way the box needs, so they are refused by name instead of failing half-way.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from sandbox import progress
from sandbox.command import SandboxError, output, run, succeeds

PID_FILE = Path("/var/run/docker.pid")
LOG_FILE = Path("/var/log/mediastack-dockerd.log")
START_TIMEOUT_SECONDS = 60.0
# Program -> Debian package that brings it.
PROGRAMS = {
    "dockerd": "docker.io",
    "docker": "docker-cli",
    "mmdebstrap": "mmdebstrap",
    "ssh-keygen": "openssh-client",
    "ssh": "openssh-client",
    "iptables": "iptables",
    "ip6tables": "iptables",
}


def ensure(assume_yes: bool = False) -> None:
    """See to it that a usable engine answers and the programs of the sandbox are there.

    Raises SandboxError when something is missing and must not be installed, or the engine is of a
    kind that cannot carry a box.
    """
    answers = shutil.which("docker") is not None and _answers()
    wanted = set(PROGRAMS) - {"dockerd"} if answers else set(PROGRAMS)
    missing = {program for program in wanted if shutil.which(program) is None}
    if missing:
        _install(missing, assume_yes)
    if not answers:
        _start(assume_yes)
    _check_kind()


def wake(assume_yes: bool = False) -> None:
    """Start the engine where one is installed and none answers: what it holds is there all the
    same. Raises SandboxError like `ensure`."""
    if shutil.which("dockerd") is not None and not _answers():
        _start(assume_yes)


def _answers() -> bool:
    return succeeds(["docker", "version", "--format", "{{.Server.Version}}"], timeout=20)


def _systemd_runs() -> bool:
    return Path("/run/systemd/system").is_dir()


def _may_change(question: str, assume_yes: bool) -> None:
    """Return when this machine is disposable, `--yes` was given, or the user says yes."""
    disposable = os.geteuid() == 0 and not _systemd_runs()
    if disposable or assume_yes:
        return
    if not sys.stdin.isatty():
        raise SandboxError(f"{question} not done without a yes; fix: add --yes, or do it yourself")
    if input(f"{question} Go on? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise SandboxError("stopped: nothing was changed")


def _install(programs: set[str], assume_yes: bool) -> None:
    packages = sorted({PROGRAMS[program] for program in programs})
    if shutil.which("apt-get") is None:
        raise SandboxError(f"missing: {', '.join(sorted(programs))}; fix: install them")
    if "docker.io" in packages and "docker-cli" in packages:
        # Debian 12 ships the client inside docker.io; since Debian 13 it is a package of its own.
        known = output(["apt-cache", "search", "--names-only", "^docker-cli$"])
        if not known:
            packages.remove("docker-cli")
    _may_change(f"This installs {', '.join(packages)} on this machine.", assume_yes)
    if os.geteuid() != 0:
        raise SandboxError(f"fix: sudo apt-get install {' '.join(packages)}")
    with progress.step(f"installing {', '.join(packages)}"):
        run(["apt-get", "update", "-qq"])
        environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
        run([*environment, *install, *packages])


def _start(assume_yes: bool) -> None:
    if os.geteuid() != 0:
        raise SandboxError(
            "no Docker engine answers; fix: start it (sudo systemctl start docker) and be a "
            "member of the group docker"
        )
    _may_change("No Docker engine answers: this starts one.", assume_yes)
    with progress.step("starting the Docker engine"):
        if _systemd_runs():
            run(["systemctl", "start", "docker"])
        else:
            _remove_stale_pid_file()
            with LOG_FILE.open("ab") as log:
                process = subprocess.Popen(
                    ["dockerd"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            _wait_until_it_answers(process)


def _remove_stale_pid_file() -> None:
    """Remove the pid file of an engine that is gone (dockerd refuses to start otherwise)."""
    try:
        pid = int(PID_FILE.read_text(encoding="ascii").strip())
    except (FileNotFoundError, ValueError):
        PID_FILE.unlink(missing_ok=True)
        return
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        name = ""
    if name != "dockerd":
        PID_FILE.unlink(missing_ok=True)


def _wait_until_it_answers(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if _answers():
            return
        if process.poll() is not None:
            tail = LOG_FILE.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
            raise SandboxError("dockerd ended at once:\n" + "\n".join(tail))
        time.sleep(0.3)
    raise SandboxError(f"dockerd did not answer in {START_TIMEOUT_SECONDS:.0f} s; see {LOG_FILE}")


def _check_kind() -> None:
    version = json.loads(output(["docker", "version", "--format", "{{json .Server}}"]))
    components = " ".join(part.get("Name", "") for part in version.get("Components") or [])
    if "podman" in components.lower():
        raise SandboxError("Podman cannot boot the box; fix: use Docker Engine (docker.io)")
    info = json.loads(output(["docker", "info", "--format", "{{json .}}"]))
    if "docker desktop" in str(info.get("OperatingSystem", "")).lower():
        raise SandboxError("Docker Desktop cannot boot the box; fix: use Docker Engine on Linux")
    if any("rootless" in option for option in info.get("SecurityOptions") or []):
        raise SandboxError("a rootless engine cannot boot the box; fix: use the system engine")
    if info.get("OSType") != "linux":
        raise SandboxError(f"the engine runs {info.get('OSType')} containers; fix: use Linux")
