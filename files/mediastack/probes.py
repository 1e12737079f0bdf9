"""What has to be tried on a host rather than read: links from inside, proxies' answers, the lock.

The doctor tries it here, and the smoke suite sends this module along with its reader: standard
library only, Python 3.10 or newer, and nothing of this package. Each probe leaves nothing behind:
hidden names are removed, a container that is asked for does not exist, a lock is given back at
once. What may hang (a mount that is dead inside a container) is done by a child with a deadline,
which is left behind rather than waited for.
"""

import fcntl
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
from typing import Any

PROBE_SECONDS = 5
ANSWER_SECONDS = 3
LOCK_SECONDS = 10
FORWARDING_SECONDS = 6
COMMAND_SECONDS = 15
# From the gateway's own address Docker's masquerading would make it come from the LAN's.
LOOPBACK = "127.0.0.1"
# Gluetun's name for its device.
TUNNEL = "tun0"
CLIENT = "qbittorrent"
# What each kind of socket proxy is asked, and its answer. A restart of a container that does not
# exist is "not found" by Docker itself: the request went through and did nothing.
PROXY_ANSWERS = {
    "read": {
        "GET /containers/json?limit=1": 200,
        "GET /images/json": 200,
        "POST /containers/NO-CONTAINER/restart": 403,
        "POST /containers/create": 403,
        "GET /secrets": 403,
    },
    "heal": {
        "GET /containers/json?limit=1": 200,
        "POST /containers/NO-CONTAINER/restart": 404,
        "POST /containers/NO-CONTAINER/exec": 403,
        "POST /containers/create": 403,
        "GET /images/json": 403,
    },
}
# No container has it, so a proxy that lets the request through does no harm.
NO_CONTAINER = "0" * 64
# Runs as the account that owns the media, in directories that root has opened: a process's root
# directory is closed to others, and a link between two mounts of one disk is refused as inside.
LINK_PROGRAM = """
import json, os, sys
spec = json.load(sys.stdin)
held = {}
for name, halves in spec["places"].items():
    try:
        held[name] = [os.open(half, os.O_PATH | os.O_DIRECTORY) for half in halves]
    except OSError as error:
        print(json.dumps([name, f"{error.filename}: {error.strerror}"]), flush=True)
os.setgroups([])
os.setresgid(*[spec["gid"]] * 3)
os.setresuid(*[spec["uid"]] * 3)
probe = f".mediastack-smoke-{os.getpid()}"
for name, (source, target) in held.items():
    problem = ""
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=source))
        os.link(probe, probe, src_dir_fd=source, dst_dir_fd=target)
    except OSError as error:
        problem = error.strerror
    finally:
        for directory in (source, target):
            try:
                os.unlink(probe, dir_fd=directory)
            except OSError:
                pass
    print(json.dumps([name, problem]), flush=True)
"""
REACH_PROGRAM = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
except OSError as error:
    print(error)
"""


def run(*command: str) -> str:
    """The output of a command; "" when it cannot run."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def read(path: str) -> str:
    """The text of a file; "" when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""


def door_answers(host: str, port: int, questions: "dict[str, int]") -> "dict[str, int | str]":
    """What the updater's door says to each question ("METHOD path"): an HTTP status, or why not."""
    asked = {question: question.partition(" ") for question in questions}
    return {
        question: web_answer(f"http://{host}:{port}{path}", method, LOOPBACK)
        for question, (method, _, path) in asked.items()
    }


