"""What other connections over SSH run here: name it, kill it, or cut the connections.

Whatever a connection starts carries its SSH_CONNECTION, also when its parent is gone; our own
connection is left alone. What systemd was asked to start carries none, and is not meant.
"""

import contextlib
import os
import signal


def read(pid: str, name: str) -> "list[str]":
    try:
        with open(f"/proc/{pid}/{name}", "rb") as handle:
            return handle.read().decode(errors="replace").split("\0")
    except OSError:
        return []


def others() -> "list[str]":
    """Programs that another connection started."""
    mine = f"SSH_CONNECTION={os.environ['SSH_CONNECTION']}"
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        given = [one for one in read(pid, "environ") if one.startswith("SSH_CONNECTION=")]
        if given and given != [mine]:
            found.append(pid)
    return found


def ancestors() -> "set[str]":
    pid, found = str(os.getpid()), set()
    while pid != "0":
        found.add(pid)
        with open(f"/proc/{pid}/stat", encoding="utf-8") as handle:
            pid = handle.read().rpartition(")")[2].split()[1]
    return found


def connections() -> "list[str]":
    """The processes of sshd that serve another connection."""
    mine = ancestors()
    return [
        pid
        for pid in filter(str.isdigit, os.listdir("/proc"))
        if pid not in mine and read(pid, "cmdline")[:1]
        and read(pid, "cmdline")[0].startswith(("sshd-session:", "sshd: "))
        and "[listener]" not in read(pid, "cmdline")[0]
    ]  # fmt: skip


def main(what: str) -> "list[str]":
    """`look`: the others' programs. `kill` these. `cut`: kill what serves their connections."""
    if what == "look":
        return [" ".join(read(pid, "cmdline")).strip()[:160] for pid in others()]
    ended = connections() if what == "cut" else others()
    for pid in ended:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    return ended
