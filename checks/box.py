"""The box a check looks at: up, deployed from a frozen copy, and reached over SSH.

One multiplexed connection carries the check's own commands (a few milliseconds each); pyinfra makes
its own, as a user's would. What was deployed is read from pyinfra's JSON result.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks import checkout
from checks.framework import CheckError
from sandbox import box as sandbox_box
from sandbox import lifecycle, show, state
from sandbox.progress import say

INSIDE = Path(__file__).parent / "inside"
DEPLOY_TIMEOUT_SECONDS = 900.0
COMMAND_TIMEOUT_SECONDS = 120.0
RECORDER_END_SECONDS = 30.0
# The program comes over stdin, so its arguments do too: nothing shows in a process list.
FOOTER = "\nimport json as _json\nprint(_json.dumps(main(**_json.loads({arguments!r}))))\n"


@dataclass(frozen=True)
class Host:
    """A box with the connection and the sources of this run."""

    name: str
    box: state.Box
    sources: Path
    control: str


@dataclass(frozen=True)
class Deployed:
    """What one run of pyinfra said; `changed` are operations (with --dry: that would change)."""

    code: int
    changed: list[str]
    failed: list[str]
    seconds: float
    output: str


@contextlib.contextmanager
def opened(name: str) -> Iterator[Host]:
    """The box `name`, made when it is missing. Raise SandboxError when it cannot be."""
    found = state.load(name)
    if found is None or not sandbox_box.succeeds_over_ssh(found):
        found = lifecycle.up(name, assume_yes=True)
    if not show.SECRETS_FILE.exists():
        with state.exclusive():
            show.ensure_secrets()
    with checkout.frozen() as sources, tempfile.TemporaryDirectory(prefix="ssh-") as directory:
        host = Host(name, found, sources, f"{directory}/%C")
        try:
            yield host
        finally:
            hang_up(host)


def arguments(host: Host, *, shared: bool = True) -> list[str]:
    """The ssh command line; `shared`: over the run's one connection."""
    *options, destination = sandbox_box.ssh_arguments(host.box)
    options += ["-o", "ServerAliveInterval=3", "-o", "ServerAliveCountMax=3"]
    if shared:
        options += ["-o", "ControlMaster=auto", "-o", "ControlPersist=60"]
        options += ["-o", f"ControlPath={host.control}"]
    return [*options, destination]


def hang_up(host: Host) -> None:
    """End the shared connection: before a reboot, and at the end."""
    *options, destination = arguments(host)
    subprocess.run([*options, "-O", "exit", destination], check=False, capture_output=True)


def run(
    host: Host,
    command: str,
    *,
    check: bool = True,
    stdin: str = "",
    shared: bool = True,
    timeout: float = COMMAND_TIMEOUT_SECONDS,
) -> str:
    """Run a shell command in the box; return its output. Raise CheckError when it fails."""
    try:
        done = subprocess.run(
            [*arguments(host, shared=shared), command],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CheckError(f"`{command[:80]}` took over {timeout:.0f} s in the box") from error
    if check and done.returncode != 0:
        tail = (done.stderr.strip() or done.stdout.strip())[-800:]
        raise CheckError(f"`{command[:80]}` ended with {done.returncode} in the box: {tail}")
    return done.stdout


def succeeds(host: Host, command: str, *, timeout: float = COMMAND_TIMEOUT_SECONDS) -> bool:
    """Whether a shell command exits 0 in the box."""
    done = subprocess.run(
        [*arguments(host), command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode == 0


def inside(host: Host, program: str, *, wrapper: str = "", **values: Any) -> Any:
    """What the program inside/<program>.py returns in the box; `wrapper` goes before python3."""
    source = (INSIDE / f"{program}.py").read_text(encoding="utf-8")
    script = source + FOOTER.format(arguments=json.dumps(values))
    return json.loads(run(host, f"{wrapper} python3 -", stdin=script).splitlines()[-1])


@contextlib.contextmanager
def recorded(host: Host, command: str, into: Path) -> Iterator[None]:
    """Run a command in the box for as long as the context lasts, its output going to a file."""
    # It ends with our end of the pipe, so also when we are killed: nothing is left in the box.
    script = f"{command} & child=$!; cat >/dev/null; kill -TERM $child; wait $child"
    with into.open("wb") as stream:
        process = subprocess.Popen(
            [*arguments(host, shared=False), script],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        finally:
            process.communicate(timeout=RECORDER_END_SECONDS)


def reboot(host: Host, *, hard: bool = False) -> None:
    """Restart the box (`hard`: as if the power failed); return when it is booted."""
    hang_up(host)
    sandbox_box.reboot(host.name, hard=hard)


def deploy(
    host: Host,
    *options: str,
    sources: Path | None = None,
    check: bool = True,
    as_json: bool = True,
) -> Deployed:
    """Run pyinfra as a user would. With `check` raise CheckError when it fails.

    Without `as_json` the output is what a user sees, and no operation is named.
    """
    command = [f"{sys.prefix}/bin/pyinfra", "inventory.py", "deploy.py"]
    command += [*(options or ("-y",)), *(["--json"] if as_json else [])]
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=sources or host.sources,
        env={**os.environ, "MEDIASTACK_BOX": host.name, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=DEPLOY_TIMEOUT_SECONDS,
        check=False,
    )
    seconds = time.monotonic() - started
    changed, failed = _read(done.stdout, dry="--dry" in options)
    if check and (done.returncode or failed):
        tail = "\n".join(done.stderr.strip().splitlines()[-15:])
        raise CheckError(f"the deploy of box {host.name} ended with {done.returncode}:\n{tail}")
    return Deployed(done.returncode, changed, failed, seconds, done.stdout + done.stderr)


def ensure_deployed(host: Host) -> Deployed:
    """Deploy the frozen copy: seconds when the box has it already."""
    done = deploy(host)
    say(f"  box {host.name}: deployed in {done.seconds:.0f} s, {len(done.changed)} changed")
    return done


def _read(output: str, *, dry: bool) -> tuple[list[str], list[str]]:
    """(changed, failed) operation names of pyinfra's JSON; ([], []) when it printed none."""
    try:
        document = json.loads(output)
    except ValueError:
        return [], []
    if dry:
        keys = ("hosts_with_change", "hosts_with_conditional_change")
        planned = document["plan"] or []
        return [one["name"] for one in planned if any(one[key] for key in keys)], []
    results = (document["results"] or {}).get("operations", [])
    changed = [one["name"] for one in results if one["success"]]
    return changed, [one["name"] for one in results if one["error"]]
