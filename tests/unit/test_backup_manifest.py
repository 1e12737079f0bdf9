"""backup.manifest: what belongs together is written down, and nothing secret with it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import staging_house as house

from mediastack import image_lock
from mediastack.backup import manifest

DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return house.furnish(tmp_path, monkeypatch, "one", "two!")


def test_it_says_of_each_service_what_ran_and_whose_it_was(config: dict[str, Any]) -> None:
    image_lock.record("one", "registry/one:2", DIGEST)
    record = {"sha256": "x", "bytes": 1}
    made = manifest.build(config, {"one": {"one.db": record}})
    one, two = made["services"]["one"], made["services"]["two"]
    assert (one["image"], one["digest"]) == ("registry/one:2", DIGEST)
    assert one["locked_at"] == image_lock.read()["one"]["recorded_at"]
    assert (one["uid"], one["gid"], one["stopped"]) == (1000, 1000, False)
    assert one["databases"] == {"one.db": record}
    assert (two["image"], two["digest"], two["locked_at"]) == ("registry/two:1", "", "")
    assert two["stopped"] is True
    assert two["excludes"] == ["logs", "logs.db"]
    assert (made["release"], made["host"]) == ("1.2.3", "house")


def test_while_an_update_is_on_trial_that_is_what_runs(config: dict[str, Any]) -> None:
    image_lock.record("one", "registry/one:2", DIGEST)
    image_lock.trial("one", "registry/one:3", "sha256:" + "b" * 64)
    assert manifest.build(config, {})["services"]["one"]["image"] == "registry/one:3"


def test_a_service_without_a_directory_is_not_in_it(config: dict[str, Any]) -> None:
    os.rmdir(config["services"]["two"]["config"])
    assert set(manifest.build(config, {})["services"]) == {"one"}


def test_of_secrets_it_has_owner_and_mode_and_nothing_else(config: dict[str, Any]) -> None:
    directory = Path(config["paths"]["etc"]) / "secrets" / "one"
    directory.mkdir(parents=True)
    (directory / "api_key").write_text("s3cret")
    (directory / "api_key").chmod(0o400)
    (directory / ".api_key.1-2.3.tmp").write_text("half")
    (directory / "link").symlink_to("api_key")
    made = manifest.build(config, {})
    status = (directory / "api_key").stat()
    wanted = {"uid": status.st_uid, "gid": status.st_gid, "mode": 0o400}
    assert made["secrets"] == {"one/api_key": wanted}
    assert "s3cret" not in json.dumps(made)


def test_what_was_built_is_read_again(config: dict[str, Any], tmp_path: Path) -> None:
    made = manifest.build(config, {"one": {"one.db": {"sha256": "x"}}})
    (tmp_path / "m.json").write_text(json.dumps(made))
    assert manifest.read(str(tmp_path / "m.json")) == made


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is none; fix: "),
        ("{", "is damaged"),
        ("[]", "is no manifest"),
        ('{"schema": 1, "services": {}}', "no paths and no secrets"),
        ('{"schema": 2, "release": "9.0"}', r"release 9\.0.*fix: deploy that release"),
    ],
)
def test_what_is_no_manifest_is_refused_with_the_reason(
    tmp_path: Path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "m.json").write_text(content)
    with pytest.raises(manifest.ManifestError, match=words):
        manifest.read(str(tmp_path / "m.json"))
