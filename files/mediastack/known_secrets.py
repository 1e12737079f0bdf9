"""The secrets of this house, masked in what leaves it: no message carries one, whoever wrote it.

Messages quote errors of other programs, and those quote addresses and settings. So the sender masks
every value below <etc>/secrets before anything leaves the house, also as it is spelled in an
address, in JSON and in a login. The files are read anew only when one of them has changed. A value
of a few letters is masked as a whole word only: it is a user's, and may be an English word.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator

from mediastack import config
from mediastack.redact import MASK

# Shorter ones cannot be told from a number or a word.
SHORTEST = 4
# From this length on nobody writes it by chance.
CERTAIN = 8
LARGEST_BYTES = 65536

Signature = tuple[tuple[str, int, int], ...]


class Masker:
    """Masks the values of one directory of secrets, which it reads when they change."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._signature: Signature | None = None
        self._pattern: re.Pattern[str] | None = None

    def __call__(self, text: str) -> str:
        """Return the text without any secret of this house. Raise OSError, nothing else."""
        signature = tuple(_files(self._directory))
        if signature != self._signature:
            self._pattern = pattern(_values(path for path, _, _ in signature))
            self._signature = signature
        return self._pattern.sub(MASK, text) if self._pattern else text


def of_this_house() -> Masker:
    """Return the masker for the secrets of this host."""
    return Masker(os.path.join(config.paths()["etc"], "secrets"))


def pattern(values: Iterable[str]) -> re.Pattern[str] | None:
    """Return what finds any of these values in any of its spellings, the longest first; None: there
    are none."""
    spelled = {one for value in values for one in _spellings(value)}
    certain = sorted((one for one in spelled if len(one) >= CERTAIN), key=len, reverse=True)
    short = sorted(
        (one for one in spelled if SHORTEST <= len(one) < CERTAIN), key=len, reverse=True
    )
    parts = [re.escape(one) for one in certain]
    parts += [rf"(?<!\w){re.escape(one)}(?!\w)" for one in short]
    return re.compile("|".join(parts)) if parts else None


def _spellings(value: str) -> Iterator[str]:
    yield value
    yield urllib.parse.quote(value, safe="")
    yield urllib.parse.quote_plus(value)
    yield json.dumps(value)[1:-1]
    yield base64.b64encode(value.encode()).decode().rstrip("=")


def _files(directory: str) -> Iterator[tuple[str, int, int]]:
    """Every secret's path, and what tells that it has changed."""
    for service in _entries(directory):
        if service.is_dir(follow_symlinks=False):
            for entry in _entries(service.path):
                # One that vanishes meanwhile hides no other.
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        seen = entry.stat(follow_symlinks=False)
                        yield entry.path, seen.st_mtime_ns, seen.st_ino


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(directory), key=lambda entry: entry.name)
    except FileNotFoundError:
        return []


def _values(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as stream:
            text = stream.read(LARGEST_BYTES).decode(errors="replace").strip()
            # Filled-in configuration files lie here too; their secrets have a file each.
            if text and "\n" not in text:
                yield text
