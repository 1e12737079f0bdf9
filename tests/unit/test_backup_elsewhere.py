"""Which repositories outlive the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediastack.backup import elsewhere
from mediastack.backup.settings import Target

MOUNTS = """\
22 1 0:20 / / rw shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /mnt rw - ext4 /dev/sdb1 rw
24 23 0:22 / /mnt/nas rw shared:2 master:1 - nfs4 nas:/export rw
25 22 0:23 / /mnt/nas2 rw - ext4 /dev/sdc1 rw
26 22 0:24 / /over rw - nfs nas:/over rw
27 22 0:25 / /over rw - ext4 /dev/sdd1 rw
"""


@pytest.fixture
def proc(tmp_path: Path) -> str:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "mountinfo").write_text(MOUNTS)
    return str(tmp_path)


def target(tmp_path: Path, repository: str, environment: str = "", name: str = "nas") -> Target:
    file = tmp_path / "environment"
    file.write_text(environment)
    return Target(name, repository, "", str(file))


@pytest.mark.parametrize(
    ("repository", "environment", "elsewhere_"),
    [
        ("sftp:user@nas:/backups", "", True),
        ("rest:https://nas:8000/", "", True),
        ("", "RESTIC_REPOSITORY=rest:https://me:secret@nas:8000/", True),
        ("", "RESTIC_REPOSITORY=/mnt/disk", False),
        ("", "", False),
        ("/mnt/nas/restic", "", True),
        ("/mnt/nas", "", True),
        ("/mnt/nas2/restic", "", False),
        ("/mnt/disk", "", False),
        ("/over/restic", "", False),
    ],
)
def test_a_directory_is_elsewhere_only_on_a_networks_disk(
    tmp_path: Path, proc: str, repository: str, environment: str, elsewhere_: bool
) -> None:
    found = target(tmp_path, repository, environment)
    assert elsewhere.is_elsewhere(found, proc) is elsewhere_
    local = found._replace(name="local")
    assert elsewhere.any_of([local, found], proc) is elsewhere_


def test_the_local_repository_never_is(tmp_path: Path, proc: str) -> None:
    found = target(tmp_path, "/mnt/nas/restic", name="local")
    assert not elsewhere.is_elsewhere(found, proc)


def test_without_the_kernels_word_a_directory_is_here(tmp_path: Path) -> None:
    assert not elsewhere.is_elsewhere(target(tmp_path, "/mnt/nas"), str(tmp_path / "none"))
