"""Is what they have of a newer version than what we run? Then ours could not read it.

Databases say it themselves, where their program writes down how far its schema is and ours has a
database to compare with. Else the versions of both images tell, as far as they can be compared; and
where nothing tells, the service has to show that it becomes healthy with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from typing import Any

from mediastack import image_lock
from mediastack.adopt import containers, database, in_use
from mediastack.adopt.house import Container, Source
from mediastack.docker_engine import Engine

VERSION = re.compile(r"v?(\d+(?:\.\d+)+)")


def problem(
    config: Mapping[str, Any], docker: Engine, source: Source, theirs: Collection[str]
) -> str:
    """Return why ours could not read it and what helps, "" when it can or nobody knows.

    `theirs` are its databases, below source.path. Raise OSError, NotReachable."""
    entry = config["services"][source.service]
    both = [(os.path.join(source.path, one), os.path.join(entry["config"], one)) for one in theirs]
    both = [(mine, ours) for mine, ours in both if os.path.isfile(ours)]
    is_open = in_use.of([path for pair in both for path in pair])
    compared = False
    for mine, ours in both:
        found = database.level(mine, is_open=mine in is_open)
        present = database.level(ours, is_open=ours in is_open)
        for way in found.keys() & present.keys():
            compared = True
            if found[way] > present[way]:
                return _words(source, f"{mine} ({way} {found[way]}, ours {present[way]})")
    if compared or source.container is None:
        return ""
    ours_now = image_lock.reference(source.service, entry["image"])
    labels = ((docker.images([ours_now])[ours_now] or {}).get("Config") or {}).get("Labels") or {}
    here = str(labels.get(containers.VERSION, "")) or image_lock.split(ours_now)[1]
    there = version_of(source.container)
    if is_later(there, here):
        return _words(source, f"{source.container.name} (version {there}, ours {here})")
    return ""


def version_of(container: Container) -> str:
    """Return the version of what a container runs, as its image says it."""
    return container.version or image_lock.split(container.image)[1]


def is_later(version: str, than: str) -> bool:
    """Is it a later one, as far as both go? False where the two cannot be compared."""
    mine, other = VERSION.match(version), VERSION.match(than)
    if not mine or not other:
        return False
    numbers = [[int(one) for one in found.group(1).split(".")] for found in (mine, other)]
    length = min(map(len, numbers))
    return numbers[0][:length] > numbers[1][:length]


def _words(source: Source, what: str) -> str:
    service = source.service
    return (
        f"{service}: {what} is of a newer version than what runs here; update ours first"
        f" (stack-manage.sh update {service}, or services.{service}.tag and a deploy), or restore a"
        " backup of theirs that is older"
    )
