"""The kernel's packet filter: list one table, load a ruleset in one transaction, hear of changes.

Only nft's JSON is spoken. Changes are heard from the kernel itself (netlink, as `nft monitor` does)
rather than through a child that would print every rule of every change.
"""

from __future__ import annotations

import errno
import json
import socket
import subprocess
from typing import Any

TIMEOUT_SECONDS = 10
ABSENT = "No such file or directory"
# linux/netlink.h and linux/netfilter/nfnetlink.h; Python names none of them.
NETLINK_NETFILTER, SOL_NETLINK, ADD_MEMBERSHIP, NFTABLES_GROUP = 12, 270, 1, 7


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


def drain(heard: socket.socket) -> None:
    """Read away what was heard; that there was something is all that counts."""
    while True:
        try:
            heard.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # more than it could keep
                return


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
