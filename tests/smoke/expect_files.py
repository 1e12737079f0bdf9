"""Managed files: there, as the deploy wrote them, and nothing of ours that is no longer wanted.

As in every expect_* module, a check takes what should be, what is and perhaps a subject, and yields
one line per problem; it asks nothing and can be shown to fail without a host.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from host_configuration import PROGRAM
from mediastack import image_lock
from tests.smoke.expected import Expected

Observed = dict[str, Any]
DEPLOY = "fix: run the deploy again"


def managed_path(expected: Expected, observed: Observed, path: str) -> Iterator[str]:
    """One path has its kind, content, mode and owner."""
    entry, found = expected.files[path], observed["files"].get(path)
    if found is None:
        yield f"{path} is absent; {DEPLOY}"
        return
    if found["kind"] != entry["kind"]:
        yield f"{path} is a {found['kind']} instead of a {entry['kind']}; fix: move it away"
        return
    if found["kind"] == "link":
        if found["target"] != entry["target"]:
            yield f"{path} points to {found['target']} instead of {entry['target']}; {DEPLOY}"
        return
    if "sha256" in entry and found["sha256"] != entry["sha256"]:
        yield f"{path} was changed; {DEPLOY} (--dry --diff shows how)"
    if found["mode"] != entry["mode"]:
        yield f"{path} has mode {found['mode']} instead of {entry['mode']}; {DEPLOY}"
    have, want = (found["uid"], found["gid"]), (entry["uid"], entry["gid"])
    if have != want:
        yield f"{path} belongs to {have[0]}:{have[1]} instead of {want[0]}:{want[1]}; {DEPLOY}"


def environment(expected: Expected, observed: Observed) -> Iterator[str]:
    """The host programs' environment is a finished one, of this lock file and the host's Python."""
    link = observed["files"].get(f"{PROGRAM}/venv") or {}
    if link.get("target") != expected.environment:
        yield f"{PROGRAM}/venv is {link.get('target')} instead of {expected.environment}; {DEPLOY}"
    elif not observed["environment_complete"]:
        yield f"{PROGRAM}/venv is not complete; {DEPLOY}"


def left_behind(expected: Expected, observed: Observed) -> Iterator[str]:
    """What the deploy once made and nobody wants any more is gone."""
    if observed["record"] is None:
        yield f"the record of managed files is missing or damaged; {DEPLOY}"
        return
    for path in observed["left"]:
        if path not in expected.files and not observed["record"][path]["keep"]:
            yield f"{path} is no longer wanted; {DEPLOY}"


def overrides(expected: Expected, observed: Observed, stack: str) -> Iterator[str]:
    """A stack's images.yaml gives each service exactly its digest from the image lock."""
    locked = (observed["lock"] or {}).get("services", {})
    wanted = {}
    for name in expected.config["stacks"][stack]["services"]:
        catalog = expected.config["services"][name]["image"]
        chosen = image_lock.choose(locked.get(name), catalog)
        if chosen != catalog:
            wanted[name] = {"image": chosen}
    path = f"{PROGRAM}/stacks/{stack}/images.yaml"
    lines = observed["overrides"].get(path, "").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    try:
        found = json.loads(text or '{"services": {}}').get("services")
    except ValueError:
        found = None
    if found != wanted:
        yield f"{path} does not follow the image lock; {DEPLOY}"
