"""What we say to systemd, and the name of the boot that it began."""

from __future__ import annotations

import contextlib
import os
import socket


def tell(text: str) -> None:
    """Send it to systemd (sd_notify), such as "READY=1"; nothing happens when it did not ask."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # "@" is how an address without a file is written.
    address = address.replace("@", "\0", 1) if address[0] == "@" else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(text.encode(), address)


def boot(proc: str = "/proc") -> str:
    """Return a name for this run of the system: the kernel's, and the start of its first process,
    which is another one when it is a container that was started again."""
    with open(f"{proc}/sys/kernel/random/boot_id", encoding="ascii") as stream:
        kernel = stream.read().strip()
    with open(f"{proc}/1/stat", encoding="utf-8") as stream:
        started = stream.read().rpartition(")")[2].split()[19]
    return f"{kernel} {started}"
