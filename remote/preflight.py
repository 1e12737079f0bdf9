"""Everything the deploy wants to know about a host before it changes anything: one program, one
round trip, nothing written. What follows from the answers is decided on the controller."""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from typing import Any


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""


def os_release() -> dict[str, str]:
    pairs = (line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line)
    return {key: value.strip('"') for key, value in pairs}


def existing_parent(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def mounts() -> list[dict[str, str]]:
    """Mount point, type and options, the last mount on a point winning."""
    found = []
    for line in read("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        fields, (kind, source) = left.split(), right.split()[:2]
        found.append({"point": fields[4], "type": kind, "source": source})
    return found


def location(path: str, table: list[dict[str, str]]) -> dict[str, Any]:
    """The file system a path is, or will be, on."""
    parent = existing_parent(path)
    real = os.path.realpath(parent)
    below = f"{real.rstrip('/')}/"
    inside = f"{os.path.realpath(path).rstrip('/')}/"
    holding = [one for one in table if below.startswith(one["point"].rstrip("/") + "/")]
    best = max(reversed(holding), key=lambda one: len(one["point"]))
    return {
        "path": path,
        "exists": parent == path,
        "is_mount": os.path.realpath(path) == best["point"] and best["point"] != "/",
        "type": best["type"],
        "device": os.stat(parent).st_dev,
        "free_bytes": shutil.disk_usage(parent).free,
        "inside": sorted(one["point"] for one in table if one["point"].startswith(inside)),
    }


def default_address() -> str:
    """The address of the interface that holds the default route."""
    for line in read("/proc/net/route").splitlines()[1:]:
        fields = line.split()
        if fields[1] == "00000000" and int(fields[3], 16) & 2:
            shown = subprocess.run(
                ["ip", "-json", "-4", "address", "show", "dev", fields[0]],
                capture_output=True,
                text=True,
                check=False,
            )
            for interface in json.loads(shown.stdout or "[]"):
                for address in interface["addr_info"]:
                    if address["scope"] == "global":
                        return str(address["local"])
    return ""


def addresses() -> list[str]:
    shown = subprocess.run(
        ["ip", "-json", "-4", "address", "show"], capture_output=True, text=True, check=False
    )
    listed = json.loads(shown.stdout or "[]")
    return [str(a["local"]) for interface in listed for a in interface["addr_info"]]


def listeners() -> list[dict[str, Any]]:
    """TCP ports somebody listens on, with the program's name where it can be told."""
    inodes: dict[str, tuple[str, int]] = {}
    for table in ("tcp", "tcp6"):
        for line in read(f"/proc/net/{table}").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                host, _, port = fields[1].partition(":")
                inodes[fields[9]] = (ip_address(host), int(port, 16))
    holders = socket_holders(set(inodes))
    return [
        {"address": address, "port": port, "program": holders.get(inode, "")}
        for inode, (address, port) in inodes.items()
    ]


def ip_address(digits: str) -> str:
    """An address as the kernel prints it: words of four bytes, each in the host's order."""
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    raw = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, raw).removeprefix("::ffff:")


def socket_holders(wanted: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
                if target.startswith("socket:[") and target[8:-1] in wanted:
                    found[target[8:-1]] = read(f"/proc/{pid}/comm").strip()
        except OSError:
            continue
    return found


def release() -> str:
    """The version that was deployed last ("0.1.0+build"), "" before the first deploy."""
    for line in read("/etc/mediastack/mediastack.toml").splitlines():
        if line.startswith("["):
            break
        if line.startswith("release = "):
            return line.partition(" = ")[2].strip('"')
    return ""


def our_ports() -> list[int]:
    """Ports held by containers of ours (a running Plex sits on the host's network)."""
    if not shutil.which("docker"):
        return []
    shown = subprocess.run(
        ["docker", "ps", "--filter", "label=io.mediastack.service", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    config = read("/etc/mediastack/mediastack.toml")
    names = set(shown.stdout.split())
    ports, current = [], ""
    for line in config.splitlines():
        if line.startswith("["):
            current = line.strip("[]").removeprefix("services.").strip('"')
        elif line.startswith("published_port = ") and current in names:
            ports.append(int(line.rpartition(" ")[2]))
    return ports


def parsed(record: str) -> Any:
    """A record of ours; None when there is none, or when somebody damaged it: it is made anew."""
    try:
        return json.loads(record)
    except ValueError:
        return None


def docker_key_error(keys: dict[str, str]) -> str:
    """Why Docker cannot be had from its own repository; "" when it can or need not be."""
    said = os_release()
    url = keys.get(f"{said.get('ID', '')} {said.get('VERSION_ID', '')}", "")
    if not url or shutil.which("dockerd"):
        return ""
    try:
        with urllib.request.urlopen(url, timeout=20):  # noqa: S310 - from our own table
            return ""
    except OSError as error:
        return f"{url}: {error}"


def check(spec: dict[str, Any]) -> dict[str, Any]:
    """The facts about the host."""
    table = mounts()
    daemon = read("/etc/docker/daemon.json")
    record = read("/var/lib/mediastack/data.json")
    return {
        "python": list(sys.version_info[:2]),
        "os_release": os_release(),
        "architecture": os.uname().machine,
        "host_name": socket.gethostname(),
        "is_root": os.geteuid() == 0,
        "systemd": os.path.isdir("/run/systemd/system"),
        "time": time.time(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "places": {name: location(path, table) for name, path in spec["paths"].items()},
        "fstab": [
            fields[1]
            for fields in (line.split() for line in read("/etc/fstab").splitlines())
            if len(fields) > 1 and not fields[0].startswith("#")
        ],
        "data_record": parsed(record),
        "tun": os.path.exists("/dev/net/tun"),
        "default_address": default_address(),
        "addresses": addresses(),
        "listeners": listeners(),
        "our_ports": our_ports(),
        "release": release(),
        "daemon_json": daemon,
        "docker_key_error": docker_key_error(spec.get("docker_keys", {})),
    }
