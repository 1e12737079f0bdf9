"""One update as it happens, and a blow at a chosen moment: its steps from the journal, the tree of
the config at the instant at which a container is made, and when the service ran.

Nothing of ours is asked and nothing of Docker's daemon, which may be the one that is struck: the
kernel tells of a new journal and of a new container's directory, what runs is in containerd's
directories, and whose it is stands in Docker's own files. A blow falls so many seconds after the
journal has named a step: SIGKILL to the updater (alone, or with what it started), to dockerd, or
SIGSTOP to all of the updater.
"""

import ctypes
import hashlib
import json
import os
import select
import signal
import stat
import struct
import subprocess
import time
from typing import Any

UNIT = "mediastack-update.service"
PROCESSES = f"/sys/fs/cgroup/system.slice/{UNIT}/cgroup.procs"
UPDATER = "/var/lib/mediastack/updater"
JOURNAL = f"{UPDATER}/inflight.json"
CONTAINERS = "/var/lib/docker/containers"
TASKS = ("/run/containerd/io.containerd.runtime.v2.task/moby",
         "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby")  # fmt: skip
SERVICE = "io.mediastack.service"
OVER = ("", "done", "failed", "undone")
IN_CREATE, IN_MOVED_TO, IN_DELETE = 0x100, 0x80, 0x200
PAUSE_SECONDS = 0.03
UNIT_SECONDS = 0.3
QUIET_SECONDS = 3.0
libc = ctypes.CDLL(None, use_errno=True)


def watched(*directories: str) -> "tuple[int, dict[int, str]]":
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    found = {}
    for directory in directories:
        os.makedirs(directory, exist_ok=True)
        mask = IN_CREATE | IN_MOVED_TO | IN_DELETE
        found[libc.inotify_add_watch(descriptor, directory.encode(), mask)] = directory
    return descriptor, found


def heard(descriptor: int, known: "dict[int, str]") -> "list[tuple[str, str, bool]]":
    """(directory, name, whether it is gone) of what happened."""
    try:
        data = os.read(descriptor, 65536)
    except BlockingIOError:
        return []
    found, place = [], 0
    while place < len(data):
        watch, mask, _, length = struct.unpack_from("iIII", data, place)
        name = data[place + 16 : place + 16 + length].rstrip(b"\0").decode()
        if watch in known:
            found.append((known[watch], name, bool(mask & IN_DELETE)))
        place += 16 + length
    return found


def tree(root: str, left_out: "list[str]") -> "dict[str, list[Any]]":
    """Names, kinds, modes, owners, contents; no directory that is no part of the state."""
    found: dict[str, list[Any]] = {}
    waiting = [root]
    while waiting:
        path = waiting.pop()
        try:
            seen = os.lstat(path)
            entry: list[Any] = [oct(seen.st_mode), seen.st_uid, seen.st_gid]
            if stat.S_ISLNK(seen.st_mode):
                entry.append(os.readlink(path))
            elif stat.S_ISREG(seen.st_mode):
                with open(path, "rb") as handle:
                    entry.append(hashlib.sha256(handle.read()).hexdigest()[:16])
            elif stat.S_ISDIR(seen.st_mode):
                if os.path.relpath(path, root) in left_out:
                    continue
                waiting += [f"{path}/{name}" for name in os.listdir(path)]
        except FileNotFoundError:
            continue
        found[os.path.relpath(path, root)] = entry
    return dict(sorted(found.items()))


def journal() -> "tuple[str, int]":
    """(step, tries); nothing when there is none."""
    try:
        with open(JOURNAL, "rb") as handle:
            found = json.loads(handle.read())
        return found["step"], found["tries"]
    except FileNotFoundError:
        return "", 0


def described(container: str, known: "dict[str, tuple[str, str]]") -> "tuple[str, str]":
    """(service, image) of a container; empty while Docker has not written it down."""
    if container not in known:
        try:
            with open(f"{CONTAINERS}/{container}/config.v2.json", encoding="utf-8") as handle:
                config = json.load(handle)["Config"]
        except (OSError, ValueError, KeyError):
            return "", ""
        known[container] = ((config.get("Labels") or {}).get(SERVICE, "-"), config["Image"])
    return known[container]


def running(service: str, known: "dict[str, tuple[str, str]]") -> "list[str]":
    """The containers of the service that have a process."""
    tasks = next((path for path in TASKS if os.path.isdir(path)), "")
    found = []
    for container in os.listdir(tasks) if tasks else []:
        if described(container, known)[0] != service:
            continue
        try:
            with open(f"{tasks}/{container}/init.pid", encoding="ascii") as handle:
                os.stat(f"/proc/{int(handle.read())}/ns/net")
        except (OSError, ValueError):
            continue
        found.append(container[:12])
    return sorted(found)


def processes() -> "list[int]":
    try:
        with open(PROCESSES, encoding="ascii") as handle:
            return [int(line) for line in handle]
    except OSError:
        return []


