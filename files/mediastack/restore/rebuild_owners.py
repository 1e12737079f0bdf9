"""Whose files are here, when the numbers of users were others where they came from.

A service's files belong to the numbers it ran with there (the manifest says which) and get those it
has here; every other number is somebody the image brings along, and stays. Nothing here follows a
link. Secrets get exactly the owner and mode that this house's configuration gives them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mediastack.restore import owners
from mediastack.restore.owners import Ids

SECRET_MODE = 0o400


def of_service(
    config: Mapping[str, Any], manifest: Mapping[str, Any], service: str
) -> tuple[Ids, Ids] | None:
    """Return (there, here) for one service, None when nobody can tell. One that this house does
    not have (any more) follows those that had its numbers, where they all got the same."""
    there = manifest["services"].get(service)
    if there is None:
        return None
    if service in config["services"]:
        return _ids(there), _ids(config["services"][service])
    answers = {
        _ids(config["services"][name])
        for name, other in manifest["services"].items()
        if name in config["services"] and _ids(other) == _ids(there)
    }
    return (_ids(there), answers.pop()) if len(answers) == 1 else None


def give(top: str, config: Mapping[str, Any], manifest: Mapping[str, Any], service: str) -> None:
    """Give a tree, or a file, of a service its owner. Raise OSError."""
    if found := of_service(config, manifest, service):
        owners.remap(top, *found)


def give_secrets(top: str, config: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Give a tree of secrets the owners and modes of this house. Raise OSError."""
    exact = _wanted(config)
    for directory, _, files in os.walk(top):
        service = os.path.relpath(directory, top).split(os.sep)[0]
        for name in files:
            path = os.path.join(directory, name)
            wanted = exact.get(os.path.relpath(path, top))
            if wanted is None or os.path.islink(path):
                give(path, config, manifest, service)
                continue
            uid, gid, mode = wanted
            # Never wider for somebody else, not for an instant.
            os.chmod(path, SECRET_MODE & mode)
            os.chown(path, uid, gid)
            os.chmod(path, mode)


def _wanted(config: Mapping[str, Any]) -> dict[str, tuple[int, int, int]]:
    """Return {path below the secrets: (uid, gid, mode)} of this house."""
    live = os.path.join(config["paths"]["etc"], "secrets")
    found = {
        f"{spec['service']}/{spec['name']}": (spec["uid"], spec["gid"], SECRET_MODE)
        for spec in config["secrets"]
    }
    for file in config["secret_files"]:
        if file["destination"].startswith(live + os.sep):
            name = os.path.relpath(file["destination"], live)
            found[name] = (file["uid"], file["gid"], int(file["mode"], 8))
    return found


def _ids(service: Mapping[str, Any]) -> Ids:
    return int(service.get("uid", 0)), int(service.get("gid", 0))
