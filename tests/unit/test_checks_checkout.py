"""checks.checkout: the frozen copy is whole, changes nothing at home and reaches no real host."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks import checkout


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for name in ("deploy.py", "tasks/base.py", "inventory.local.py", "secrets.toml", ".git/HEAD"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    (root / ".sandbox").mkdir()
    return root


def test_the_users_hosts_and_secrets_stay_out_of_the_copy(source: Path) -> None:
    with checkout.frozen(source) as copy:
        found = sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())
    assert found == ["deploy.py", "tasks/base.py"]


def test_boxes_are_linked_and_an_edit_stays_in_the_copy(source: Path) -> None:
    with checkout.frozen(source) as copy:
        checkout.edit(copy, "deploy.py", "# deploy", "# broken")
        assert (copy / "deploy.py").read_text() == "# broken.py\n"
        assert (copy / ".sandbox").resolve() == source / ".sandbox"
    assert (source / "deploy.py").read_text() == "# deploy.py\n"
    assert not copy.exists()


def test_a_fault_that_finds_nothing_to_edit_says_so(source: Path) -> None:
    with checkout.frozen(source) as copy, pytest.raises(ValueError, match="needs an update"):
        checkout.edit(copy, "deploy.py", "no such text", "")
