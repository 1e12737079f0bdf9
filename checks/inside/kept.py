"""What an upgrade must not touch: every secret, and a mark in the state of every service."""

import hashlib
import os
import subprocess
from typing import Any

SECRETS = "/etc/mediastack/secrets"
CONFIG = "/srv/mediastack/config"
MARK = "check-upgrade.state"


def entry(path: str) -> "list[Any]":
    found = os.lstat(path)
    with open(path, "rb") as handle:
        content = hashlib.sha256(handle.read()).hexdigest()
    return [oct(found.st_mode), found.st_uid, found.st_gid, content]


def secrets() -> "dict[str, Any]":
    """Every file below the directory of secrets: owner, mode and a hash of its content."""
    return {
        os.path.join(directory, name): entry(os.path.join(directory, name))
        for directory, _, names in os.walk(SECRETS)
        for name in names
    }


def mark() -> "dict[str, Any]":
    """Put a file of random content into every service's state, owned as the state is."""
    made = {}
    for name in sorted(os.listdir(CONFIG)):
        path = f"{CONFIG}/{name}/{MARK}"
        with open(path, "wb") as handle:
            handle.write(os.urandom(32))
        owner = os.stat(f"{CONFIG}/{name}")
        os.chown(path, owner.st_uid, owner.st_gid)
        made[path] = entry(path)
    return made


def containers() -> "dict[str, str]":
    shown = subprocess.run(
        ["docker", "ps", "-a", "--no-trunc", "--format", "{{.Names}} {{.ID}}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return dict(line.split() for line in shown.splitlines() if line)


def main(marking: bool = False) -> "dict[str, Any]":
    marks = (
        mark()
        if marking
        else {
            path: entry(path)
            for name in sorted(os.listdir(CONFIG))
            if os.path.exists(path := f"{CONFIG}/{name}/{MARK}")
        }
    )
    return {"secrets": secrets(), "marks": marks, "containers": containers()}
