"""What the settings of backups lack is told before anything happens, and never with a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from settings_house import KEY, load, problems

import backup_configuration

CANARY = "c4nary-secret"
NAS = {"repository": "sftp:user@nas:/backups"}
BROKEN: list[tuple[dict[str, Any], dict[str, str], str, str]] = [
    ({"rebuild_from": "/mnt/usb/restic"}, {}, "backup.rebuild_from", "not the password"),
    ({}, {"rebuild_environment": f"A={CANARY}"}, "rebuild_environment", "nothing to rebuild from"),
    (
        {"rebuild_from": "/x"},
        {"repository_password": CANARY, "rebuild_environment": f"RESTIC_REPOSITORY=rest:{CANARY}"},
        "backup.rebuild_from",
        "names another repository",
    ),
    ({}, {"rebuild_environment": f"RESTIC_REPOSITORY=rest:{CANARY}"}, "rebuild_from", "password"),
    ({"remotes": {"nas": {}}}, {}, "backup.remotes.nas.repository", "is missing"),
    ({"remotes": {"nas": {}}}, {"nas_environment": f"A={CANARY}"}, "nas.repository", "is missing"),
    ({}, {"nas_environment": f"A={CANARY}"}, "backup.nas_environment", "remote nas that is not"),
    ({"remotes": {"nas": NAS, "two": NAS}}, {}, "backup.remotes.two.repository", "of nas as well"),
    (
        {"remotes": {"nas": {"repository": "/srv/mediastack/config/restic"}}},
        {},
        "backup.remotes.nas.repository",
        "inside storage.config",
    ),
    ({"local": False}, {}, "backup.local", "would go nowhere"),
    (
        {"remotes": {"nas": NAS}},
        {"nas_environment": f"AWS_KEY=x {CANARY}"},
        "backup.nas_environment",
        "is not NAME=value",
    ),
    (
        {"remotes": {"nas": NAS}},
        {"nas_environment": f"RESTIC_PASSWORD={CANARY}"},
        "backup.nas_environment",
        "has RESTIC_PASSWORD",
    ),
]
SOUND: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"rebuild_from": "/mnt/usb/restic"}, {"repository_password": CANARY}),
    (
        {},
        {"repository_password": CANARY, "rebuild_environment": "RESTIC_REPOSITORY=rest:http://x/"},
    ),
    ({"remotes": {"nas": NAS}}, {}),
    ({"remotes": {"nas": {}}}, {"nas_environment": "RESTIC_REPOSITORY=rest:http://u:p@x/"}),
    ({"local": False, "enabled": False}, {}),
    ({"local": False, "remotes": {"nas": NAS}}, {"nas_environment": "AWS_A=b AWS_C=d"}),
]


def given(secrets: dict[str, str]) -> dict[str, Any]:
    return {"gluetun": {"wireguard_private_key": KEY}, "backup": secrets}


@pytest.mark.parametrize(("table", "secrets", "path", "words"), BROKEN)
def test_a_broken_house_is_told_once_with_a_fix_and_no_secret(
    tmp_path: Path, table: dict[str, Any], secrets: dict[str, str], path: str, words: str
) -> None:
    found = problems(tmp_path, {"backup": table}, given(secrets))
    assert len(found) == 1, found
    assert path in found[0]
    assert words in found[0]
    assert "; fix: " in found[0]
    assert CANARY not in found[0]


@pytest.mark.parametrize(("table", "secrets"), SOUND)
def test_a_sound_house_is_not_told_anything(
    tmp_path: Path, table: dict[str, Any], secrets: dict[str, str]
) -> None:
    assert problems(tmp_path, {"backup": table}, given(secrets)) == []


def test_a_house_is_rebuilt_only_when_it_says_from_where(tmp_path: Path) -> None:
    assert backup_configuration.rebuild_order(load(tmp_path)) == {}
    told = load(tmp_path, {"backup": {"rebuild_from": "/r"}}, given({"repository_password": "p"}))
    assert backup_configuration.rebuild_order(told) == {
        "repository": "/r", "password": "p", "environment": "",
    }  # fmt: skip
    hidden = {"repository_password": "p", "rebuild_environment": "RESTIC_REPOSITORY=rest:x"}
    assert backup_configuration.rebuild_order(load(tmp_path, {}, given(hidden))) == {
        "repository": "", "password": "p", "environment": "RESTIC_REPOSITORY=rest:x",
    }  # fmt: skip
