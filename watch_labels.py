"""What a container's labels tell What's Up Docker: whether to look, at which tags, in which order.

It compares tags by the three numbers of a version and looks at digests only where it finds no
number in the tag at all. Both are turned by a transform: a fourth number and a build become parts
of a pre-release, which it does compare; a tag that stays what it is becomes a word without digits.
The labels follow from the catalog alone, so they change when a service's tag or policy does. They
only spare it questions: what is really installed, the updater judges for itself.
"""

from __future__ import annotations

import tag_shape
from service import Service

NUMBER = r"\d+"
VERSION_NUMBERS = 3
# Needs a placeholder to be used at all, and must hold no digit.
WORD = "unversioned$1"


def labels(service: Service) -> dict[str, str]:
    """The labels of a service's container; a pinned one is not looked at."""
    if service.updates == "pinned":
        return {"wud.watch": "false"}
    pattern = service.tag_pattern
    found = {"wud.watch": "true", "wud.tag.include": pattern}
    if rule := transform(pattern, service.tag):
        found["wud.tag.transform"] = rule
    if tag_shape.is_fixed(pattern, service.tag):
        # Elsewhere than on Docker Hub it does so by itself.
        found["wud.watch.digest"] = "true"
    return found


def transform(pattern: str, tag: str) -> str:
    """How a tag becomes what it can compare, "" when it can as it is."""
    if tag_shape.is_fixed(pattern, tag):
        digits = any(letter.isdigit() for letter in tag)
        return f"{pattern[:-1]}()$ => {WORD}" if digits else ""
    # Groups of the user's own would shift the numbers of ours.
    shape = tag_shape.pattern(tag) if "(" in pattern else pattern
    numbers = [f"${index + 1}" for index in range(shape.count(NUMBER))]
    if len(numbers) <= VERSION_NUMBERS:
        return ""
    version, build = numbers[:VERSION_NUMBERS], numbers[VERSION_NUMBERS:]
    return f"{shape.replace(NUMBER, f'({NUMBER})')} => {'.'.join(version)}-{'.'.join(build)}"
