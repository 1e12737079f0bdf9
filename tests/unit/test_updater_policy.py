"""What may be updated to what."""

from __future__ import annotations

import pytest

from mediastack.updater import policy
from mediastack.updater.policy import Image

OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64
REPOSITORY = "ghcr.io/linuxserver/sonarr"
ENTRY = {"image": f"{REPOSITORY}:4.0.19", "updates": "auto", "update_tags": r"^\d+\.\d+\.\d+$"}


def judge(tag: str, *, digest: str = NEW, repository: str = REPOSITORY, **changes: object) -> str:
    entry = {**ENTRY, **{k: v for k, v in changes.items() if k in ENTRY}}
    running = Image(f"{REPOSITORY}:4.0.19", OLD)
    refused = changes.get("refused", ())
    assert isinstance(refused, tuple)
    verdict = policy.judge(
        entry,
        running,
        Image(f"{repository}:{tag}", digest),
        refused,
        allow_major=bool(changes.get("allow_major")),
    )
    assert verdict.why
    return verdict.action


@pytest.mark.parametrize(
    ("current", "candidate", "kind"),
    [
        ("4.0.19", "4.0.19", "same"),
        ("4.0.19", "4.0.20", "patch"),
        ("4.0.19", "4.1.0", "minor"),
        ("4.0.19", "5.0.0", "major"),
        ("v3.41.3", "v3.42.0", "minor"),
        ("4.0.19", "4.0.18", "older"),
        ("4.0.19", "latest", "foreign"),
        ("latest", "4.0.19", "foreign"),
        ("4.0.19", "v4.0.20", "foreign"),
        ("4.0.19", "4.0.20-beta", "foreign"),
        ("6", "7", "major"),
        ("1.43.0.10492-121068a07-ls297", "1.43.0.10492-121068a07-ls298", "patch"),
    ],
)
def test_a_move_between_tags_has_a_kind(current: str, candidate: str, kind: str) -> None:
    assert policy.kind(current, candidate) == kind


def test_a_newer_patch_or_minor_version_is_taken() -> None:
    assert judge("4.0.20") == "update"
    assert judge("4.1.0") == "update"


def test_the_same_tag_built_anew_is_taken_and_the_same_digest_is_nothing() -> None:
    assert judge("4.0.19") == "update"
    assert judge("4.0.19", digest=OLD) == "ignore"


def test_a_major_version_is_told_until_the_user_asks_for_it() -> None:
    assert judge("5.0.0") == "tell"
    assert judge("5.0.0", allow_major=True) == "update"


def test_notify_only_tells_and_pinned_ignores() -> None:
    assert judge("4.0.20", updates="notify") == "tell"
    assert judge("4.0.20", updates="pinned") == "ignore"
    assert judge("4.0.20", updates="pinned", allow_major=True) == "ignore"


@pytest.mark.parametrize(
    "repository",
    ["ghcr.io/evil/sonarr", "ghcr.io/linuxserver/sonarr/x", "sonarr", "", "../sonarr"],
)
def test_another_repository_is_never_taken(repository: str) -> None:
    assert judge("4.0.20", repository=repository) == "ignore"


@pytest.mark.parametrize(
    "tag", ["4.0.18", "latest", "4.0.20-beta", "v4.0.20", "4.0.20@sha256:x", "4.0.20\n", "", "../4"]
)
def test_a_tag_out_of_the_pattern_or_the_scheme_is_never_taken(tag: str) -> None:
    assert judge(tag) == "ignore"


def test_without_a_pattern_only_the_tag_itself_is_allowed() -> None:
    assert judge("4.0.20", update_tags="") == "ignore"
    assert judge("4.0.19", update_tags="") == "update"


def test_a_digest_found_bad_is_not_tried_again() -> None:
    assert judge("4.0.20", refused=(NEW,)) == "ignore"
    assert judge("4.0.20", refused=(OLD,)) == "update"


@pytest.mark.parametrize("digest", ["", "sha256:1", "latest", "sha256:" + "G" * 64])
def test_what_is_no_digest_is_never_taken(digest: str) -> None:
    assert judge("4.0.20", digest=digest) == "ignore"