def is_worker(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as handle:
            return b"update-worker" in handle.read().split(b"\0")
    except OSError:
        return False


def probing() -> bool:
    """Whether a health check runs anywhere: a shim has more than its container's first process."""
    shims: dict[str, int] = {}
    parents = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as handle:
                head, _, rest = handle.read().rpartition(")")
        except OSError:
            continue
        if head.endswith("(containerd-shim"):
            shims[pid] = 0
        parents.append(rest.split()[1])
    for parent in parents:
        if parent in shims:
            shims[parent] += 1
    return any(count > 1 for count in shims.values())


def quiet_moment() -> None:
    """Docker itself loses the end of a container, and its mind, when it is killed in the middle of
    a health check: that is nobody's update."""
    deadline = time.time() + QUIET_SECONDS
    while probing() and time.time() < deadline:
        time.sleep(0.005)


def strike(what: str) -> "list[int]":
    """Do it; say whom it hit."""
    if what == "nobody":
        return []
    if what == "dockerd":
        quiet_moment()
        with open("/run/docker.pid", encoding="ascii") as handle:
            pids = [int(handle.read())]
    elif what == "worker":
        pids = [pid for pid in processes() if is_worker(pid)]
    else:  # "unit", "freeze"
        pids = processes()
    hit = []
    for pid in pids:
        try:
            os.kill(pid, signal.SIGSTOP if what == "freeze" else signal.SIGKILL)
            hit.append(pid)
        except ProcessLookupError:
            continue
    return hit


def is_idle() -> bool:
    shown = subprocess.run(["systemctl", "show", "-p", "ActiveState", "--value", UNIT],
                           check=False, capture_output=True, text=True).stdout.strip()  # fmt: skip
    return shown in ("inactive", "failed")


def main(
    service: str,
    config: str,
    left_out: "list[str]",
    strikes: "list[dict[str, Any]]",
    seconds: float,
    trigger: str = "",
    begun: bool = False,
    may_pass: bool = False,
) -> "dict[str, Any]":
    """Start `trigger`, watch until the update is over and the updater idle, and strike on the way.

    `may_pass`: it is over as well when the trigger has ended and no update was begun.
    Each of `strikes`, in turn: {"step", "delay", "what", "then"} (shell that is run when it has
    fallen, beside all else). After a "freeze" it returns at once.
    """
    descriptor, directories = watched(UPDATER, CONTAINERS)
    known: dict[str, tuple[str, str]] = {}
    steps: list[list[Any]] = []
    made: list[list[Any]] = []
    ran: list[list[Any]] = []
    struck: list[list[Any]] = []
    unnamed: list[list[Any]] = []
    waiting = list(strikes)
    due = 0.0
    looked = time.time()
    deadline = looked + seconds
    ended = frozen = False
    children = [subprocess.Popen(["sh", "-c", trigger])] if trigger else []
    while time.time() < deadline and not ended and not frozen:
        timeout = PAUSE_SECONDS if not due else max(0.0, min(PAUSE_SECONDS, due - time.time()))
        select.select([descriptor], [], [], timeout)
        now = time.time()
        for directory, name, gone in heard(descriptor, directories):
            if directory == CONTAINERS and not gone and len(name) == 64:
                unnamed.append([now, name, tree(config, left_out)])
        step, tries = journal()
        if (step or steps) and (not steps or steps[-1][1:] != [step, tries]):
            steps.append([now, step, tries])
        begun = begun or bool(step) or (may_pass and children[0].poll() is not None)
        if waiting and not due and step == waiting[0]["step"]:
            due = now + waiting[0]["delay"]
        # A step that is over sooner than usual: then at the beginning of the next.
        if due and (time.time() >= due or step != waiting[0]["step"]):
            at, (now_in, _), hit = time.time(), journal(), strike(waiting[0]["what"])
            if hit or now_in in ("", *OVER):
                blow = waiting.pop(0)
                due = 0.0
                struck.append([at, blow["what"], blow["step"], now_in, hit])
                frozen = blow["what"] == "freeze"
                if blow.get("then"):
                    children.append(subprocess.Popen(["sh", "-c", blow["then"]]))
        for entry in list(unnamed):
            owner, image = described(entry[1], known)
            if owner or now - entry[0] > 5.0:
                unnamed.remove(entry)
            if owner == service:
                made.append([entry[0], image, entry[1][:12], entry[2]])
        there = running(service, known)
        if not ran or ran[-1][1] != there:
            ran.append([now, there])
        if begun and step in OVER and not due and now - looked > UNIT_SECONDS:
            looked = now
            ended = is_idle() and not processes()
    for child in children:
        child.wait()
    return {"steps": steps, "made": made, "ran": ran, "struck": struck, "ended": ended,
            "frozen": frozen, "left": len(waiting)}  # fmt: skip
