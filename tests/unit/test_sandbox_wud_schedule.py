"""sandbox.standins.wud_schedule: the moments of a cron line, and lines that are none."""

from __future__ import annotations

import time

import pytest

from sandbox.standins import wud_schedule


@pytest.mark.parametrize(
    ("line", "moment", "fits"),
    [
        ("0 6 * * *", "2026-11-27 06:00:00", True),
        ("0 6 * * *", "2026-11-27 06:00:01", False),
        ("0 6 * * *", "2026-11-27 07:00:00", False),
        ("*/5 * * * * *", "2026-11-27 07:00:35", True),
        ("0 0-6/3 * * 1,5", "2026-11-27 03:00:00", True),
        ("0 3 * * 0", "2026-11-27 03:00:00", False),
    ],
)
def test_a_cron_line_has_its_moments(line: str, moment: str, fits: bool) -> None:
    at = time.strptime(moment, "%Y-%m-%d %H:%M:%S")
    assert wud_schedule.Schedule(line).fits(at) is fits


@pytest.mark.parametrize("line", ["0 6 * *", "60 6 * * *", "a * * * *", "0 6 0 * *"])
def test_no_cron_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"cron|invalid literal"):
        wud_schedule.Schedule(line)
