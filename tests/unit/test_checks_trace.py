"""checks.inside.trace: lines as strace 6 writes them; what others could have read is found."""

# ruff: noqa: E501 - strace writes lines as long as they are
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checks.inside import trace

SECRET = "0123456789abcdef0123456789abcdef"
FORMS = {SECRET: "sonarr/api_key"}
DIRECTORY = "/etc/mediastack/secrets"
SEED = "/srv/mediastack/config/sonarr/.config.xml.7.9.tmp"
GOOD = f"""\
mkdir("{DIRECTORY}/sonarr", 0700) = 0
openat(AT_FDCWD</root>, "{DIRECTORY}/sonarr/.a.tmp", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3<{DIRECTORY}/sonarr/.a.tmp>
write(3<{DIRECTORY}/sonarr/.a.tmp>, "{SECRET}", 32) = 32
fchmod(3<{DIRECTORY}/sonarr/.a.tmp>, 0400) = 0
openat(AT_FDCWD</root>, "/proc/self/fd/5/.config.xml.7.9.tmp", O_WRONLY|O_CREAT|O_EXCL, 0600) = 6<{SEED}>
write(6<{SEED}>, "<Config><ApiKey>{SECRET}</ApiKey>", 60) = 60
fchmod(6<{SEED}>, 0600) = 0
write(1<pipe:[123]>, "{SECRET}", 32) = 32
openat(AT_FDCWD</root>, "/opt/x", O_WRONLY|O_CREAT, 0644) = 3</opt/x>
openat(AT_FDCWD</root>, "{DIRECTORY}/sonarr/api_key", O_RDONLY|O_CLOEXEC) = 3<{DIRECTORY}/sonarr/api_key>
execve("/usr/bin/python3", ["python3", "-"], ["PATH=/usr/bin"]) = 0
"""


def judge(tmp_path: Path, text: str) -> dict[str, Any]:
    (tmp_path / "t.1").write_text(text)
    return trace.main(f"{tmp_path}/t", FORMS)


def test_a_careful_program_is_blameless(tmp_path: Path) -> None:
    seen = judge(tmp_path, GOOD)
    assert (seen["wide"], seen["elsewhere"], seen["arguments"]) == ([], [], [])
    assert set(seen["carriers"]) == {f"{DIRECTORY}/sonarr/.a.tmp", SEED}


@pytest.mark.parametrize(
    ("careful", "careless", "found"),
    [
        ("O_EXCL, 0600) = 3<", "O_EXCL, 0644) = 3<", "created"),
        ("O_EXCL, 0600) = 6<", "O_EXCL, 0666) = 6<", "created"),
        ('sonarr", 0700', 'sonarr", 0755', "made"),
        ("tmp>, 0400)", "tmp>, 0440)", "changed"),
        (f"{SEED}>, 0600)", f"{SEED}>, 0604)", "changed"),
    ],
)
def test_a_mode_that_is_too_wide_is_found_at_every_step(
    careful: str, careless: str, found: str, tmp_path: Path
) -> None:
    assert careful in GOOD
    seen = judge(tmp_path, GOOD.replace(careful, careless))
    assert [what for what, _path, _mode in seen["wide"]] == [found]


def test_a_secret_written_to_another_place_is_found(tmp_path: Path) -> None:
    seen = judge(tmp_path, f'{GOOD}write(4</tmp/spec.json>, "{{{SECRET}}}", 40) = 40\n')
    assert seen["elsewhere"] == ["/tmp/spec.json"]


@pytest.mark.parametrize("where", ['["tool", "{}"], ["A=b"]', '["tool"], ["KEY={}"]'])
def test_a_secret_in_arguments_or_environment_is_found(where: str, tmp_path: Path) -> None:
    line = f'execve("/bin/tool", {where.format(SECRET)}) = 0\n'
    assert judge(tmp_path, GOOD + line)["arguments"] == ["sonarr/api_key"]
