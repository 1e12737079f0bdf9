"""What a deploy that is about to happen will change under running containers.

A deploy writes secrets before it looks at containers, and a file that is replaced under a mount
means that its container is made anew. `--dry` writes nothing, so without this it would not say so.
Only the deploy's own look into the future asks here; for everybody else what is on disk counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from mediastack import secret_survey
from mediastack.secret_files import SecretError

# What replaces a file by another one; a wrong owner or mode is mended in place.
REPLACING = ("write", "generate", "later")


def note(config: dict[str, Any], observation: dict[str, Any]) -> None:
    """Add to stale_mounts what secrets-apply is going to replace under a running container."""
    try:
        found = secret_survey.survey(settled(config), {})
    except SecretError:
        return  # the deploy's own survey says why, and ends there
    replaced = {one.path for one in found if one.action in REPLACING}
    for container in observation["containers"]:
        if container["status"] != "running":
            continue
        container["stale_mounts"] += [
            target
            for source, target in container["mounted_files"]
            if source in replaced and target not in container["stale_mounts"]
        ]


def settled(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with only those secret files whose template is as deployed.

    A template that somebody edited or removed is put back first: what it would make now, or that
    it is missing, is no difference of the file that is filled in from it.
    """
    files = [one for one in config["secret_files"] if _as_wanted(config, one["template"])]
    return {**config, "secret_files": files}


def _as_wanted(config: Mapping[str, Any], template: str) -> bool:
    """Whether a template has the content that the deploy gave it."""
    wanted = {entry["path"]: entry.get("sha256", "") for entry in config.get("files", [])}
    try:
        with open(template, "rb") as stream:
            found = hashlib.sha256(stream.read()).hexdigest()
    except OSError:
        return False
    return bool(wanted.get(template, found) == found)
