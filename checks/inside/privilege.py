"""What somebody with these rights gets: tries what would make him root, or show him what is root's.

Prints, or returns to the check, {what was tried: "" when it was refused, else what he got}. Run as
root it must get everything (the positive control), with the watcher's rights nothing. Nothing that
it gets is kept: what it makes is named check-privilege and swept by the check.
"""

import contextlib
import ctypes
import http.client
import json
import os
import socket
import subprocess
import sys
from typing import Any

NAME = "check-privilege"
SOCKETS = ("/run/docker.sock", "/var/run/docker.sock", "/proc/1/root/run/docker.sock")
CONTAINERD = ("/run/containerd/containerd.sock", "/proc/1/root/run/containerd/containerd.sock")
SHADOW = ("/etc/shadow", "/proc/1/root/etc/shadow")
ATTACH, DETACH = 16, 17


class Unix(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


def ask(path: str, method: str, target: str, body: "Any" = None) -> "Any":
    connection = Unix(path)
    sent = None if body is None else json.dumps(body)
    connection.request(method, target, sent, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    if answer.status >= 300:
        raise PermissionError(f"{answer.status}: {text[:200]}")
    return json.loads(text) if text.startswith(("{", "[")) else text


def read_any(*paths: str) -> str:
    """The size of the first one that can be read."""
    error: Exception = FileNotFoundError("none of them is there")
    for path in paths:
        try:
            with open(path, "rb") as stream:
                return f"{len(stream.read())} bytes of {path}"
        except OSError as found:
            error = found
    raise error


def a_secret(directory: str) -> str:
    files = [
        os.path.join(top, name) for top, _, names in os.walk(directory) for name in sorted(names)
    ]
    return read_any(*files)


def docker_socket() -> str:
    error: Exception = FileNotFoundError()
    for path in SOCKETS:
        try:
            return f"{len(ask(path, 'GET', '/containers/json'))} containers at {path}"
        except OSError as found:
            error = found
    raise error


def containerd_socket() -> str:
    error: Exception = FileNotFoundError()
    for path in CONTAINERD:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(path)
                return path
            except OSError as found:
                error = found
    raise error


def privileged_container(image: str) -> str:
    """A container that is root on the host."""
    wanted = {
        "Image": image,
        "Entrypoint": ["true"],
        "HostConfig": {"Privileged": True, "Binds": ["/:/host"], "NetworkMode": "none"},
    }
    error: Exception = FileNotFoundError()
    for path in SOCKETS:
        try:
            made = ask(path, "POST", f"/containers/create?name={NAME}", wanted)
            ask(path, "POST", f"/containers/{made['Id']}/start")
            return str(made["Id"])
        except OSError as found:
            error = found
    raise error


def command(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False
    )
    if done.returncode:
        raise PermissionError((done.stderr or done.stdout).strip()[-200:])
    return " ".join(arguments[:3])


def memory_of(pid: int) -> str:
    with open(f"/proc/{pid}/mem", "rb"):
        return f"memory of {pid}"


def traced(pid: int) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(ATTACH, pid, None, None) != 0:
        raise PermissionError(os.strerror(ctypes.get_errno()))
    os.waitpid(pid, 0)
    libc.ptrace(DETACH, pid, None, None)
    return f"attached to {pid}"


def signalled(pid: int) -> str:
    os.kill(pid, 0)
    return f"may signal {pid}"


def written(path: str) -> str:
    with open(path, "w", encoding="ascii"):
        pass
    with contextlib.suppress(OSError):
        os.unlink(path)
    return path


def appended(path: str) -> str:
    with open(path, "ab"):
        return path


def root_again() -> str:
    # In a child: it would change who tries the rest.
    code = "import os; os.setresuid(0, 0, 0); os.setgroups([0]); print(open('/etc/shadow').read(1))"
    return command(sys.executable, "-c", code)


def node() -> str:
    path = f"/run/{NAME}.node"
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 1))
    os.unlink(path)
    return "a device node"


def unit_started() -> str:
    return command("systemctl", "--no-ask-password", "try-restart", f"{NAME}-target.service")


def transient() -> str:
    return command("systemd-run", "--no-ask-password", "--wait", "--quiet", "true")


def status() -> "dict[str, str]":
    """What the kernel says of our rights."""
    wanted = (
        "Uid",
        "Gid",
        "Groups",
        "CapInh",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "CapAmb",
        "NoNewPrivs",
    )
    with open("/proc/self/status", encoding="ascii", errors="replace") as stream:
        found = dict(line.split(":", 1) for line in stream)
    return {name: " ".join(found.get(name, "").split()) for name in wanted}


def attempts(pid: int, image: str, secrets: str, state: str) -> "dict[str, Any]":
    return {
        "read /etc/shadow": lambda: read_any(*SHADOW),
        "read a secret": lambda: a_secret(secrets),
        "read the ledger": lambda: read_any(f"{state}/ledger.jsonl"),
        "talk to Docker": docker_socket,
        "talk to containerd": containerd_socket,
        "start a privileged container": lambda: privileged_container(image),
        "use the docker command": lambda: command("docker", "ps"),
        "read a root process's memory": lambda: memory_of(pid),
        "trace a root process": lambda: traced(pid),
        "signal a root process": lambda: signalled(pid),
        "signal the first process": lambda: signalled(1),
        "write into /etc": lambda: written(f"/etc/{NAME}"),
        "write into the programs": lambda: written(f"/opt/mediastack/lib/{NAME}"),
        "write into the state": lambda: appended(f"{state}/ledger.jsonl"),
        "write a unit": lambda: written(f"/run/systemd/system/{NAME}.slice"),
        "become root": root_again,
        "make a device node": node,
        "restart a unit": unit_started,
        "run something as a unit": transient,
    }


def tried(tries: "dict[str, Any]") -> "dict[str, Any]":
    got, why = {}, {}
    for what, attempt in tries.items():
        try:
            got[what] = str(attempt()) or "something"
        except Exception as error:
            got[what], why[what] = "", f"{type(error).__name__}: {error}"[:200]
    return {"got": got, "why": why, "status": status()}


def main(pid: int, image: str, secrets: str, state: str) -> "dict[str, Any]":
    return tried(attempts(pid, image, secrets, state))
