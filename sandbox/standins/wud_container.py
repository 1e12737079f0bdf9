"""A container as What's Up Docker describes it, in its API and in the body of its message.

The same keys, absent where upstream leaves them out. What follows from the rest (updateAvailable,
updateKind) is computed whenever it is told, so it is never older than what it follows from.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

from . import wud_semver as semver
from .wud_registry import Registry, of_domain

# Label -> key of the container.
OPTIONS = {
    "wud.tag.include": "includeTags",
    "wud.tag.exclude": "excludeTags",
    "wud.tag.transform": "transformTags",
    "wud.trigger.include": "triggerInclude",
    "wud.trigger.exclude": "triggerExclude",
}
REFERENCE = re.compile(
    r"(?:(?P<domain>(?:[^/]*[.:][^/]*|localhost))/)?(?P<path>[^:@]+)(?::(?P<tag>[^@]+))?(?:@.*)?"
)
Container = dict[str, Any]


def is_watched(labels: dict[str, str], by_default: bool) -> bool:
    """Whether its label, or without one the watcher's default, wants it looked at."""
    wanted = labels.get("wud.watch", "")
    return wanted.lower() == "true" if wanted else by_default


def described(
    entry: dict[str, Any], image: dict[str, Any], watcher: str, environment: dict[str, str]
) -> Container | str:
    """A container from Docker's list entry and its image; why it cannot be watched instead."""
    reference = str(entry["Image"])
    labels = dict(entry.get("Labels") or {})
    if "sha256:" in reference:
        # A reference with a digest is not read at all: the image's own first name is.
        names = image.get("RepoTags") or []
        if not names:
            return f"Cannot get a reliable tag for this image [{reference}]"
        reference = names[0]
    parts = REFERENCE.fullmatch(reference)
    domain, path, tag = parts.group("domain", "path", "tag") if parts else ("", reference, "")
    registry = of_domain(domain or "", environment)
    if registry is None:
        return f"{entry['Image']} - {domain} - No Registry Provider found"
    name = str((entry.get("Names") or [""])[0]).replace("/", "", 1)
    tag = tag or "latest"
    options = {key: labels[label] for label, key in OPTIONS.items() if labels.get(label)}
    versioned = semver.parse(semver.transform(options.get("transformTags", ""), tag)) is not None
    if registry.name.startswith("hub.") and "/" not in path:
        path = f"library/{path}"
    digests = [str(one).partition("@")[2] for one in image.get("RepoDigests") or []]
    return {
        "id": entry["Id"],
        "name": name,
        "displayName": labels.get("wud.display.name") or name,
        "displayIcon": labels.get("wud.display.icon") or "mdi:docker",
        "status": entry.get("State") or "unknown",
        "watcher": watcher,
        **options,
        "image": {
            "id": image["Id"],
            "registry": {"name": registry.name, "url": registry.url},
            "name": path,
            "tag": {"value": tag, "semver": versioned},
            "digest": {
                "watch": not versioned and watches_digest(registry, labels),
                **({"repo": digests[0]} if digests else {}),
            },
            "architecture": image["Architecture"],
            "os": image["Os"],
            **({"variant": image["Variant"]} if image.get("Variant") else {}),
            **({"created": _in_milliseconds(image["Created"])} if image.get("Created") else {}),
        },
        "labels": labels,
        "result": {"tag": tag},
    }


def watches_digest(registry: Registry, labels: dict[str, str]) -> bool:
    """Whether a moved tag is looked at: on Docker Hub only by label."""
    return not registry.digests_by_label or labels.get("wud.watch.digest", "").lower() == "true"


def candidates(container: Container, tags: list[str]) -> list[str]:
    """The tags it may move to, the best first (with its own); none where only the digest moves."""
    tag, rule = container["image"]["tag"], container.get("transformTags", "")
    include, exclude = container.get("includeTags"), container.get("excludeTags")
    found = [one for one in tags if not one.endswith(".sig")]
    found = [
        one
        for one in found
        if (re.search(include, one) if include else not one.startswith("sha"))
        and not (exclude and re.search(exclude, one))
    ]
    if not tag["semver"]:
        return []
    if not include:
        prefix = re.match(r"\D*", tag["value"])
        kept = prefix[0] if prefix else ""
        found = [one for one in found if (one.startswith(kept) if kept else one[:1].isdigit())]
    numbers = len(_numeric(tag["value"]))
    own = semver.transform(rule, tag["value"])
    better: list[str] = []
    for one in found:
        told = semver.transform(rule, one)
        if len(_numeric(one)) != numbers or not semver.is_not_older(told, own):
            continue
        place = 0
        while place < len(better) and not semver.is_not_older(
            told, semver.transform(rule, better[place])
        ):
            place += 1
        better.insert(place, one)
    return better


def told(container: Container) -> Container:
    """The container with what follows from the rest: this is what is answered and posted."""
    kind = _kind(container)
    return {**container, "updateAvailable": kind["kind"] != "unknown", "updateKind": kind}


def answered(container: Container) -> Container:
    """As the API tells it: what the message leaves out, it has as null."""
    found = {**dict.fromkeys((*OPTIONS.values(), "linkTemplate")), **container}
    image = dict(container["image"])
    found["image"] = {"variant": None, "created": None, **image}
    found["image"]["digest"] = {"repo": None, **image["digest"]}
    empty = dict.fromkeys(("localValue", "remoteValue", "semverDiff"))
    found["updateKind"] = {**empty, **container["updateKind"]}
    if "digest" in container.get("result", {}):
        found["result"] = {"created": None, **container["result"]}
    return found


def result_of(container: Container) -> tuple[object, object]:
    """What a change of makes it news again."""
    result = container.get("result") or {}
    return result.get("tag"), result.get("digest")


def _kind(container: Container) -> dict[str, str]:
    result, image = container.get("result"), container["image"]
    if result is None:
        return {"kind": "unknown"}
    rule, own, other = container.get("transformTags", ""), image["tag"]["value"], result["tag"]
    ours, theirs = image["digest"].get("value"), result.get("digest")
    compared = (semver.transform(rule, own), semver.transform(rule, other))
    if image["digest"]["watch"] and ours is not None and theirs is not None:
        if ours == theirs:
            return {"kind": "unknown"}
    elif compared[0] == compared[1]:
        return {"kind": "unknown"}
    if own == other:
        return {"kind": "digest", "localValue": ours, "remoteValue": theirs}
    difference = semver.difference(*compared) if image["tag"]["semver"] else "unknown"
    return {"kind": "tag", "localValue": own, "remoteValue": other, "semverDiff": difference}


def _numeric(tag: str) -> list[str]:
    found = re.search(r"\d+(\.\d+)*", tag)
    return found[0].split(".") if found else []


def _in_milliseconds(moment: str) -> str:
    """Docker's nanoseconds in the form that a JavaScript date has."""
    plain = re.sub(r"(\.\d{1,6})\d*", r"\1", moment).replace("Z", "+00:00")
    read = datetime.datetime.fromisoformat(plain).astimezone(datetime.UTC)
    return f"{read:%Y-%m-%dT%H:%M:%S}.{read.microsecond // 1000:03}Z"
