"""Who of a group runs in which network namespace, from moment to moment, and what Docker tells.

Nothing of ours is asked, and of Docker only its events: which containers run, and with which first
process, is in containerd's directories, their names are in Docker's own files, and the namespace is
the inode of /proc/PID/ns/net. One line of JSON per change, until killed.
"""

import json
import os
import socket
import sys
import threading
import time
import urllib.parse
from typing import Any

TASKS = ("/run/containerd/io.containerd.runtime.v2.task/moby",
         "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby")  # fmt: skip
CONFIG = "/var/lib/docker/containers/{id}/config.v2.json"
DOCKER = "/var/run/docker.sock"
PAUSE_SECONDS = 0.03
# By label: while Compose makes a container anew, the old one and the new one have other names.
SERVICE = "io.mediastack.service"
EVENTS = ("create", "start", "restart", "rename", "pause", "unpause", "die", "stop", "kill", "oom",
          "destroy", "health_status")  # fmt: skip
guard = threading.Lock()


def say(**line: "Any") -> None:
    with guard:
        print(json.dumps(line), flush=True)


def name_of(container: str, known: "dict[str, str]") -> str:
    if container not in known:
        try:
            with open(CONFIG.format(id=container), encoding="utf-8") as handle:
                known[container] = json.load(handle)["Name"].lstrip("/")
        except (OSError, ValueError, KeyError):
            return ""
    return known[container]


def running(known: "dict[str, str]", pids: "dict[str, int]") -> "dict[str, tuple[str, int, int]]":
    """{name: (id, pid, inode)} of what runs now."""
    tasks = next((path for path in TASKS if os.path.isdir(path)), "")
    found = {}
    for container in os.listdir(tasks) if tasks else []:
        try:
            with open(f"{tasks}/{container}/init.pid", encoding="ascii") as handle:
                pid = int(handle.read())
            # A process that has ended has no namespace any more.
            inode = os.stat(f"/proc/{pid}/ns/net").st_ino
        except (OSError, ValueError):
            continue
        if name := name_of(container, known):
            found[name] = (container, pid, inode)
    return found


def follow_events(names: "list[str]") -> None:
    """Docker's events of these containers, over as many connections as it takes."""
    asked = {"type": ["container"], "event": list(EVENTS)}
    query = urllib.parse.urlencode({"filters": json.dumps(asked)})
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(DOCKER)
                connection.sendall(f"GET /events?{query} HTTP/1.0\r\nHost: d\r\n\r\n".encode())
                for line in connection.makefile("rb"):
                    if not line.startswith(b"{"):
                        continue
                    event = json.loads(line)
                    name = event["Actor"]["Attributes"].get(SERVICE, "")
                    if name in names:
                        say(at=event["timeNano"] / 1e9, event=event["Action"], name=name)
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(0.05)


def main(names: "list[str]") -> None:
    threading.Thread(target=follow_events, args=(names,), daemon=True).start()
    known: dict[str, str] = {}
    pids: dict[str, int] = {}
    before: Any = None
    while True:
        seen = {name: one for name, one in running(known, pids).items() if name in names}
        if seen != before:
            say(at=time.time(), running=seen)
            before = seen
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
