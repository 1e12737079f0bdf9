"""What could each service move to? Tags come as hints, digests from the registry, policy decides.

A tag is worth a question to the registry when somebody named it (a hint, What's Up Docker) and
policy could allow it. The present tag is asked for as well, since it may have been built anew: on a
hint, by hand, and once a day, for a registry counts questions.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from mediastack import atomic, image_lock
from mediastack.docker_engine import ImageEngine
from mediastack.updater import images, inflight, policy, refused, tags
from mediastack.updater.house import Trouble
from mediastack.updater.policy import Image, Verdict

DAY_SECONDS = 86_400.0
# More than one scheme of tags has at once; each costs a question.
MOST_TAGS = 5
# Judged before the registry was asked: any digest that is not the present one.
NO_DIGEST = "sha256:" + "0" * 64


class Candidate(NamedTuple):
    """What was found for a service; `verdict` is policy's, "wait" in it: nobody could say."""

    service: str
    running: Image
    new: Image
    verdict: Verdict


def find(
    config: Mapping[str, Any],
    docker: ImageEngine,
    service: str,
    named: Iterable[str],
    *,
    same_tag: bool,
    allow_major: bool = False,
) -> list[Candidate]:
    """Return what policy says of each tag worth a look, the best first; [] when there is nothing
    to say. Raise nothing of the registry's: that is a verdict "wait"."""
    entry = config["services"][service]
    locked = image_lock.read().get(service)
    if locked is None or not image_lock.allows(entry["image"], locked["image"], locked["digest"]):
        return []
    running = Image(locked["image"], locked["digest"])
    repository, present = image_lock.split(running.image)
    wanted = {tag for tag in named if tag != present}
    if same_tag:
        wanted.add(present)
    bad = refused.of(service)
    found = []
    for tag in _newest(wanted, present):
        image = f"{repository}:{tag}"
        early = policy.judge(entry, running, Image(image, NO_DIGEST), bad, allow_major=allow_major)
        if early.action == "ignore":
            continue
        try:
            new = Image(image, images.resolve(docker, image))
        except Trouble as trouble:
            verdict = Verdict("ignore" if trouble.kind == "gone" else "wait", str(trouble))
            found.append(Candidate(service, running, Image(image, ""), verdict))
            continue
        verdict = policy.judge(entry, running, new, bad, allow_major=allow_major)
        if verdict.why != "runs already":
            found.append(Candidate(service, running, new, verdict))
    return sorted(found, key=lambda one: ("update", "tell", "wait", "ignore").index(one[3].action))


def widened(
    config: Mapping[str, Any], service: str, named: Collection[str], *, ask: bool
) -> set[str]:
    """Return the tags that were named, and with them the newest of the present major where the
    named ones would hide it; `ask`: what the registry itself has, whatever was named."""
    entry, locked = config["services"][service], image_lock.read().get(service)
    if locked is None:
        return set(named)
    repository, present = image_lock.split(locked["image"])
    pattern = str(entry.get("update_tags", "")) or re.escape(present)
    majors = [tag for tag in named if policy.kind(present, tag) == "major"]
    if not ask and not any(re.fullmatch(pattern, tag) for tag in majors):
        return set(named)
    try:
        listed = tags.of(repository, config.get("docker", {}).get("insecure_registries", []))
    except Trouble:
        return set(named)
    newest = tags.newest_of_major(listed, present, pattern)
    found = {*named, *([newest] if newest else [])}
    if ask:
        higher = [tag for tag in listed if re.fullmatch(pattern, tag)]
        highest = present
        for tag in higher:
            highest = tag if image_lock.is_newer(tag, highest) else highest
        found |= {highest} - {present}
    return found


def is_due(service: str, now: float | None = None) -> bool:
    """Say whether the present tag was not asked for within a day."""
    asked = atomic.read_json(_path(), {}).get(service, 0.0)
    now = time.time() if now is None else now
    return not isinstance(asked, (int, float)) or not 0.0 <= now - asked < DAY_SECONDS


def asked(service: str) -> None:
    """It was, and there was an answer. Raise OSError."""
    with atomic.exclusive(_path()):
        atomic.write_json(_path(), {**atomic.read_json(_path(), {}), service: time.time()})


def _newest(wanted: Iterable[str], present: str) -> list[str]:
    """The tags, newest first as far as they can be compared, not too many."""
    ordered: list[str] = []
    for tag in sorted(wanted):
        place = next(
            (n for n, other in enumerate(ordered) if image_lock.is_newer(tag, other)), len(ordered)
        )
        ordered.insert(place, tag)
    return sorted(ordered[:MOST_TAGS], key=lambda tag: tag == present)


def _path() -> str:
    return os.path.join(inflight.directory(), "asked.json")
