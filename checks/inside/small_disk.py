"""A small file system of its own below /data/torrents, for the host and for a running container.

A bind mount does not pass on what is mounted later, so a clone of the mount is moved into the
container's mount namespace; after a restart it has it by itself.
"""

import ctypes
import os
import subprocess

OPEN_TREE, MOVE_MOUNT, AT_FDCWD = 428, 429, -100
CLONE, RECURSIVE, EMPTY_SOURCE = 1, 0x8000, 0x4
NEW_MOUNTS = 0x00020000


def call(number: int, *arguments: object) -> int:
    """A system call without a wrapper in this libc. Raise OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"system call {number}: {os.strerror(code)}")
    return result


def into(container: str, path: str) -> None:
    """The mount at `path`, at the same path in the container."""
    shown = subprocess.run(
        ["docker", "inspect", "--format", "{{.State.Pid}}", container],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    tree = call(OPEN_TREE, AT_FDCWD, path.encode(), CLONE | os.O_CLOEXEC)
    namespace = os.open(f"/proc/{int(shown)}/ns/mnt", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "setns")
    call(MOVE_MOUNT, tree, b"", AT_FDCWD, path.encode(), EMPTY_SOURCE)


def main(path: str, container: str, mib: int, uid: int, gid: int) -> bool:
    """Make it, `mib` large and empty but for a sentinel."""
    os.makedirs(path, exist_ok=True)
    options = f"size={mib}m,uid={uid},gid={gid},mode=0775"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "check-small", path], check=True)
    with open(os.path.join(path, ".sentinel"), "w", encoding="utf-8"):
        pass
    child = os.fork()
    if child == 0:
        try:
            into(container, path)
        except OSError as error:
            os.write(2, f"{error}\n".encode())
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0
