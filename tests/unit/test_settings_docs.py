"""docs/settings.md says what the program reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from service import Service
from settings import docs as settings_docs
from settings.model import SECTIONS


def test_the_page_is_up_to_date() -> None:
    assert settings_docs.main(["--check"]) == 0


def test_every_setting_is_on_the_page() -> None:
    text = settings_docs.PAGE.read_text()
    for table, model in SECTIONS.items():
        part = text.partition(f"## [{table}]")[2].partition("\n## ")[0]
        assert all(f"| `{name}` |" in part for name in model.model_fields)
    assert all(f"`{name}`" in text for name in Service.model_fields)


def test_an_old_page_fails_the_check_and_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "settings.md"
    page.write_text(settings_docs.page() + "by hand\n")
    monkeypatch.setattr(settings_docs, "PAGE", page)
    assert settings_docs.main(["--check"]) == 1
    assert page.read_text().endswith("by hand\n")
    assert "run scripts/settings-docs" in capsys.readouterr().err
    assert settings_docs.main([]) == 0
    assert settings_docs.main(["--check"]) == 0


def test_wrong_usage_exits_2() -> None:
    assert settings_docs.main(["--chek"]) == 2
