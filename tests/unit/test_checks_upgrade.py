"""checks/upgrade: what is compared with what, and that the made-up next release can be made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checks import newer, upgrade
from checks.framework import CheckError, Context
from releases import ROOT, Absent, Release


def state(**more: Any) -> dict[str, Any]:
    return {"files": {}, "containers": {}, **more}


def test_the_next_release_changes_this_checkout_in_every_place() -> None:
    with newer.release(ROOT) as made:
        for path, _, new in newer.EDITS:
            assert new in (made / path).read_text(encoding="utf-8")
        assert (made / "host_configuration.py").read_text().count(f'"{newer.NEXT}"') == 1
    assert not made.exists()


def test_changed_new_and_gone_paths_count_and_mere_consequences_do_not() -> None:
    before = {"/a": [1], "/b": [1], "/gone": [1], "/opt/mediastack/stacks/ops/images.yaml": [1]}
    after = {"/a": [2], "/b": [1], "/new": [1], "/etc/systemd/system/x.wants/y": [1]}
    assert upgrade.files(state(files=before), state(files=after)) == {"/a", "/gone", "/new"}


def test_ports_are_those_of_the_host() -> None:
    bound = {"80/tcp": [{"HostIp": "", "HostPort": "3055"}], "81/tcp": None}
    bound = {name: several or [] for name, several in bound.items()}
    assert upgrade.ports(state(containers={"a": {"ports": bound}, "b": {"ports": None}})) == {
        "3055"
    }
    told = [
        {"kind": "port", "subject": "a", "text": "3000 -> 3055"},
        {"kind": "port", "subject": "b", "text": "none -> 8096"},
        {"kind": "value", "subject": "c", "text": "1 -> 2"},
    ]
    assert upgrade.ports_said(told) == {"3000", "3055", "8096"}


@pytest.mark.parametrize("part", ["secrets", "marks"])
def test_a_secret_or_state_that_changed_unsaid_is_a_violation(part: str) -> None:
    before: dict[str, Any] = {"secrets": {"/s": [1]}, "marks": {"/m": [1]}}
    after = {**before, part: {}}
    context = Context("upgrade")
    upgrade.unchanged(context, before, after, set())
    assert len(context.violations) == 1
    context = Context("upgrade")
    upgrade.unchanged(context, before, after, {"/s", "/m"})
    assert context.violations == []


def test_a_release_that_is_not_in_this_clone_ends_the_check_and_is_no_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(release: Release, into: Path) -> None:
        raise Absent(f"{release.version} is not here")

    monkeypatch.setattr(upgrade.releases, "extract", absent)
    with pytest.raises(CheckError, match="is not here"), upgrade.last_release():
        pass
