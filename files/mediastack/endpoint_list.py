"""The addresses of a provider's servers, from the list that Gluetun keeps in its state directory.

Gluetun merges the list of its image into the one on disk and writes it before it connects:
`servers.json` (v3.41), or `servers/manifest.json` that names a file for each provider (newer); a
second one that an older or newer image left counts as well. It writes in place, so half a file is
met now and then, and is an error like any other. The container's root may put anything there:
only files of a bounded size are read, no links, and only public or documentation addresses taken.
Read by a program of its own (`read_apart`), since a list is megabytes of JSON: its memory is gone
afterwards. That runs this file alone, so nothing of ours is imported here.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

# Gluetun's own path of its state directory, which a manifest's paths begin with.
HOME = "/gluetun/"
FILE, MANIFEST = "servers.json", "servers/manifest.json"
MAXIMUM_BYTES = 64 * 1024 * 1024
# The largest provider has some ten thousand.
MAXIMUM_ADDRESSES = 50_000
MEMORY_BYTES, PROCESSOR_SECONDS, TIMEOUT_SECONDS = 1 << 30, 10, 10.0
DOCUMENTATION = [
    ipaddress.ip_network(one)
    for one in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]

Stamp = list[Any]


class ListError(Exception):
    """A list cannot be read or believed; the message is one line."""


def stamp(directory: str, providers: Iterable[str]) -> Stamp:
    """Return what is another when the lists of these providers may be: identity, size, time."""
    names = (FILE, MANIFEST, *(f"servers/{one}.json" for one in sorted(providers)))
    found: Stamp = []
    for name in names:
        with contextlib.suppress(OSError):
            seen = os.lstat(f"{directory}/{name}")
            found.append([name, seen.st_ino, seen.st_size, seen.st_mtime_ns])
    return found


def read(directory: str, providers: Iterable[str]) -> dict[str, list[str]]:
    """Return {provider: addresses of its servers, sorted} for those that a list has servers of.

    Raise ListError when a list that is there cannot be used, and nothing of it may be taken.
    """
    found: dict[str, set[str]] = {}
    for content in _contents(directory):
        for provider in providers:
            entry = content.get(provider)
            if isinstance(entry, dict) and isinstance(entry.get("filepath"), str):
                entry = _json(_inside(directory, entry["filepath"]))
            if isinstance(entry, dict) and (several := set(_addresses(entry, provider))):
                found.setdefault(provider, set()).update(several)
    for provider, several in found.items():
        if len(several) > MAXIMUM_ADDRESSES:
            raise ListError(
                f"{provider} has {len(several)} addresses, more than {MAXIMUM_ADDRESSES}"
            )
    return {provider: sorted(several) for provider, several in found.items()}


def read_apart(directory: str, providers: Iterable[str]) -> dict[str, list[str]]:
    """Return what `read` does, read by a process of its own. Raise ListError."""
    # -I -S: nothing of the environment's, and a quick start.
    command = [sys.executable, "-I", "-S", __file__, directory, *sorted(providers)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ListError(f"the list cannot be read: {error}") from error
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ListError(told[-1])
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def main(arguments: list[str]) -> int:
    """Print what `read` returns for DIRECTORY PROVIDER…; 1 and one line on stderr for an error."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    try:
        print(json.dumps(read(arguments[0], arguments[1:])))
    except (ListError, MemoryError, RecursionError) as error:
        print(str(error) or type(error).__name__, file=sys.stderr)
        return 1
    return 0


def _contents(directory: str) -> Iterator[dict[str, Any]]:
    for name in (FILE, MANIFEST):
        path = f"{directory}/{name}"
        if os.path.lexists(path):
            yield _json(path)


def _json(path: str) -> dict[str, Any]:
    """Return the object in a file. Raise ListError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ListError(f"{path} is no file")
            data = stream.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise ListError(f"{path}: {error.strerror}") from error
    if len(data) > MAXIMUM_BYTES:
        raise ListError(f"{path} is larger than {MAXIMUM_BYTES >> 20} MiB")
    try:
        content = json.loads(data, object_hook=_short)
    except ValueError as error:
        raise ListError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ListError(f"{path} holds no object")
    return content


def _short(one: dict[str, Any]) -> Any:
    """Of a server only what is wanted, as soon as it is read: there are tens of thousands."""
    return (one.get("vpn"), one["ips"]) if isinstance(one.get("ips"), list) else one


def _inside(directory: str, path: str) -> str:
    """Return a path of Gluetun's as one of the host's. Raise ListError for one elsewhere."""
    below = os.path.normpath(path)
    if not below.startswith(HOME):
        raise ListError(f"{MANIFEST} names {path}, which is not below {HOME}")
    return f"{directory}/{below.removeprefix(HOME)}"


def _addresses(entry: dict[str, Any], provider: str) -> Iterator[str]:
    """The usable addresses of one provider's servers; OpenVPN's are of no use to WireGuard."""
    servers = entry.get("servers")
    for one in servers if isinstance(servers, list) else ():
        if not isinstance(one, tuple) or one[0] == "openvpn":
            continue
        for text in one[1]:
            try:
                address = ipaddress.ip_address(text if isinstance(text, str) else "")
            except ValueError as error:
                raise ListError(f"{provider} has a server at {text!r}") from error
            if _is_usable(address):
                yield str(address)


def _is_usable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Public (or documentation) and of one machine: never this host's or its neighbours'."""
    if address.is_multicast or getattr(address, "ipv4_mapped", None) is not None:
        return False
    return address.is_global or any(address in one for one in DOCUMENTATION)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
