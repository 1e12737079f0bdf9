"""May this service move from the image it runs to that one? Pure.

What a webhook or What's Up Docker says is a hint; this is what decides. A candidate counts only in
the service's own repository, with a tag that its pattern allows, in the same scheme as the present
tag and not older. The same tag with another digest is an update too (`latest`, or a rebuild). The
first number of a version is its major: a new one is told and never taken by itself, for it may
migrate in a way that no rollback of ours is tested against.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from mediastack import image_lock

AUTO, NOTIFY, PINNED = "auto", "notify", "pinned"


class Image(NamedTuple):
    """`image` is "repository:tag", `digest` the index digest that the tag had or has."""

    image: str
    digest: str


class Verdict(NamedTuple):
    """`action`: "update" (do it), "tell" (the user decides) or "ignore"; `why` in words."""

    action: str
    why: str


def kind(current: str, candidate: str) -> str:
    """Return what a move between two tags is: "same", "patch", "minor", "major", "older" or
    "foreign" (another scheme: `latest` and `4.0.1`, `v1.2` and `1.2-beta`)."""
    if current == candidate:
        return "same"
    if image_lock.is_newer(current, candidate):
        return "older"
    if not image_lock.is_newer(candidate, current):
        return "foreign"
    before, after = image_lock.numbers(current), image_lock.numbers(candidate)
    if before[0] != after[0]:
        return "major"
    return "minor" if before[1:2] != after[1:2] else "patch"


def judge(
    entry: Mapping[str, Any],
    running: Image,
    candidate: Image,
    refused: Collection[str] = (),
    *,
    allow_major: bool = False,
) -> Verdict:
    """Return what to do about `candidate` for a service ([services.<name>] of mediastack.toml).

    `refused`: digests that were tried and found bad. `allow_major`: the user asked for this very
    update by hand, which also overrides "notify".
    """
    mode = str(entry.get("updates", AUTO))
    repository, tag = image_lock.split(candidate.image)
    present, present_tag = image_lock.split(running.image)
    if "@" in candidate.image:
        return Verdict("ignore", f"{candidate.image} is no repository with a tag")
    if not image_lock.DIGEST.fullmatch(candidate.digest):
        return Verdict("ignore", f"{candidate.digest!r} is no digest")
    if mode == PINNED:
        return Verdict("ignore", "pinned by setting")
    if repository != present or repository != image_lock.split(str(entry["image"]))[0]:
        return Verdict("ignore", f"{repository} is not the repository of this service")
    if candidate.digest == running.digest:
        return Verdict("ignore", "runs already")
    move = kind(present_tag, tag)
    if move in ("older", "foreign"):
        return Verdict("ignore", f"{tag} is no newer version of {present_tag}")
    pattern = str(entry.get("update_tags", ""))
    if not re.fullmatch(pattern or re.escape(present_tag), tag):
        return Verdict("ignore", f"{tag} does not match update_tags {pattern}")
    if candidate.digest in refused:
        return Verdict("ignore", "was tried before and found bad")
    what = f"{present_tag} -> {tag}" if move != "same" else f"{tag} was built anew"
    if move == "major" and not allow_major:
        return Verdict("tell", f"{what} is a new major version")
    if mode == NOTIFY and not allow_major:
        return Verdict("tell", f"{what}; updates are by hand (setting updates = notify)")
    return Verdict("update", what)
