"""How each one is run against a box: our deploy, an empty pyinfra, Ansible, the shell script.

All are started as a user starts them, as processes of their own, with the same freedom to keep
their bytecode. All reach the box with one key and a pinned host key, directly or through a relay.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import relay
from sandbox import box as sandbox_box
from sandbox.state import ROOT, Box

HERE = Path(__file__).parent
VENV = ROOT / ".venv-bench"
PYINFRA = f"{sys.prefix}/bin/pyinfra"
SETTINGS = "benchmarks/one.toml"
RELAYED = """\
import runpy
_there = {{"ssh_hostname": {address!r}, "ssh_port": {port}, "ssh_known_hosts_file": {known!r}}}
hosts = [(name, {{**data, **_there}}) for name, data in runpy.run_path("inventory.py")["hosts"]]
"""


@dataclass(frozen=True)
class Run:
    """One run: how long it took, what it printed, how many steps it says changed something."""

    seconds: float
    output: str
    changed: int


class BenchError(Exception):
    """A contestant failed; its figures would mean nothing."""


def timed(
    command: list[str], environment: dict[str, str] | None = None, *, stdin: bytes = b""
) -> tuple[float, str]:
    """Seconds and output of a command. Raise BenchError when it fails."""
    around = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, input=stdin, env={**around, **(environment or {})}, capture_output=True,
        check=False,
    )  # fmt: skip
    seconds = time.monotonic() - started
    output = (done.stdout + done.stderr).decode(errors="replace")
    if done.returncode:
        tail = "\n".join(output.strip().splitlines()[-25:])
        raise BenchError(f"{Path(command[0]).name} ended with {done.returncode}:\n{tail}")
    return seconds, output


def prepare() -> None:
    """Make .venv-bench as its requirements say, compiled. Raise BenchError."""
    stamp = VENV / ".stamp"
    wanted = (HERE / "requirements.txt").read_text(encoding="utf-8")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    timed([sys.executable, "-m", "venv", "--clear", str(VENV)])
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode"]
    timed([*uv, "--python", f"{VENV}/bin/python", "-r", str(HERE / "requirements.txt")])
    stamp.write_text(wanted, encoding="utf-8")


def pyinfra(
    deploy: str, boxes: str, inventory: str, *options: str, settings: str = SETTINGS
) -> Run:
    """Run a deploy against these boxes (names with commas between)."""
    environment = {"MEDIASTACK_BOX": boxes, "MEDIASTACK_SANDBOX_SETTINGS": settings}
    seconds, output = timed([PYINFRA, inventory, deploy, "-y", *options], environment)
    total = re.search(r"Grand total +(\S+) +(\S+)", output)
    return Run(seconds, output, int(total[2]) if total and total[2] != "-" else 0)


def ours(
    boxes: str, inventory: str = "inventory.py", *options: str, settings: str = SETTINGS
) -> Run:
    """Our deploy."""
    return pyinfra("deploy.py", boxes, inventory, *options, settings=settings)


def empty(boxes: str, inventory: str = "inventory.py") -> Run:
    """A deploy of pyinfra's that asks and does nothing: what of our time is not ours."""
    with tempfile.NamedTemporaryFile("w", suffix=".py", dir=ROOT, prefix=".empty-") as deploy:
        return pyinfra(deploy.name, boxes, inventory)


def ansible(box: Box, exported: Path, home: Path) -> Run:
    """The playbook. Runs with the same `home` share a connection that stays open for a minute."""
    options = {"UserKnownHostsFile": box.known_hosts, "GlobalKnownHostsFile": "/dev/null"}
    options |= {"IdentitiesOnly": "yes", "LogLevel": "ERROR"}
    variables = {
        "ansible_host": box.address,
        "ansible_port": box.ssh_port,
        "ansible_user": box.user,
        "ansible_ssh_private_key_file": box.key,
        "ansible_ssh_common_args": " ".join(f"-o {key}={value}" for key, value in options.items()),
    }
    inventory = home / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": {box.name: variables}}}), encoding="utf-8")
    command = [f"{VENV}/bin/ansible-playbook", "-i", str(inventory)]
    command += ["-e", f"@{exported}/wanted.json", "-e", f"export={exported}"]
    seconds, output = timed(
        [*command, str(HERE / "ansible" / "playbook.yaml")],
        {
            "ANSIBLE_CONFIG": str(HERE / "ansible" / "ansible.cfg"),
            "ANSIBLE_HOME": str(home),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{home}/cp",
            "ANSIBLE_SSH_ARGS": "-F /dev/null -o ControlMaster=auto -o ControlPersist=60s",
            "ANSIBLE_NOCOLOR": "1",
        },
    )
    recap = re.search(r" changed=(\d+)", output)
    return Run(seconds, output, int(recap[1]) if recap else -1)


def lint() -> tuple[bool, int]:
    """Whether the playbook passes ansible-lint's production profile, and its number of tasks."""
    playbook = HERE / "ansible" / "playbook.yaml"
    command = [f"{VENV}/bin/ansible-lint", "--offline", "--strict", "--profile", "production"]
    command += ["--config-file", str(HERE / "ansible" / ".ansible-lint"), "--nocolor"]
    try:
        timed([*command, str(playbook)], {"PATH": f"{VENV}/bin:{os.environ['PATH']}"})
    except BenchError as error:
        print(error, file=sys.stderr)
        return False, _tasks(playbook)
    return True, _tasks(playbook)


def _tasks(playbook: Path) -> int:
    """Tasks and handlers."""
    return len(re.findall(r"^    - name: ", playbook.read_text(encoding="utf-8"), re.MULTILINE))


def shell(box: Box, exported: Path) -> Run:
    """The script and what it needs, over one SSH connection, into a directory of root's."""
    bundle = io.BytesIO()
    with tarfile.open(fileobj=bundle, mode="w") as tar:
        for path in [*sorted(exported.iterdir()), HERE / "fresh.sh"]:
            tar.add(path, path.name)
    inside = (
        "d=$(mktemp -d) && trap 'rm -rf \"$d\"' EXIT"
        ' && tar --extract --directory "$d" && sh "$d/fresh.sh" "$d"'
    )
    words = [*sandbox_box.ssh_arguments(box), inside]
    seconds, output = timed(words, stdin=bundle.getvalue())
    return Run(seconds, output, -1)


@contextlib.contextmanager
def relayed(box: Box, round_trip_seconds: float) -> Iterator[tuple[Box, str]]:
    """The box behind a relay, and an inventory of ours that goes through it."""
    with (
        relay.opened(box.address, box.ssh_port, round_trip_seconds) as port,
        tempfile.NamedTemporaryFile("w", prefix="known-hosts-") as known,
        tempfile.NamedTemporaryFile("w", suffix=".py", dir=ROOT, prefix=".relay-") as inventory,
    ):
        key = Path(box.known_hosts).read_text(encoding="utf-8").split(" ", 1)[1]
        known.write(f"[127.0.0.1]:{port} {key}")
        known.flush()
        inventory.write(RELAYED.format(address="127.0.0.1", port=port, known=known.name))
        inventory.flush()
        there = dataclasses.replace(box, address="127.0.0.1", ssh_port=port, known_hosts=known.name)
        yield there, inventory.name
