"""The configs of services as files: another state is put in (`plant`), each file is looked at, and
what a snapshot has of it is restored by restic alone and looked at in the same way.

No program of ours is asked: files by their own names, databases by SQLite, snapshots by restic.
"""

import hashlib
import json
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import time
from typing import Any

ETC = "/etc/mediastack"
REPOSITORY = "/srv/mediastack/backups/restic"
STAGE = "/srv/mediastack/config/.mediastack-backup/stage"
PLANTED = "check"
COMPANIONS = ("", "-wal", "-shm", "-journal")


def plant(root: str, state: int, owner: int, odd: bool) -> None:
    """Files of one state: some are in all of them, some in this alone; no two have one content."""
    chance = random.Random(state)  # noqa: S311 - contents of a test
    top = f"{root}/{PLANTED}"
    shutil.rmtree(top, ignore_errors=True)
    os.makedirs(f"{top}/deep/er")
    names = ["state", "deep/a", "deep/er/b \u00e9\n", *(f"deep/only-{state}-{n}" for n in range(6)),
             *(f"many-{n}" for n in range(25))]  # fmt: skip
    for name in names:
        path = f"{top}/{name}"
        with open(path, "wb") as handle:
            handle.write(str(state).encode() if name == "state" else chance.randbytes(3000))
        os.chown(path, owner, owner)
        if odd and chance.random() < 0.3:
            os.chown(path, 1234, 4321)
        os.chmod(path, chance.choice([0o600, 0o644, 0o640, 0o755]))
        os.setxattr(path, "user.state", str(state).encode())
        os.utime(path, ns=(chance.randrange(10**18), chance.randrange(10**18)))
    os.link(f"{top}/state", f"{top}/deep/hard")
    os.symlink(f"nowhere-{state}", f"{top}/link")
    os.lchown(f"{top}/link", owner, owner)
    for directory in ("deep/er", "deep", ""):
        path = f"{top}/{directory}".rstrip("/")
        os.chown(path, owner, owner)
        os.chmod(path, 0o750 if state % 2 else 0o755)
        os.utime(path, ns=(chance.randrange(10**18), chance.randrange(10**18)))


def write_row(path: str, state: int) -> None:
    """One more row, as the app would commit it."""
    connection = sqlite3.connect(path, timeout=20, isolation_level=None)
    try:
        connection.execute(
            "INSERT INTO entries (at, text) VALUES (?, ?)", (time.time(), str(state))
        )
    finally:
        connection.close()


def rows(path: str) -> "list[str]":
    """What is in it, and whether it is whole."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)
        try:
            found = [
                str(one[0]) for one in connection.execute("SELECT text FROM entries ORDER BY id")
            ]
            whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
            return found if whole == "ok" else [whole]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return [f"damaged: {error}"]


def tree(root: str, left_out: "list[str]") -> "dict[str, list[Any]]":
    """Every node: kind and mode, owners, content, attributes; times of what was planted."""
    found: dict[str, list[Any]] = {}
    waiting = [root]
    while waiting:
        path = waiting.pop()
        name = os.path.relpath(path, root)
        if name in left_out:
            continue
        try:
            seen = os.lstat(path)
            entry: list[Any] = [oct(seen.st_mode), seen.st_uid, seen.st_gid]
            if stat.S_ISLNK(seen.st_mode):
                entry.append(os.readlink(path))
            elif stat.S_ISREG(seen.st_mode):
                with open(path, "rb") as handle:
                    entry.append(hashlib.sha256(handle.read()).hexdigest()[:20])
                entry.append({one: os.getxattr(path, one).hex() for one in os.listxattr(path)})
            elif stat.S_ISDIR(seen.st_mode):
                waiting += [f"{path}/{one}" for one in os.listdir(path)]
            elif stat.S_ISSOCK(seen.st_mode):
                continue
            if name.startswith(PLANTED) and not stat.S_ISLNK(seen.st_mode):
                entry.append(seen.st_mtime_ns)
        except FileNotFoundError:
            continue
        found[name] = entry
    return dict(sorted(found.items()))


def looked_at(root: str, service: "dict[str, Any]") -> "dict[str, Any]":
    """A service's config: files, and rows of its database."""
    database = service["database"]
    left_out = [*service["left_out"], *(database + ending for ending in COMPANIONS if database)]
    return {
        "tree": tree(root, left_out),
        "rows": rows(f"{root}/{database}") if database else [],
    }


def restic(*words: str) -> str:
    """Of its own: no cache, no lock of ours."""
    password = f"{ETC}/secrets/backup/repository_password"
    command = [
        "restic",
        "--no-cache",
        "--no-lock",
        "--repo",
        REPOSITORY,
        "--password-file",
        password,
    ]
    done = subprocess.run([*command, *words], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"restic {words[0]}: {done.stderr[-300:]}")
    return done.stdout


def snapshot(identity: str, services: "dict[str, dict[str, Any]]") -> "dict[str, Any]":
    """What a snapshot has of these services; or why it cannot be restored."""
    scratch = "/var/tmp/check-snapshot"  # noqa: S108 - in a box
    shutil.rmtree(scratch, ignore_errors=True)
    words = ["restore", identity, "--target", scratch, "--verify", "--include", STAGE]
    for one in services.values():
        words += ["--include", one["root"]]
    try:
        restic(*words)
        with open(f"{scratch}{STAGE}/manifest.json", encoding="utf-8") as handle:
            known = json.load(handle)["services"]
        found = {}
        for name, one in services.items():
            root = f"{STAGE}/stopped/{name}" if known[name]["stopped"] else one["root"]
            if one["database"]:
                shutil.copy2(f"{scratch}{STAGE}/databases/{name}/{one['database']}",
                             f"{scratch}{root}/{one['database']}")  # fmt: skip
            found[name] = looked_at(scratch + root, one)
        return found
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def leftovers() -> "list[str]":
    """What a restore has left: its journal, its trees, holds and paused containers."""
    found = [path for path in ("/var/lib/mediastack/restore.json",) if os.path.exists(path)]
    top = "/srv/mediastack/config/.mediastack-restore"
    for directory, _, _ in os.walk(top):
        found += (
            [f"{directory}/{name}" for name in os.listdir(directory)] if directory == top else []
        )
    try:
        with open("/var/lib/mediastack/acting.json", encoding="utf-8") as handle:
            found += [f"acting: {name}" for name in json.load(handle)]
    except FileNotFoundError:
        pass
    paused = subprocess.run(["docker", "ps", "-q", "--filter", "status=paused"],
                            check=False, capture_output=True, text=True).stdout  # fmt: skip
    return found + [f"paused: {one}" for one in paused.split()]


def main(
    services: "dict[str, dict[str, Any]]",
    state: int = -1,
    identity: str = "",
    what: str = "configs",
) -> Any:
    """`state`: plant that first. `what`: "configs", "snapshot" (of `identity`), "whole" (does
    restic find the repository in order) or "leftovers"."""
    if what == "snapshot":
        return snapshot(identity, services)
    if what == "leftovers":
        return leftovers()
    if what == "whole":
        try:
            return restic("check") and ""
        except RuntimeError as error:
            return str(error)
    for one in services.values():
        if state >= 0:
            plant(one["root"], state, one["owner"], one["odd"])
            if one["database"]:
                write_row(f"{one['root']}/{one['database']}", state)
    return {name: looked_at(one["root"], one) for name, one in services.items()}
