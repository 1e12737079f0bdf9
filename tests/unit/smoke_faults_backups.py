"""Faults of what makes backups, and the check that must name each."""

from __future__ import annotations

from tests.smoke import expect_backups as B
from tests.unit.smoke_faults import Fault, setting

PASSWORD = "/etc/mediastack/secrets/backup/repository_password"
TIMER, PLACE = "mediastack-backup.timer", "/srv/mediastack/backups"
FAULTS = (
    Fault(B.program, (), setting("", "restic"), "no answer"),
    Fault(B.program, (), setting("bash: restic: Permission denied", "restic"), "Permission"),
    Fault(B.timer, (), setting("disabled", "units", TIMER, "UnitFileState"), "disabled"),
    Fault(B.timer, (), setting("inactive", "units", TIMER, "ActiveState"), "inactive"),
    Fault(B.timer, (), setting("", "units", TIMER, "NextElapseUSecRealtime"), "never fire"),
    Fault(B.timer, (), lambda o: o["units"].pop(TIMER), "unknown"),
    Fault(B.password, (), lambda o: o["secrets"].pop(PASSWORD), "absent"),
    Fault(B.password, (), setting(0, "secrets", PASSWORD, "size"), "empty"),
    Fault(B.password, (), setting("0440", "secrets", PASSWORD, "mode"), "mode 0440"),
    Fault(B.password, (), setting(1000, "secrets", PASSWORD, "uid"), "1000:0"),
    Fault(B.password, (), setting(1000, "secrets", PASSWORD, "gid"), "0:1000"),
    Fault(B.repository, (), setting(None, "files", PLACE), "absent"),
    Fault(B.repository, (), setting("0755", "files", PLACE, "mode"), "mode 0755"),
    Fault(B.repository, (), setting(1000, "files", PLACE, "uid"), "uid 1000"),
)
