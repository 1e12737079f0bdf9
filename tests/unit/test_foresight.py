"""foresight: what the secrets of a coming deploy will replace under running containers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from secrets_house import House

from mediastack import foresight, secrets


@pytest.fixture
def house(tmp_path: Path) -> Any:
    made = House(tmp_path)
    made.secret("app/key")
    made.secret("other/key", "copy", source="app/key")
    made.conf = made.file("key = @@SECRET app/key@@\n", "app/app.conf")
    made.apply()
    template = made.settings["secret_files"][0]["template"]
    digest = hashlib.sha256(Path(template).read_bytes()).hexdigest()
    made.settings["files"] = [{"path": template, "sha256": digest}]
    made.template = Path(template)
    return made


def stale(house: Any, source: Path, status: str = "running", known: tuple[str, ...] = ()) -> Any:
    container = {
        "status": status,
        "mounted_files": [[str(source), "/run/secrets/x"]],
        "stale_mounts": list(known),
    }
    foresight.note(house.settings, {"containers": [container]})
    return container["stale_mounts"]


def test_where_all_secrets_are_as_wanted_nothing_will_be_stale(house: Any) -> None:
    assert secrets.check(house.settings, {}) == []
    assert stale(house, house.secrets / "other" / "key") == []


def test_a_copy_that_will_be_written_again_makes_its_mount_stale(house: Any) -> None:
    copy = house.secrets / "other" / "key"
    copy.chmod(0o600)
    copy.write_text("by hand")
    assert stale(house, copy) == ["/run/secrets/x"]
    assert stale(house, copy, known=("/run/secrets/x",)) == ["/run/secrets/x"]
    assert stale(house, house.secrets / "app" / "key") == []
    assert stale(house, copy, status="exited") == []


def test_a_missing_file_will_be_another_one(house: Any) -> None:
    house.conf.unlink()
    assert stale(house, house.conf) == ["/run/secrets/x"]


def test_a_wrong_mode_is_mended_in_place(house: Any) -> None:
    house.conf.chmod(0o444)
    assert secrets.check(house.settings, {}) != []
    assert stale(house, house.conf) == []


def test_an_edited_template_is_put_back_before_it_is_filled_in(house: Any) -> None:
    house.template.write_text("by hand\n")
    assert secrets.check(house.settings, {}) != []
    assert stale(house, house.conf) == []
    house.template.unlink()
    assert stale(house, house.conf) == []
    # What else will be replaced is still foreseen.
    copy = house.secrets / "other" / "key"
    copy.unlink()
    assert stale(house, copy) == ["/run/secrets/x"]


def test_a_survey_that_is_refused_foresees_nothing(house: Any) -> None:
    house.secret("../key")
    assert stale(house, house.conf) == []
