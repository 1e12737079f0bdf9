"""How What's Up Docker reads versions: the rules of npm's semver, as far as image tags need them.

A tag is taken as a version when it is one (loosely: a v in front, a suffix behind without hyphen);
else the first one to three numbers in it are, and the rest is dropped. A transform rewrites a tag
before that. What does not fit a transform stays what it is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LOOSE = re.compile(
    r"[v=\s]*(\d+)\.(\d+)\.(\d+)(?:-?((?:\d*[a-zA-Z-][a-zA-Z0-9-]*|\d+)"
    r"(?:\.(?:\d*[a-zA-Z-][a-zA-Z0-9-]*|\d+))*))?(?:\+[0-9A-Za-z.-]+)?"
)
COERCED = re.compile(r"(?:^|[^\d])(\d{1,16})(?:\.(\d{1,16}))?(?:\.(\d{1,16}))?(?:$|[^\d])")
NAMES = ("major", "minor", "patch")


class Version(NamedTuple):
    """Three numbers, and the parts of a pre-release (none: a release)."""

    numbers: tuple[int, int, int]
    before: tuple[str, ...] = ()


def parse(text: str) -> Version | None:
    """The version in a tag; None when there is no number in it."""
    found = LOOSE.fullmatch(re.sub(r"^[=v]+", "", text.strip()))
    if found:
        before = tuple(found[4].split(".")) if found[4] else ()
        return Version((int(found[1]), int(found[2]), int(found[3])), before)
    found = COERCED.search(text)
    if not found:
        return None
    return Version((int(found[1]), int(found[2] or 0), int(found[3] or 0)))


def is_not_older(text: str, than: str) -> bool:
    """Whether a tag is the same version as another or a later one."""
    one, other = parse(text), parse(than)
    return one is not None and other is not None and _key(one) >= _key(other)


def difference(text: str, other: str) -> str:
    """major, minor, patch, prerelease, or "unknown" where the two cannot be told apart."""
    one, two = parse(text), parse(other)
    if one is None or two is None or _key(one) == _key(two):
        return "unknown"
    low, high = sorted((one, two), key=_key)
    if low.before and not high.before:
        # A pre-release ends: what it was one of, and no more than that.
        if not low.numbers[1] and not low.numbers[2]:
            return "major"
        if low.numbers == high.numbers:
            return "minor" if low.numbers[1] and not low.numbers[2] else "patch"
    for name, before, after in zip(NAMES, low.numbers, high.numbers, strict=True):
        if before != after:
            return name
    return "prerelease"


def transform(rule: str, tag: str) -> str:
    """The tag as a rule `pattern => text with $1` rewrites it; as it is when that fails."""
    pieces = re.split(r"\s*=>\s*", rule) if rule else []
    if len(pieces) < 2:  # noqa: PLR2004 - a pattern and a text
        return tag
    try:
        found = re.search(pieces[0], tag)
    except re.error:
        return tag
    places = re.findall(r"\$(\d+)", pieces[1])
    if not found or not places or max(map(int, places)) > len(found.groups()):
        return tag
    return re.sub(r"\$(\d+)", lambda place: found[int(place[1])] or "", pieces[1])


def _key(version: Version) -> tuple[object, ...]:
    # A release is later than its pre-releases; numbers come before words, a longer list later.
    parts = tuple((0, int(one), "") if one.isdigit() else (1, 0, one) for one in version.before)
    return (version.numbers, not version.before, parts)
