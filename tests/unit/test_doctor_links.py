"""A managed link that leads elsewhere is named by the doctor."""

from __future__ import annotations

from pathlib import Path

from mediastack import doctor_checks_files, doctor_facts


def test_a_link_that_leads_elsewhere_is_named(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/nowhere")
    entry = {"path": str(link), "kind": "link", "target": "/opt/mediastack/bin/stack-manage.sh"}
    config = {"files": [entry], "paths": {"data": "/data"}}
    facts = {"files": doctor_facts.files([entry]), "data": {"present": True}}
    (found,) = doctor_checks_files.managed_files(config, facts)
    assert found.problem == "points to /nowhere instead of /opt/mediastack/bin/stack-manage.sh"
    link.unlink()
    link.symlink_to(entry["target"])
    facts["files"] = doctor_facts.files([entry])
    assert doctor_checks_files.managed_files(config, facts)[0].ok
