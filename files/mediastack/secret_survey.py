"""What is wrong with the secrets of this house: findings, each with what mends it.

Everything is compared with the host's own files at every survey, so there is nothing to remember
between runs. Finding out changes nothing; see mediastack.secrets for the rules and the mending.
"""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

from mediastack import rotated, secret_files, secret_filters
from mediastack.restore import rebuild_state
from mediastack.secret_files import DIRECTORY_MODE, SecretError

SECRET_MODE = 0o400
SALT_NAME = ".salt-key"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*")


class Finding(NamedTuple):
    """One path that is not as it should be, and what makes it right.

    action: "attributes" (owner and mode), "directory", "generate" (`kind`, once), "write",
    "seed" (write if absent), "later" (needs a secret that this pass has yet to make), or "refuse"
    (nothing of ours can mend it; the problem says who can).
    """

    path: str
    problem: str
    action: str
    uid: int
    gid: int
    mode: int
    content: bytes = b""
    kind: str = ""


class House(NamedTuple):
    """What one survey works with; `values` fills up on the way (None: made in this apply)."""

    directory: str
    config_directory: str
    specs: dict[str, dict[str, Any]]
    files: list[dict[str, Any]]
    given: dict[str, str]
    templates: dict[str, str]
    values: dict[str, str | None]
    settings: dict[str, Any]


def survey(
    settings: dict[str, Any], given: dict[str, str], templates: dict[str, str] | None = None
) -> list[Finding]:
    """Return what is wrong, in the order in which it is to be mended. Raise SecretError.

    `templates` (text by path) stands for template files that are about to be placed.
    """
    specs = {f"{spec['service']}/{spec['name']}": spec for spec in settings["secrets"]}
    directory = os.path.join(settings["paths"]["etc"], "secrets")
    house = House(
        directory,
        settings["paths"]["config"],
        specs,
        settings["secret_files"],
        given,
        templates or {},
        {},
        settings,
    )
    if begun := _half_rebuilt(settings):
        # Secrets made now would not fit the state that is on its way.
        return [begun]
    if odd := [name for name in specs if not NAME.fullmatch(name)]:
        raise SecretError(f"mediastack.toml: secret {odd[0]!r} is not service/name")
    findings = [found for path in _directories(house) for found in _directory(path)]
    salt = {"kind": "hex64", "uid": os.geteuid(), "gid": os.getegid()}
    findings += _generated(house, SALT_NAME, salt)
    # Copies last: what they are copied from is known by then.
    for name, spec in sorted(specs.items(), key=lambda item: item[1]["origin"] == "copy"):
        if spec["origin"] == "generated":
            findings += _generated(house, name, spec)
        elif spec["origin"] == "user":
            findings += _from_user(house, name, spec)
        else:
            findings += _copied(house, name, spec)
    for file in house.files:
        findings += _filled(house, file)
    return findings


def _half_rebuilt(settings: dict[str, Any]) -> Finding | None:
    try:
        why = rebuild_state.refusal(settings)
    except rebuild_state.RebuildError as error:
        raise SecretError(str(error)) from error
    owner = (os.geteuid(), os.getegid(), SECRET_MODE)
    return Finding("this host", why, "refuse", *owner) if why else None


def _directories(house: House) -> list[str]:
    """The directories of secrets, parents first; directories of seeds are the apps' own."""
    parents = {os.path.join(house.directory, name.split("/")[0]) for name in house.specs}
    for file in house.files:
        parent = os.path.dirname(file["destination"])
        while not file.get("seed") and parent.startswith(house.directory + os.sep):
            parents.add(parent)
            parent = os.path.dirname(parent)
    return [house.directory, *sorted(parents)]


def _directory(path: str) -> list[Finding]:
    uid, gid = os.geteuid(), os.getegid()
    if not os.path.lexists(path):
        return [Finding(path, "missing", "directory", uid, gid, DIRECTORY_MODE)]
    if os.path.islink(path) or not os.path.isdir(path):
        raise SecretError(f"{path}: is no directory; remove it and apply again")
    return _attributes(path, uid, gid, DIRECTORY_MODE)


