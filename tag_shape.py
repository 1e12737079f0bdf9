"""Which tags an update may move to, read from the tag that a service starts from.

A tag says by its shape how its author numbers: `v3.41.3` is followed by other tags of three
numbers behind a v, `6` and `latest` are names that are moved to newer images, where only the digest
changes. So a whole version (three numbers or more) may move to any tag of the same shape, and
everything shorter stays what it is. Whether such a move is a major one is not judged here. The
pattern is read by What's Up Docker (JavaScript) and by the updater (Python) alike: only what both
spell the same way is used.
"""

from __future__ import annotations

import re

VERSION = re.compile(r"v?\d+(\.\d+){2,}(?!\d)")
# A commit between hyphens, as in Plex's 1.43.0.10492-121068a07-ls297. One of digits alone looks
# like a number and is not found here: a service with commits in its tags sets `update_tags`.
COMMIT = re.compile(r"(?<=-)(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,40}(?=-|$)")
# What has the same meaning in both languages; neither flags nor names of groups have.
SPECIAL = re.compile(r"[.\\+*?\[\](){}^$|/-]")
FOREIGN = re.compile(r"\(\?(?![:=!])|\\[AbBZzpPkK]|\$(?!$)|(?<!^)(?<!\[)\^")


def pattern(tag: str) -> str:
    """The tags that follow this one, as an anchored regular expression."""
    if not VERSION.match(tag):
        return f"^{literal(tag)}$"
    pieces, rest = [], 0
    for commit in COMMIT.finditer(tag):
        pieces += [numbered(tag[rest : commit.start()]), f"[0-9a-f]{{{len(commit[0])}}}"]
        rest = commit.end()
    return f"^{''.join(pieces)}{numbered(tag[rest:])}$"


def is_fixed(pattern: str, tag: str) -> bool:
    """Whether the pattern allows this tag alone, so that only its digest can change."""
    return pattern == f"^{literal(tag)}$"


def numbered(text: str) -> str:
    """The text with any number in place of each of its numbers."""
    return re.sub(r"\d+|\D+", lambda part: r"\d+" if part[0].isdigit() else literal(part[0]), text)


def literal(text: str) -> str:
    """The text itself as a pattern; re.escape would escape more than JavaScript knows."""
    return SPECIAL.sub(lambda letter: letter[0] if letter[0] in "-/" else rf"\{letter[0]}", text)


def problem(text: str, tag: str) -> str:
    """What is wrong with a pattern somebody wrote for the service that starts at `tag`, or ""."""
    if not text.startswith("^") or not text.endswith("$") or text.endswith(r"\$"):
        return r"must describe the whole tag; fix: from ^ to $, like ^v\d+\.\d+\.\d+$"
    try:
        compiled = re.compile(text)
    except re.error as error:
        return rf"is no regular expression ({error}); fix: like ^v\d+\.\d+\.\d+$"
    if FOREIGN.search(text):
        return (
            "is not read the same way by What's Up Docker and the updater; "
            r"fix: plain groups, classes and numbers, like ^v\d+\.\d+\.\d+$"
        )
    if not compiled.fullmatch(tag):
        return (
            f"does not allow the tag {tag} itself; "
            'fix: a pattern that does, or "" to have it follow from the tag'
        )
    return ""