def web_answer(url: str, method: str = "GET", source: str = "") -> "int | str":
    """The HTTP status of a URL, asked from a source address of ours, or why there is none."""
    parts = urllib.parse.urlsplit(url.replace("NO-CONTAINER", NO_CONTAINER))
    connection = http.client.HTTPConnection(
        parts.hostname or "",
        parts.port,
        timeout=ANSWER_SECONDS,
        source_address=(source, 0) if source else None,
    )
    try:
        connection.request(method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()


def inside(container: "dict[str, Any]", path: str) -> str:
    """Where a container sees a path of the host, as a path of the host; "" when nowhere."""
    found, depth = "", -1
    for mount in container.get("Mounts") or []:
        source, target = mount.get("Source", ""), mount.get("Destination", "")
        below = path == source or path.startswith(source.rstrip("/") + "/")
        if mount.get("Type") == "bind" and below and mount.get("RW") and len(source) > depth:
            rest = path[len(source.rstrip("/")) :]
            found, depth = f"/proc/{container['State']['Pid']}/root{target}{rest}", len(source)
    return found


def hardlinks(containers: "list[dict[str, Any]]", spec: "dict[str, Any]") -> "dict[str, str]":
    """{container name: why no link from torrents to media, "" when there is one}, for those that
    write to both."""
    places = {}
    for one in containers:
        halves = [inside(one, half) for half in spec["halves"]]
        if one["State"].get("Pid") and all(halves):
            places[one["Name"].lstrip("/")] = halves
    return dict.fromkeys(places, "no answer") | dict(linked(places, spec))


def linked(places: "dict[str, list[str]]", spec: "dict[str, Any]") -> "list[list[str]]":
    """What LINK_PROGRAM says within its time: [[name, problem]]."""
    question = {"places": places, "uid": spec["uid"], "gid": spec["gid"]}
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as told:
        given.write(json.dumps(question).encode())
        given.seek(0)
        child = subprocess.Popen(
            [sys.executable, "-c", LINK_PROGRAM], stdin=given, stdout=told, stderr=told
        )
        try:
            child.wait(PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
        told.seek(0)
        lines = told.read().decode(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("[")]


def proxy_questions(services: "dict[str, Any]") -> "dict[str, dict[str, Any]]":
    """{proxy: {"port", "asked": ["GET /path"]}} of the socket proxies among these services."""
    return {
        name: {"port": services[name]["port"], "asked": list(answers)}
        for kind, answers in PROXY_ANSWERS.items()
        if (name := f"socket-proxy-{kind}") in services
    }


def proxy_answers(
    containers: "list[dict[str, Any]]", questions: "dict[str, dict[str, Any]]"
) -> "dict[str, dict[str, int | str]]":
    """{proxy's container: {"GET /path": HTTP status, or why there is none}}."""
    found: dict[str, dict[str, int | str]] = {}
    for one in containers:
        name = one["Name"].lstrip("/")
        addresses = [n["IPAddress"] for n in one["NetworkSettings"]["Networks"].values()]
        address = next(filter(None, addresses), "")
        if name in questions and address:
            url = f"http://{address}:{questions[name]['port']}"
            found[name] = {
                asked: web_answer(url + asked.split(" ")[1], asked.split(" ")[0])
                for asked in questions[name]["asked"]
            }
    return found


def reach(container: "dict[str, Any] | None", gateway: str, port: int) -> str:
    """Why a port of the host cannot be reached from a container's namespace; "" when it can."""
    pid = (container or {}).get("State", {}).get("Pid")
    if not pid:
        return "no container"
    enter = ("nsenter", f"--net=/proc/{pid}/ns/net", "--", sys.executable, "-c", REACH_PROGRAM)
    return run(*enter, gateway, str(port)).strip()


def client_settings(config: "dict[str, Any]") -> str:
    """Where the torrent client keeps its settings, by mediastack.toml; "" without one."""
    seeds = (one for one in config["secret_files"] if one.get("service") == CLIENT)
    return next((one["destination"] for one in seeds if one["seed"]), "")


def tunnel(container: "dict[str, Any] | None", path: str) -> "dict[str, Any]":
    """The network devices that a container's namespace has, and a torrent client's settings."""
    pid = (container or {}).get("State", {}).get("Pid") or 0
    devices = [line.partition(":")[0].strip() for line in read(f"/proc/{pid}/net/dev").splitlines()]
    lines = (line.partition("=") for line in read(path).splitlines())
    wanted = ("Session\\Interface", "Session\\InterfaceName")
    return {
        "devices": devices[2:],
        "settings": {name: value for name, _, value in lines if name in wanted},
    }


def forwarding(container: "dict[str, Any] | None", path: str) -> "dict[str, Any]":
    """The forwarded port in Gluetun's file, 0 without one, and who listens in its namespace: looked
    at until the one is among the others, or portsync has had the time to see to it."""
    pid = (container or {}).get("State", {}).get("Pid") or 0
    end = time.monotonic() + FORWARDING_SECONDS
    while True:
        said = (read(path).split() or [""])[0]
        port = int(said) if said.isdecimal() else 0
        tables = [read(f"/proc/{pid}/net/{name}").splitlines()[1:] for name in ("tcp", "tcp6")]
        words = [line.split() for table in tables for line in table]
        # Column 1 is "address:port" in hexadecimal, 3 the state; 0A listens.
        ports = {int(one[1].rpartition(":")[2], 16) for one in words if one[3] == "0A"}
        if not path or (port and port in ports) or time.monotonic() > end:
            return {"port": port, "listening": sorted(ports)}
        time.sleep(0.25)


def lock(path: str) -> str:
    """Who has held the lock all the time that we tried, "" when it could be had."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            with open(path, encoding="utf-8") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return ""
        except FileNotFoundError:
            return ""
        except OSError:
            if time.monotonic() > end:
                return read(path).strip() or "somebody"
        time.sleep(0.2)


def digests(top: str, names: "list[str]", key: str) -> "dict[str, str]":
    """{secret: HMAC of its content} under the key of this question, which nobody keeps."""
    found = {}
    for name in names:
        try:
            with open(os.path.join(top, name), "rb") as handle:
                content = handle.read()
        except OSError:
            continue
        found[name] = hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    return found
