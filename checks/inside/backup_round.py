"""One backup of this house as it is now, and its copies of databases restored from it.

What is asked for is the product's staging and restic; what is looked at is how far the writers
(inside/chain.py) were before and after, which service's container is another one or was started
again, and which files are in the snapshot. `stops`: services that are stopped for their copy are
part of it. `is_hot`: no backup, but copies of the files as they lie there (a positive control).
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import time
from typing import Any


def progress(spec: "dict[str, Any]") -> "dict[str, int]":
    with open(spec["progress"], "rb") as stream:
        found = stream.read()
    return {
        key: struct.unpack_from("<Q", found, place * 8)[0]
        for place, key in enumerate(sorted(spec["databases"]))
    }


def restic(repository: str, password: str, *arguments: str) -> str:
    done = subprocess.run(
        ["restic", "--json", *arguments],
        env={
            **os.environ,
            "RESTIC_REPOSITORY": repository,
            "RESTIC_PASSWORD_FILE": password,
            "RESTIC_CACHE_DIR": f"{repository}.cache",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"restic {arguments[0]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def hot(spec: "dict[str, Any]", scratch: str) -> "dict[str, str]":
    """Each database as it lies there."""
    copies = {}
    for number, (key, one) in enumerate(sorted(spec["databases"].items())):
        copies[key] = f"{scratch}/{number}.db"
        shutil.copyfile(one["path"], copies[key])
    return copies


def main(
    library: str,
    spec_path: str,
    repository: str,
    password: str,
    scratch: str,
    stops: bool = True,
    is_hot: bool = False,
    listing: bool = False,
) -> "dict[str, Any]":
    with open(spec_path, encoding="utf-8") as stream:
        spec = json.load(stream)
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch, mode=0o700)
    low = progress(spec)
    if is_hot:
        copies = hot(spec, scratch)
        return {"copies": copies, "low": low, "high": progress(spec), "missing": []}
    sys.path.insert(0, library)
    from mediastack import config as configuration
    from mediastack.backup import run_lock, staging
    from mediastack.docker_client import Docker

    config = configuration.load()
    if not stops:
        config["services"] = {
            name: entry
            for name, entry in config["services"].items()
            if entry.get("backup") != "stopped"
        }
    with run_lock.hold(60.0) as ours:
        if not ours:
            raise RuntimeError("somebody else is at work with the backup")
        began = time.monotonic()
        staged = staging.prepare(config, Docker())
        seconds = time.monotonic() - began
        high = progress(spec)
        if not os.path.exists(f"{repository}/config"):
            restic(repository, password, "init")
        apart = [word for one in staged.excludes for word in ("--exclude", one)]
        words = ("backup", "--tag", "mediastack", *apart, "--", *staged.paths)
        said = restic(repository, password, *words).splitlines()
        saved = time.monotonic() - began - seconds
    snapshot = json.loads(said[-1])["snapshot_id"]
    stage = staged.manifest["paths"]["stage"]
    restic(
        repository, password, "restore", snapshot, "--target", scratch,
        "--include", f"{stage}/databases", "--include", f"{stage}/manifest.json",
    )  # fmt: skip
    with open(f"{scratch}{stage}/manifest.json", encoding="utf-8") as stream:
        manifest = json.load(stream)
    copies, missing = {}, []
    for key, one in spec["databases"].items():
        service, relative = one["service"], one["relative"]
        path = f"{scratch}{stage}/databases/{service}/{relative}"
        known = relative in manifest["services"].get(service, {}).get("databases", {})
        if known and os.path.exists(path):
            copies[key] = path
        else:
            missing.append(key)
    live = []
    if listing:
        for line in restic(repository, password, "ls", snapshot).splitlines():
            path = json.loads(line).get("path", "")
            name = path.removesuffix("-wal").removesuffix("-shm").removesuffix("-journal")
            if name in {one["path"] for one in spec["databases"].values()}:
                live.append(path)
    return {
        "copies": copies,
        "missing": missing,
        "low": low,
        "high": high,
        "seconds_staging": round(seconds, 3),
        "seconds_saving": round(saved, 3),
        "copied": staged.copied,
        "reused": staged.reused,
        "problems": staged.problems,
        "downtime": staged.downtime,
        "live": live,
    }
