"""All of a house's state as the kernel and SQLite show it: files, rows, secrets, the image lock.

Made by nothing of ours. With `wait_for` (a file that a rebuild writes, and what must be in it) it
is read at the moment when that is so, and whether a container ran by then is told as well.
"""

import glob
import hashlib
import json
import os
import sqlite3
import stat
import subprocess
import time
from typing import Any

CONFIG = "/srv/mediastack/config"
SECRETS = "/etc/mediastack/secrets"
LOCK = "/var/lib/mediastack/images.lock"
MAGIC = b"SQLite format 3\0"
POLL_SECONDS = 0.05


def entry(path: str) -> "list[Any]":
    """[kind and mode, uid, gid, content, time (files), extended attributes]"""
    found = os.lstat(path)
    content, moment = "", 0
    if stat.S_ISLNK(found.st_mode):
        content, moment = os.readlink(path), found.st_mtime_ns
    elif stat.S_ISREG(found.st_mode):
        with open(path, "rb") as handle:
            content = hashlib.sha256(handle.read()).hexdigest()
        moment = found.st_mtime_ns
    names = os.listxattr(path, follow_symlinks=False)
    values = {one: os.getxattr(path, one, follow_symlinks=False).hex() for one in names}
    return [oct(found.st_mode), found.st_uid, found.st_gid, content, moment, values]


def tree(top: str) -> "dict[str, list[Any]]":
    """Everything below, by its path there; not what is ours alone (.mediastack-…)."""
    found: dict[str, list[Any]] = {}
    for directory, names, files in os.walk(top):
        names[:] = [one for one in names if not one.startswith(".mediastack-")]
        for name in (*names, *files):
            path = os.path.join(directory, name)
            try:
                found[os.path.relpath(path, top)] = entry(path)
            except FileNotFoundError:
                continue  # a temporary file
    return found


def rows(path: str) -> "dict[str, Any]":
    """Version, schema and every table of a database: how many rows, and a hash of them all."""
    # Without a -wal nobody writes, and then nothing shall be made beside it.
    how = "mode=ro" if os.path.exists(path + "-wal") else "immutable=1"
    connection = sqlite3.connect(f"file:{path}?{how}", uri=True)
    try:
        master = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
        schema = connection.execute(master).fetchall()
        tables = {}
        for kind, name, _ in schema:
            if kind == "table":
                every = sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"')))  # noqa: S608
                digest = hashlib.sha256("\n".join(every).encode()).hexdigest()
                tables[name] = [len(every), digest]
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return {"version": version, "schema": repr(schema), "tables": tables}
    finally:
        connection.close()


def databases() -> "dict[str, dict[str, Any]]":
    """Every database below the configs, whatever it is called."""
    found = {}
    for path in glob.glob(f"{CONFIG}/[!.]*/**", recursive=True, include_hidden=True):
        if not os.path.isfile(path) or os.path.islink(path):
            continue
        with open(path, "rb") as handle:
            if handle.read(len(MAGIC)) == MAGIC:
                found[os.path.relpath(path, CONFIG)] = rows(path)
    return found


def lock() -> "dict[str, list[str]]":
    try:
        with open(LOCK, encoding="utf-8") as handle:
            services = json.load(handle)["services"]
    except FileNotFoundError:
        return {}
    return {name: [one["image"], one["digest"]] for name, one in services.items()}


def containers() -> int:
    try:
        shown = subprocess.run(["docker", "ps", "-aq"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return len(shown.stdout.split())


def wait(path: str, words: str) -> None:
    while True:
        try:
            with open(path, encoding="utf-8") as handle:
                if words in handle.read():
                    return
        except FileNotFoundError:
            pass
        time.sleep(POLL_SECONDS)


def main(wait_for: "list[str] | None" = None) -> "dict[str, Any]":
    if wait_for:
        wait(*wait_for)
    return {
        "files": tree(CONFIG),
        "databases": databases(),
        "secrets": tree(SECRETS),
        "lock": lock(),
        "containers": containers(),
    }
