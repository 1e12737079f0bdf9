"""What a host really is: everything the smoke checks look at, read in one go, as JSON.

Runs on the host as root, sent over SSH (Python 3.10 or newer, standard library only), and reads by
other paths than the deploy does: the Docker CLI, the kernel's /proc, lstat, systemctl and dpkg.
It changes nothing but for hardlink probes, whose hidden names are always removed. What could not be
read is absent or None: the checks on the controller turn that into a failure. Secrets never leave
the host: whether one shows where it must not is decided here, and their values are compared by HMAC
under a key of this one question.
"""

import concurrent.futures
import contextlib
import json
import os
import socket
import struct
import subprocess
import time
from typing import Any

from mediastack.probes import (
    digests,
    door_answers,
    forwarding,
    hardlinks,
    lock,
    proxy_answers,
    reach,
    read,
    run,
    tunnel,
    web_answer,
)
from tests.smoke.host_readers import (
    fenced,
    inspect,
    look,
    packages,
    parse,
    run_json,
    secret_tree,
    units,
)

DATA_DEADLINE_SECONDS = 3
SETTLE_SECONDS = 15
SHORTEST_SECRET = 8
OURS = "label=io.mediastack.service"


def shown_secrets(spec: "dict[str, Any]", texts: "dict[str, str]") -> "list[str]":
    """ "secret in place" of every secret that stands in a text that others may read."""
    shown = []
    for secret in spec["secrets"]:
        value = read(os.path.join(spec["secrets_directory"], secret)).strip()
        if len(value) >= SHORTEST_SECRET:
            escaped = json.dumps(value)[1:-1]
            shown += [
                f"{secret} in {place}"
                for place, text in texts.items()
                if value in text or escaped in text
            ]
    return shown


def settle() -> None:
    """Give what has just been started a moment: "starting" is neither well nor ill."""
    end = time.monotonic() + SETTLE_SECONDS
    starting = ("docker", "ps", "-q", "--filter", "health=starting", "--filter", OURS)
    while run(*starting).strip() and time.monotonic() < end:
        time.sleep(0.25)


def namespace(pid: int) -> "int | None":
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return None


def process(container: "dict[str, Any]", skip: "tuple[str, ...]") -> "dict[str, Any]":
    """The kernel's view of a container's first process: namespace, powers, users, mounts."""
    pid = container["State"].get("Pid") or 0
    lines = (line.split(":", 1) for line in read(f"/proc/{pid}/status").splitlines())
    status = {line[0]: line[1].split() for line in lines if len(line) == 2}
    other = []
    for mount in container.get("Mounts") or []:
        source, target = mount.get("Source", ""), mount.get("Destination", "")
        if mount.get("Type") != "bind" or source.startswith(skip):
            continue
        try:
            same = os.path.samestat(os.stat(source), os.stat(f"/proc/{pid}/root{target}"))
        except OSError as error:
            other.append(f"{target} ({error.strerror})")
        else:
            other += [] if same else [target]
    return {
        "netns": namespace(pid),
        "capabilities": int(status.get("CapBnd", ["0"])[0], 16),
        "no_new_privileges": status.get("NoNewPrivs", ["0"])[0] == "1",
        "uid": int(status.get("Uid", ["-1"])[0]),
        "gid": int(status.get("Gid", ["-1"])[0]),
        "other_mounts": other,
    }


def listeners() -> "list[dict[str, Any]]":
    """Listening TCP sockets of the host's namespace and who holds them."""
    found: dict[str, tuple[str, int]] = {}
    for table in ("tcp", "tcp6"):
        for line in read(f"/proc/1/net/{table}").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                address, _, port = fields[1].partition(":")
                found[fields[9]] = (number(address), int(port, 16))
    holders = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
                if target.startswith("socket:[") and target[8:-1] in found:
                    holders[target[8:-1]] = read(f"/proc/{pid}/comm").strip()
    return [
        {"address": address, "port": port, "program": holders.get(inode, "")}
        for inode, (address, port) in found.items()
    ]


