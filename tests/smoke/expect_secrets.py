"""Secrets: each where its one reader finds it, unreadable for everybody else, and shown nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.smoke.expect_files import DEPLOY
from tests.smoke.expected import Expected

Observed = dict[str, Any]
OTHERS = 0o077
WORLD = 0o007


def declared(expected: Expected, observed: Observed, path: str) -> Iterator[str]:
    """One secret is there, not empty, with exactly its mode and owner."""
    entry, found = expected.secrets[path], observed["secrets"].get(path)
    if found is None:
        yield f"{path} is absent; {DEPLOY}"
        return
    if found["kind"] != "file" or not found["size"]:
        yield f"{path} is no file or empty; fix: remove it, then run the deploy"
    if found["mode"] != entry["mode"]:
        yield f"{path} has mode {found['mode']} instead of {entry['mode']}; {DEPLOY}"
    if (found["uid"], found["gid"]) != (entry["uid"], entry["gid"]):
        have, want = f"{found['uid']}:{found['gid']}", f"{entry['uid']}:{entry['gid']}"
        yield f"{path} belongs to {have} instead of {want}; {DEPLOY}"


def value(expected: Expected, observed: Observed, secret: str) -> Iterator[str]:
    """It holds what it should: the user's value, its original's, or what its template makes."""
    top = f"{expected.config['paths']['etc']}/secrets/"
    name = secret.removeprefix(top)
    declared = {f"{one['service']}/{one['name']}": one for one in expected.config["secrets"]}
    entry, digests = declared.get(name), observed["digests"]
    if entry is None:
        if problem := observed["unfilled"].get(secret):
            yield f"{secret} is not what its template makes of it ({problem}); {DEPLOY}"
    elif entry["origin"] == "user" and observed["given"].get(name) != digests.get(name):
        yield f"{secret} is not the value in secrets.toml; {DEPLOY}"
    elif entry["origin"] == "copy" and digests.get(entry["source"]) != digests.get(name):
        yield f"{secret} differs from its original {entry['source']}; {DEPLOY}"


def seeded(expected: Expected, observed: Observed, path: str) -> Iterator[str]:
    """A configuration that its app owns by now is there, its app's, and closed to the world.

    Apps write it with modes of their own, so the closed door may be that of their directory.
    """
    entry, found = expected.seeds[path], observed["seeds"].get(path)
    door = observed["files"].get(f"{expected.settings.storage.config}/{entry['service']}")
    if found is None:
        yield f"{path} is absent; {DEPLOY}"
        return
    if all(one and int(one["mode"], 8) & WORLD for one in (found, door)):
        yield f"{path} is open to every user (mode {found['mode']}); fix: chmod o-rwx {path}"
    if found["uid"] != entry["uid"]:
        yield f"{path} belongs to uid {found['uid']} instead of {entry['uid']}; {DEPLOY}"


def private(expected: Expected, observed: Observed) -> Iterator[str]:
    """Below the secrets' directory nothing is open to anybody but its owner, known or not."""
    for path, found in observed["secrets"].items():
        if found is not None and int(found["mode"], 8) & OTHERS and found["kind"] != "link":
            yield f"{path} is open to others (mode {found['mode']}); fix: chmod go-rwx {path}"


def not_shown(expected: Expected, observed: Observed) -> Iterator[str]:
    """No secret stands in `docker inspect` or in a file that everybody may read."""
    for one in observed["shown_secrets"]:
        yield f"secret {one}; fix: rotate it, and mount it as a file"
