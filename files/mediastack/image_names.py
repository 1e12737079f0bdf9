"""Names of images as Docker spells them: by which digest and tag is an image known here? Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def digest_of(reference: str, image: Mapping[str, Any] | None) -> str:
    """Return the digest under which this image (as inspected, None: absent) was pulled from exactly
    the reference's repository, "" if it was not."""
    repository = _repository(reference)
    for pulled in (image or {}).get("RepoDigests") or []:
        name, _, digest = str(pulled).partition("@")
        if _repository(name) == repository:
            return digest
    return ""


def has_its_tag(reference: str, image: Mapping[str, Any]) -> bool:
    """Return whether this image (as inspected) is known here under the reference's own tag."""
    wanted = (_repository(reference), _tag(reference))
    return any((_repository(one), _tag(one)) == wanted for one in image.get("RepoTags") or [])


def _repository(reference: str) -> str:
    """registry:5000/a/b:tag@digest -> registry:5000/a/b, in the form Docker shows (hub bare)."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = head + slash + last.partition(":")[0]
    return name.removeprefix("docker.io/").removeprefix("library/")


def _tag(reference: str) -> str:
    """registry:5000/a/b:tag@digest -> tag"""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[2]
