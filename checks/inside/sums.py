"""A checksum tree: kind, mode, owner, time and content of everything below some directories."""

import hashlib
import os
import stat
from typing import Any


def main(tops: "list[str]", without: "list[str] | None" = None) -> "dict[str, list[Any]]":
    """{path: [mode, uid, gid, time, content]}; `without` are ends of names that are left out."""
    found: dict[str, list[Any]] = {}
    for top in tops:
        for directory, below, files in os.walk(top):
            for name in ["", *files, *(one for one in below if link(directory, one))]:
                path = os.path.join(directory, name).rstrip("/")
                if not path.endswith(tuple(without or ("\0",))):
                    found[path] = entry(path)
    return found


def link(directory: str, name: str) -> bool:
    return os.path.islink(os.path.join(directory, name))


def entry(path: str) -> "list[Any]":
    status = os.lstat(path)
    content = ""
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(status.st_mode):
        with open(path, "rb") as stream:
            content = hashlib.sha256(stream.read()).hexdigest()
    return [oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, content]