def _text(path: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise SecretError(f"{path}: is not UTF-8 text; replace or remove it") from None


def _attributes(path: str, uid: int, gid: int, mode: int) -> list[Finding]:
    problem = secret_files.attribute_problem(path, uid, gid, mode)
    return [Finding(path, problem, "attributes", uid, gid, mode)] if problem else []


def _generated(house: House, name: str, spec: dict[str, Any]) -> list[Finding]:
    path = os.path.join(house.directory, name)
    owner = (spec["uid"], spec["gid"], SECRET_MODE)
    found = secret_files.content(path)
    house.values[name] = None if found is None else _text(path, found)
    if found is None:
        return [Finding(path, "missing", "generate", *owner, kind=spec["kind"])]
    if not found:
        problem = "empty; remove it, and a new one is made (its readers then need a restart)"
        return [Finding(path, problem, "refuse", *owner)]
    return _attributes(path, *owner)


def _from_user(house: House, name: str, spec: dict[str, Any]) -> list[Finding]:
    path = os.path.join(house.directory, name)
    owner = (spec["uid"], spec["gid"], SECRET_MODE)
    required = spec.get("required", True)
    # A value that was not handed over this time (a run on the host itself) stays what it is.
    found = secret_files.content(path)
    value = house.given.get(name)
    wanted = None if value is None else value.rstrip("\r\n").encode()
    if required and (wanted == b"" or (wanted is None and not found)):
        problem = f"secret {name} is required and was not given; add it to secrets.toml"
        return [Finding(path, problem, "refuse", *owner)]
    if wanted and found and wanted != found:
        text = _text(path, wanted)
        if refusal := rotated.refusal(house.settings, name, text):
            house.values[name] = _text(path, found)
            return [Finding(path, refusal, "refuse", *owner)]
    wanted = wanted or found or b""
    house.values[name] = _text(path, wanted)
    if found is None:
        return [Finding(path, "missing", "write", *owner, content=wanted)] if wanted else []
    if found != wanted:
        return [Finding(path, "differs", "write", *owner, content=wanted)]
    return _attributes(path, *owner)


def _copied(house: House, name: str, spec: dict[str, Any]) -> list[Finding]:
    path = os.path.join(house.directory, name)
    owner = (spec["uid"], spec["gid"], SECRET_MODE)
    source = spec["source"]
    if source not in house.specs or house.specs[source]["origin"] == "copy":
        raise SecretError(f"secret {name} copies {source!r}, which is no secret of its own")
    value = house.values.get(source)
    house.values[name] = value
    found = secret_files.content(path)
    problem = "missing" if found is None else "stale copy"
    if value is None:
        return [Finding(path, problem, "later", *owner)]
    if not value and found is None:
        return []
    if found != value.encode():
        return [Finding(path, problem, "write", *owner, content=value.encode())]
    return _attributes(path, *owner)


class _Pending(Exception):
    """A template needs a secret that is still to be made."""


def _filled(house: House, file: dict[str, Any]) -> list[Finding]:
    path, template = file["destination"], file["template"]
    owner = (file["uid"], file["gid"], int(file["mode"], 8))
    is_seed = bool(file.get("seed"))
    if is_seed and os.path.lexists(path):
        return []
    found = None if is_seed else secret_files.content(path)
    problem = "missing" if found is None else "differs"

    def value(name: str, filter_name: str) -> str:
        if name not in house.specs:
            raise SecretError(f"{template}: names the unknown secret {name!r}")
        secret, key = house.values.get(name), house.values[SALT_NAME]
        if secret is None or key is None:
            raise _Pending
        salt = secret_filters.salt(key.encode(), secret, f"{name} {filter_name}")
        try:
            return secret_filters.apply(filter_name, secret, salt)
        except secret_filters.FilterError as error:
            raise SecretError(f"{template}: secret {name}: {error}") from error

    try:
        wanted = secret_files.fill(template, value, house.templates.get(template)).encode()
    except _Pending:
        return [Finding(path, problem, "later", *owner)]
    if found == wanted:
        return _attributes(path, *owner)
    return [Finding(path, problem, "seed" if is_seed else "write", *owner, content=wanted)]
