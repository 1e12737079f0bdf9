"""What portsync knows without asking anybody over HTTP: files, processes, the tunnel's device.

All of it costs microseconds, so that it can be looked at twice a second: Gluetun's status file and
the file that its UP and DOWN commands touch, the files of our keys, whether the processes of both
containers are still the same ones (/proc/PID/stat; Docker is asked only when they are not), the
index of the tunnel's device, and whether somebody listens on the forwarded port. The last two come
from /proc/PID/net, which shows the network namespace of that process, needs no privilege, and is
where the kernel itself says it: `igmp` lists the devices that are up with their indices, `tcp` and
`tcp6` the sockets. None of it is believed to be the port; a change is a reason to look.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from mediastack.docker_client import Docker, DockerError, NotReachable

LISTEN = "0A"
TITLE = "st"
# About one line.
PIECE_BYTES = 150


class Facts(TypedDict):
    """As portsync_step.Observed takes them."""

    owner: str | None
    torrent: str | None
    password: str
    device: int
    listening: bool | None


class Watch:
    """The two containers as they were when Docker was last asked, and the files to look at."""

    def __init__(
        self, vpn: Mapping[str, Any], docker: Docker, config_file: str, proc: str = "/proc"
    ) -> None:
        self._names = {"owner": vpn["owner"], "torrent": vpn["torrent_client"]}
        self._password_file = vpn["torrent_password_file"]
        self._files = (
            vpn["wake_file"],
            vpn["status_file"],
            vpn["control_key_file"],
            self._password_file,
            config_file,
        )
        self._interface = vpn["interface"]
        self._docker = docker
        self._proc = proc
        self._processes: dict[str, tuple[int, str]] = {}
        self._started: dict[str, str | None] = {"owner": None, "torrent": None}

    def facts(self, port: int | None) -> Facts:
        """Return the facts now; `port`: the one to be listened on, as far as it is known."""
        for role in self._names:
            if not self._same(role):
                self._inspect(role)
        pid = self._processes.get("owner", (0, ""))[0]
        return {
            "owner": self._started["owner"],
            "torrent": self._started["torrent"],
            "password": identity(self._password_file),
            "device": device(f"{self._proc}/{pid}/net/igmp", self._interface) if pid else 0,
            "listening": listening(f"{self._proc}/{pid}/net", port) if pid and port else None,
        }

    def signature(self, port: int | None) -> tuple[Any, ...]:
        """Return what has to be another one when something happened; compared, never read."""
        pid = self._processes.get("owner", (0, ""))[0]
        return (
            tuple(map(identity, self._files)),
            tuple(self._same(role) for role in self._names),
            device(f"{self._proc}/{pid}/net/igmp", self._interface) if pid else 0,
            listening(f"{self._proc}/{pid}/net", port) if pid and port else None,
        )

    def _same(self, role: str) -> bool:
        """Say whether the container's process is the one that Docker named."""
        pid, born = self._processes.get(role, (0, ""))
        return bool(pid) and _born(f"{self._proc}/{pid}/stat") == born

    def _inspect(self, role: str) -> None:
        self._processes.pop(role, None)
        try:
            state = (self._docker.inspect(self._names[role]) or {"State": {}})["State"]
        except (NotReachable, DockerError):
            # Unknown is not gone, and what was known of it may have ended.
            self._started[role] = None
            return
        pid = int(state.get("Pid") or 0)
        self._started[role] = state.get("StartedAt", "") if state.get("Running") and pid else ""
        if pid and (born := _born(f"{self._proc}/{pid}/stat")):
            self._processes[role] = (pid, born)


def identity(path: str) -> str:
    """Return what changes when a file is written or replaced, "" for none. Never its content."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_dev}:{found.st_ino}:{found.st_mtime_ns}:{found.st_size}"


def device(path: str, name: str) -> int:
    """Return the index of a device that is up, by /proc/net/igmp; 0 when it is not there."""
    with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as stream:
        for line in stream:
            words = line.split()
            if len(words) > 1 and words[1].rstrip(":") == name and words[0].isdigit():
                return int(words[0])
    return 0


def listening(directory: str, port: int) -> bool | None:
    """Return whether anybody listens on a TCP port in a namespace, None when it cannot be seen.

    The kernel names listeners first, and walks its whole table of connections for the rest, which
    takes it milliseconds: so it is read in small pieces, and no further than needed.
    """
    seen = None
    ending = f":{port:04X}"
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            if any(local.endswith(ending) for local in _listeners(f"{directory}/{table}")):
                return True
            seen = False
    return seen


def _listeners(path: str) -> Iterator[str]:
    """ "address:port" of each listener, in hexadecimal, up to the first socket that is none."""
    with open(path, "rb", buffering=0) as stream:
        left = b""
        while piece := stream.read(PIECE_BYTES):
            *lines, left = (left + piece).split(b"\n")
            for line in lines:
                words = line.decode().split(maxsplit=4)
                if len(words) > 3 and words[3] not in (LISTEN, TITLE):
                    return
                yield from words[1:2]


def _born(path: str) -> str:
    """Return when a process was started, in the kernel's ticks; "" when there is none."""
    try:
        with open(path, "rb") as stream:
            words = stream.read().rpartition(b")")[2].split()
    except OSError:
        return ""
    # A zombie is no process any more.
    return words[19].decode() if words[0] not in (b"Z", b"X") else ""
