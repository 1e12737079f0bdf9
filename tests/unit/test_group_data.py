"""group_data/all.py: every setting has its default and one line of why, and is a whole house."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path

import pytest
from settings_house import KEY, problems

import settings
from settings import docs as settings_docs
from settings.model import SECTIONS
from settings.user_secrets import allowed


def test_every_table_and_key_of_the_models_has_a_default() -> None:
    defaults = runpy.run_path(str(settings.DEFAULTS_FILE))
    for name, model in SECTIONS.items():
        assert list(defaults[name]) == list(model.model_fields)
    assert defaults["services"] == {}


def test_no_model_brings_a_default_of_its_own() -> None:
    for model in SECTIONS.values():
        assert all(field.is_required() for field in model.model_fields.values())


def test_every_key_says_why_in_one_line() -> None:
    for table, keys in settings_docs.comments().items():
        for name, (_, why) in keys.items():
            assert len(why) > 20, f"{table}.{name}"


def test_a_key_without_a_comment_is_found(tmp_path: Path) -> None:
    file = tmp_path / "all.py"
    file.write_text('host = {\n    "timezone": "Etc/UTC",\n}\n')
    with pytest.raises(ValueError, match="timezone has no comment"):
        settings_docs.comments(file)


def test_the_example_of_the_secrets_holds_names_that_exist_and_no_value(tmp_path: Path) -> None:
    text = (settings.ROOT / "secrets.example.toml").read_text().replace("# [n", "[n")
    tables = tomllib.loads(text.replace("# token", "token"))
    names = {f"{table}/{name}" for table, keys in tables.items() for name in keys}
    assert names <= set(allowed(settings.load(environment=_KEY).services))
    assert all(value == "" for keys in tables.values() for value in keys.values())
    (found,) = problems(tmp_path, None, (settings.ROOT / "secrets.example.toml").read_text())
    assert "is missing" in found


_KEY = {"MEDIASTACK_GLUETUN_WIREGUARD_PRIVATE_KEY": KEY}
