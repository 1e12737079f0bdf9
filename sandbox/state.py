"""What the sandbox keeps on the controller: one directory per box below `.sandbox/`.

Keys are made before a box starts: a client key of its own and a host key, so the host key is
pinned from the first connection and never trusted on first use. The directory is git-ignored and
mode 0700; the private keys are 0600 from their first byte (ssh-keygen creates them so).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox import command, progress

ROOT = Path(__file__).resolve().parent.parent
DIRECTORY = ROOT / ".sandbox"
CLIENT_KEY = "id_ed25519"
HOST_KEY = "ssh_host_ed25519_key"


@dataclass(frozen=True)
class Box:
    """How to reach a box; the content of `.sandbox/<name>/box.json`."""

    name: str
    address: str
    ssh_port: int
    user: str
    key: str
    known_hosts: str


def directory(name: str) -> Path:
    """The state directory of box `name`, made when missing (0700)."""
    path = DIRECTORY / name
    DIRECTORY.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def make_keys(name: str) -> None:
    """Make the client key and the host key of box `name` where they are missing."""
    for key in (CLIENT_KEY, HOST_KEY):
        path = directory(name) / key
        if path.exists() and path.with_suffix(".pub").exists():
            continue
        path.unlink(missing_ok=True)
        comment = f"mediastack sandbox {name}"
        command.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def public_key(name: str, key: str) -> str:
    """The public half of `key` (CLIENT_KEY or HOST_KEY) of box `name`, one line without newline."""
    return (directory(name) / f"{key}.pub").read_text(encoding="utf-8").strip()


def key_fingerprint(name: str) -> str:
    """A short hash of both public keys: a box made with other keys is not ours."""
    both = public_key(name, CLIENT_KEY) + public_key(name, HOST_KEY)
    return hashlib.sha256(both.encode()).hexdigest()[:16]


def save(name: str, address: str) -> Box:
    """Write known_hosts and box.json of box `name`; return the box."""
    path = directory(name)
    host_key = " ".join(public_key(name, HOST_KEY).split()[:2])
    known_hosts = path / "known_hosts"
    _write(known_hosts, f"{address} {host_key}\n")
    box = Box(name, address, 22, "root", str(path / CLIENT_KEY), str(known_hosts))
    _write(path / "box.json", json.dumps(asdict(box), indent=2) + "\n")
    return box


def load(name: str) -> Box | None:
    """The box saved as `name`, or None when there is none."""
    try:
        content = (DIRECTORY / name / "box.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return Box(**json.loads(content))


def forget_address(name: str) -> None:
    """Forget where box `name` is, but keep its keys: it is about to be made anew."""
    (DIRECTORY / name / "box.json").unlink(missing_ok=True)


def saved_names() -> list[str]:
    """The names of all boxes this checkout knows."""
    return sorted(path.parent.name for path in DIRECTORY.glob("*/box.json"))


def forget(name: str | None = None) -> None:
    """Delete the state of box `name`, or all of `.sandbox/`."""
    shutil.rmtree(DIRECTORY if name is None else DIRECTORY / name, ignore_errors=True)


def _write(path: Path, content: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == content:
        return
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(content, encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Hold the machine's one sandbox lock: networks, images and the registry are shared by all."""
    path = Path(tempfile.gettempdir()) / f"mediastack-sandbox-{os.getuid()}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with progress.step("waiting for another sandbox command"):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
