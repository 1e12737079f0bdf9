"""releases: the order of versions, the changelog between two, and the commit of a release."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import releases
from host_configuration import VERSION
from releases import Absent, Release

LOG = """
# Changelog
## [Unreleased]
### Added
- **New** thing
  over two lines.
### Fixed
- A bug.
## [0.2.0] - 2026-12-01
### Changed
- The default.
## [0.1.0] - 2026-11-24
### Added
- Everything.
"""


def test_versions_sort_by_number_and_a_development_version_comes_before_its_release() -> None:
    ordered = ["0.1.0", "0.2.0-dev", "0.2.0", "0.10.0", "1.0.0"]
    assert sorted(set(ordered), key=releases.order) == ordered
    assert releases.order("0.1.0+abc") == releases.order("0.1.0+def")
    assert not releases.is_older("nonsense", "0.1.0")


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ("0.1.0+abc", ["Unreleased", "Unreleased", "0.2.0"]),
        ("0.2.0+abc", ["Unreleased", "Unreleased"]),
        ("0.0.9", ["Unreleased", "Unreleased", "0.2.0", "0.1.0"]),
    ],
)
def test_the_entries_after_a_version_are_told_newest_first(since: str, told: list[str]) -> None:
    found = releases.changes(since, LOG)
    assert [version for version, _ in found] == told
    assert found[0] == ("Unreleased", "Added: **New** thing over two lines.")


def test_the_release_before_this_checkout_is_known_and_in_its_changelog() -> None:
    before = releases.previous(VERSION)
    assert f"## [{before.version}]" in releases.CHANGELOG.read_text(encoding="utf-8")
    assert len(before.commit) == 40


def test_without_an_earlier_release_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "releases.toml"
    file.write_text('[[releases]]\nversion = "0.3.0"\ncommit = "a"\n')
    with pytest.raises(ValueError, match=r"releases.toml names no release before 0.2.0"):
        releases.previous("0.2.0", file)


def test_a_release_is_extracted_from_its_commit_and_one_that_is_not_here_is_said(
    tmp_path: Path,
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    (repository / "file").write_text("old\n")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    commit = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()
    (repository / "file").write_text("new\n")
    releases.extract(Release("0.1.0", commit), tmp_path / "out", repository)
    assert (tmp_path / "out" / "file").read_text() == "old\n"
    with pytest.raises(Absent, match=r"git fetch --tags --unshallow"):
        releases.extract(Release("0.1.0", "0" * 40), tmp_path / "other", repository)
