"""The kernel's packet filter: list one table, load a ruleset in one transaction, hear of changes.

Only nft's JSON is spoken. Changes are heard from the kernel itself (netlink, as `nft monitor` does)
rather than through a child that would print every rule of every change.
"""

from __future__ import annotations

import errno
import json
import socket
import struct
import subprocess
from typing import Any

TIMEOUT_SECONDS = 10
ABSENT = "No such file or directory"
# linux/netlink.h, linux/netfilter/nfnetlink.h and nf_tables.h; Python names none of them.
NETLINK_NETFILTER, SOL_NETLINK, ADD_MEMBERSHIP, NFTABLES_GROUP = 12, 270, 1, 7
GET_GENERATION, NEW_GENERATION, IS_REQUEST = 10 << 8 | 16, 10 << 8 | 15, 1
GENERATION_SECONDS = 1.0
# Header of netlink, header of netfilter, header of the first attribute: the number.
GENERATION = struct.Struct("=IHHIIBBHHH4s")


class NftError(Exception):
    """nft could not be run or refused; the message is one line."""


def listed(family: str, table: str) -> dict[str, Any] | None:
    """Return a table as `nft -j list table` prints it, None when there is none. Raise NftError."""
    done = _run(["nft", "-j", "list", "table", family, table])
    if done.returncode:
        if ABSENT in done.stderr:
            return None
        raise NftError(_line(done))
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise NftError(f"nft list table: not JSON: {error}") from error
    return answer


def load(ruleset: dict[str, Any]) -> None:
    """Load it: all of it or nothing. Raise NftError."""
    done = _run(["nft", "-j", "-f", "-"], json.dumps(ruleset))
    if done.returncode:
        raise NftError(_line(done))


def changes() -> socket.socket | None:
    """Return a socket that becomes readable whenever any ruleset changes, None when the kernel
    gives none."""
    try:
        heard = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
            NETLINK_NETFILTER,
        )
    except OSError:
        return None
    try:
        heard.bind((0, 0))
        heard.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, NFTABLES_GROUP)
    except OSError:
        heard.close()
        return None
    return heard


def drain(heard: socket.socket, table: str) -> bool:
    """Read away what was heard; return whether any of it may be about a table of this name."""
    name, found = table.encode() + b"\0", False
    while True:
        try:
            found |= name in heard.recv(1 << 16)
        except BlockingIOError:
            return found
        except OSError as error:
            found = True
            if error.errno != errno.ENOBUFS:  # more than it could keep
                return found


def generation() -> int | None:
    """Return the number that the kernel gives its rulesets, another after any change of any of
    them; None when it does not say. A question of some microseconds."""
    request = struct.pack("=IHHIIBBH", 20, GET_GENERATION, IS_REQUEST, 0, 0, 0, 0, 0)
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER
        ) as asked:
            asked.settimeout(GENERATION_SECONDS)
            asked.sendto(request, (0, 0))
            answer = asked.recv(1 << 12)
        values = GENERATION.unpack_from(answer)
    except (OSError, struct.error):
        return None
    return int.from_bytes(values[-1], "big") if values[1] == NEW_GENERATION else None


def _run(command: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise NftError("nft is not installed; run the deploy again") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NftError(f"nft cannot be run: {error}") from error


def _line(done: subprocess.CompletedProcess[str]) -> str:
    """The first line of nft's complaint; it repeats the ruleset after that."""
    text = (done.stderr or done.stdout).strip().splitlines()
    return f"nft: {text[0] if text else f'exit code {done.returncode}'}"
