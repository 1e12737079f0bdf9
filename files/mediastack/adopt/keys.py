"""The API keys of this house follow the state that was adopted, and every copy follows them.

A service's own configuration is what counts: whatever key stands there is the one it asks for. So
this can be done again at any time, also after a kill, and changes nothing when all is well.
Secrets that containers have mounted are replaced by rename; that makes plan replace the container.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mediastack import atomic, secret_survey, secrets
from mediastack.adopt import house, plain, settings_xml, settings_yaml, tailor
from mediastack.adopt.house import Refusal
from mediastack.secret_files import SecretError, content

SECRET_MODE = 0o400
NAME = "api_key"


def seed_text(config: dict[str, Any], seed: Mapping[str, Any]) -> str:
    """Return what a seed would be if there were none yet. Raise Refusal."""
    # A place where nothing is: then it would be written.
    place = os.path.join(config["paths"]["state"], "adopt", "no-such-file")
    asked = {**config, "secret_files": [{**seed, "destination": place}]}
    try:
        found = secret_survey.survey(asked, {})
    except SecretError as error:
        raise Refusal(f"{seed['service']}: {error}") from error
    text = next((one for one in found if one.path == place and one.action == "seed"), None)
    if text is None:
        raise Refusal(f"{seed['service']}: the secrets of this host are not whole; run the deploy")
    return text.content.decode()


def present(config: Mapping[str, Any], service: str, root: str = "") -> str:
    """Return the API key in a service's own configuration, below its directory or another root;
    "" when there is none. Raise OSError."""
    root = root or config["services"][service]["config"]
    for relative in house.relative_seeds(config, service):
        try:
            text = plain.read(root, relative)
        except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
            continue
        try:
            if relative.endswith(".xml"):
                return settings_xml.read(text).get("ApiKey", "")
            if relative.endswith(".yaml"):
                return settings_yaml.read(text).get(("auth", "apikey"), "")
        except (settings_xml.Unreadable, settings_yaml.Unreadable):
            continue
    return ""


def readers(config: Mapping[str, Any], service: str) -> list[str]:
    """Return the services that have a copy of a service's API key."""
    mine = f"{service}/{NAME}"
    return sorted({one["service"] for one in config["secrets"] if one["source"] == mine})


def follow(config: dict[str, Any], service: str) -> list[str]:
    """Make the key in a service's configuration the secret, with every copy; return the paths of
    secrets that changed. Raise OSError, SecretError."""
    if not house.has_key(config, service):
        return []
    key = present(config, service)
    spec = next(one for one in config["secrets"]
                if (one["service"], one["name"]) == (service, NAME))  # fmt: skip
    path = os.path.join(config["paths"]["etc"], "secrets", service, NAME)
    changed = []
    if key and tailor.KEY.fullmatch(key) and content(path) != key.encode():
        atomic.write(path, key.encode(), mode=SECRET_MODE, uid=spec["uid"], gid=spec["gid"])
        changed.append(path)
    return changed + secrets.apply(config, {})


def to_relink(config: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return {service: (path below its directory, new text)} of those whose own configuration has
    another key of a neighbour than that has now. Raise OSError, Refusal."""
    found = {}
    for seed in config["secret_files"]:
        if not seed.get("seed") or not seed["destination"].endswith(".yaml"):
            continue
        service, top = seed["service"], config["services"][seed["service"]]["config"]
        relative = os.path.relpath(seed["destination"], top)
        try:
            text = plain.read(top, relative)
            new = tailor.relinked(text, seed_text(config, seed))
        except (FileNotFoundError, UnicodeDecodeError, settings_yaml.Unreadable):
            # None yet, or somebody's own hand: they know what they have there.
            continue
        if new != text:
            found[service] = (relative, new)
    return found