def number(hexadecimal: str) -> str:
    """An address of /proc/net/tcp (words in the machine's byte order) as text."""
    words = [hexadecimal[start : start + 8] for start in range(0, len(hexadecimal), 8)]
    raw = b"".join(struct.pack("=I", int(word, 16)) for word in words)
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def data_answers(sentinel: str) -> bool:
    """Whether /data can be looked at: on a dead mount a stat hangs where no signal reaches."""
    child = subprocess.Popen(
        ["stat", "-L", sentinel], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        child.wait(DATA_DEADLINE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        return False
    return True


def hardlink(data: str) -> str:
    """Why a file below torrents cannot become one below media; "" when it can."""
    name = f".mediastack-smoke-{os.getpid()}"
    source, target = f"{data}/torrents/{name}", f"{data}/media/{name}"
    try:
        os.close(os.open(source, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.link(source, target)
        same = os.path.samefile(source, target)
    except OSError as error:
        return f"{error.filename2 or error.filename}: {error.strerror}"
    finally:
        for path in (source, target):
            with contextlib.suppress(OSError):
                os.unlink(path)
    return "" if same else f"{target} became a copy"


def reported(path: str) -> "dict[str, Any]":
    """What a program of ours last said, and how long ago: neither from a clock that may be set."""
    report = parse(read(path))
    since = time.clock_gettime(time.CLOCK_BOOTTIME) - float((report or {}).get("boot_seconds", 0))
    return {"report": report, "age": since}


def unfilled(program: str) -> "dict[str, str]":
    """{path: problem} of files with secrets in them that are not what their template makes of
    them: only the host knows both. Its own program says so; that one's content is checked too."""
    said = parse(run(f"{program}/bin/mediastack", "secrets-check")) or []
    return {one["path"]: one["problem"] for one in said}


def data_facts(spec: "dict[str, Any]", answers: bool) -> "dict[str, Any]":
    data = spec["data"]
    points = [line.split()[4] for line in read("/proc/1/mountinfo").splitlines()]
    return {
        "answers": answers,
        "is_mount": os.path.realpath(data) in points if answers else None,
        "inside": [point for point in points if point.startswith(f"{data}/")],
        "sentinel": answers and os.path.isfile(spec["sentinel"]),
        "hardlink": hardlink(data) if answers else "does not answer",
    }


def observe(spec: "dict[str, Any]") -> "dict[str, Any]":
    """Everything, the slow parts side by side."""
    settle()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        slow: dict[str, Any] = {
            "packages": pool.submit(packages),
            "units": pool.submit(units, spec["units"]),
            "docker": pool.submit(run_json, "docker", "info", "--format", "{{json .}}"),
            "version": pool.submit(run, spec["manage"], "version"),
            "restic": pool.submit(run, "restic", "version"),
            "user": pool.submit(run, "getent", "passwd", str(spec["uid"])),
            "monitor": pool.submit(fenced, spec["monitor"]),
            "group": pool.submit(run, "getent", "group", str(spec["gid"])),
            "door": pool.submit(fenced, spec["door"]),
            "disk_guard": pool.submit(reported, spec["disk_guard"]),
        }
        urls = {url: pool.submit(web_answer, url) for url in spec["urls"]}
        slow["packet_filter"] = pool.submit(run, "iptables-save")
        slow["wall"] = pool.submit(run_json, *spec["wall"])
        slow["servers"] = pool.submit(run_json, *spec["servers"])
        slow["unfilled"] = pool.submit(unfilled, spec["program"])
        slow["lock_holder"] = pool.submit(lock, spec["lock"])
        nets = pool.submit(lambda: inspect("network", run("docker", "network", "ls", "-q").split()))
        found = inspect("container", run("docker", "ps", "-aq", "--no-trunc").split())
        images = inspect("image", sorted({one["Image"] for one in found}))
        named = {one["Name"].lstrip("/"): one for one in found}
        owner = named.get(spec["owner"])
        reached = {
            name: pool.submit(reach, owner, spec["gateway"], port)
            for name, port in spec["host_services"].items()
        }
        where = spec["gateway"], spec["door"]["port"]
        answers_of_the_door = pool.submit(door_answers, *where, spec["door"]["questions"])
        wud_reaches_it = pool.submit(reach, named.get("wud"), *where)
        slow["proxies"] = pool.submit(proxy_answers, found, spec["proxies"])
        slow["tunnel"] = pool.submit(tunnel, owner, spec["torrent_client"])
        slow["forwarding"] = pool.submit(forwarding, owner, spec["forwarded_port"])
        answers = data_answers(spec["sentinel"])
        if answers:
            slow["links_inside"] = pool.submit(hardlinks, found, spec)
        skip: tuple[str, ...] = () if answers else (spec["data"],)
        files = {path: look(path) for path in spec["paths"] if not path.startswith(skip)}
        texts = {
            path: read(path)
            for path, seen in files.items()
            if seen and seen["kind"] == "file" and int(seen["mode"], 8) & 0o004
        }
        texts["docker inspect"] = json.dumps([found, images], ensure_ascii=False)
        record = parse(read(f"{spec['state']}/managed.json"))
        answered = {name: future.result() for name, future in slow.items()}
        answered["door"] |= {
            "answers": answers_of_the_door.result(),
            "reach": wud_reaches_it.result(),
        }
        return {
            **answered,
            "urls": {url: future.result() for url, future in urls.items()},
            "reach": {name: future.result() for name, future in reached.items()},
            "networks": nets.result(),
            "containers": found,
            "images": {one["Id"]: one for one in images},
            "processes": {
                one["Id"]: process(one, skip) for one in found if one["State"].get("Pid")
            },
            "host_netns": namespace(1),
            "listeners": listeners(),
            "files": files,
            "overrides": {path: read(path) for path in spec["overrides"]},
            "environment_complete": os.path.isfile(f"{spec['program']}/venv/complete"),
            "record": record,
            "left": [path for path in record or {} if os.path.lexists(path)],
            "secrets": secret_tree(spec["secrets_directory"]),
            "seeds": {path: look(path, hashed=False) for path in spec["seeds"]},
            "shown_secrets": shown_secrets(spec, texts),
            "digests": digests(spec["secrets_directory"], spec["secrets"], spec["key"]),
            "lock": parse(read(f"{spec['state']}/images.lock")),
            "intent": parse(read(f"{spec['state']}/intent.json")) or {},
            "data": data_facts(spec, answers),
            "data_record": parse(read(f"{spec['state']}/data.json")),
        }
