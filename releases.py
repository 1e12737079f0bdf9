"""Versions and what lies between them: their order, the changelog's entries, the commits.

The commit of a release stands in releases.toml as well as in a tag: a clone need not have tags, and
a shallow one may lack the commit itself, which is then said and not passed over.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
LIST = ROOT / "releases.toml"
CHANGELOG = ROOT / "CHANGELOG.md"
UNRELEASED = "Unreleased"
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(\+.*)?")


class Release(NamedTuple):
    """A released version and its commit."""

    version: str
    commit: str


class Absent(Exception):
    """A release's commit is not in this clone; the message says how to get it."""


def order(version: str) -> tuple[int, int, int, bool]:
    """What versions sort by ("0.2.0-dev" before "0.2.0"; the build after + orders nothing).

    Raise ValueError when it is no version.
    """
    found = VERSION.fullmatch(version)
    if found is None:
        raise ValueError(f"{version!r} is no version like 1.2.3")
    return int(found[1]), int(found[2]), int(found[3]), not found[4]


def is_older(version: str, than: str) -> bool:
    """Whether `version` comes before `than`; what is no version is older than nothing."""
    try:
        return order(version) < order(than)
    except ValueError:
        return False


def known(file: Path = LIST) -> list[Release]:
    """Every release, oldest first."""
    listed = tomllib.loads(file.read_text(encoding="utf-8"))["releases"]
    return sorted((Release(**one) for one in listed), key=lambda one: order(one.version))


def previous(version: str, file: Path = LIST) -> Release:
    """The last release before `version`. Raise ValueError when there is none."""
    before = [one for one in known(file) if order(one.version) < order(version)]
    if not before:
        raise ValueError(f"{file.name} names no release before {version}")
    return before[-1]


def extract(release: Release, into: Path, repository: Path = ROOT) -> None:
    """Write the release's tracked files to the directory `into`. Raise Absent."""
    git = ["git", "-C", str(repository), "-c", f"safe.directory={repository}"]
    asked = [*git, "cat-file", "-e", f"{release.commit}^{{commit}}"]
    if subprocess.run(asked, check=False, capture_output=True).returncode:
        raise Absent(
            f"release {release.version} is commit {release.commit[:12]}, which this clone lacks; "
            "fix: git fetch --tags --unshallow (in CI: check out the whole history)"
        )
    into.mkdir(parents=True)
    archive = subprocess.run([*git, "archive", release.commit], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", str(into)], input=archive.stdout, check=True)


def changes(since: str, text: str | None = None) -> list[tuple[str, str]]:
    """[(version, entry)] of the changelog's sections after version `since`, newest first.

    An entry is one line, headed by its kind: "Added: …".
    """
    text = CHANGELOG.read_text(encoding="utf-8") if text is None else text
    found: list[tuple[str, str]] = []
    version = kind = ""
    for line in text.splitlines():
        if heading := re.match(r"## \[(.+?)\]", line):
            version = heading[1]
            if version != UNRELEASED and not is_older(since, version):
                break
        elif line.startswith("### "):
            kind = line.removeprefix("### ")
        elif version and line.startswith("- "):
            found.append((version, f"{kind}: {line.removeprefix('- ')}"))
        elif found and line.startswith("  "):
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    return found
