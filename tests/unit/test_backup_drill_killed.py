"""A drill that is ended in its middle: what it leaves is swept by itself, or by the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import restic_house
from drill_house import House, furnish
from skips import needs_restic

from mediastack.backup import drill

FILES = str(Path(__file__).resolve().parents[2] / "files")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return furnish(tmp_path, monkeypatch)


@needs_restic
def test_what_a_killed_drill_left_is_swept_first(house: House) -> None:
    restic_house.saved(house.found)
    left = Path(drill.place(house.config)) / "sonarr"
    left.mkdir(parents=True)
    (left / "sonarr.db").write_text("left")
    house.docker.left = ["one", "two"]
    assert house.run() == 0
    assert house.nothing_stays()


def test_a_container_that_docker_was_still_making_is_swept_without_its_directory(
    house: House,
) -> None:
    house.docker.left = ["late"]
    docker: Any = house.docker
    drill.sweep(house.config, docker)
    assert house.docker.left == []


@needs_restic
@pytest.mark.parametrize(
    ("number", "stays"), [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGKILL, True)]
)
def test_ended_in_its_middle_it_leaves_nothing_or_the_next_sweep_does(
    house: House, tmp_path: Path, number: int, stays: bool
) -> None:
    restic_house.saved(house.found)
    (tmp_path / "config.json").write_text(json.dumps(house.config))
    program = f"""
import json, sys, time
sys.path.insert(0, {FILES!r})
from mediastack.backup import drill, drill_apps, report, run_lock, settings
config = json.load(open({str(tmp_path / "config.json")!r}))
run_lock.config.paths = lambda: config["paths"]
report.default_path = lambda: {str(tmp_path / "backup.json")!r}
drill.image_lock.default_path = lambda: "/nowhere"
drill.restic.CACHE = {str(tmp_path / "cache")!r}
drill.drill_apps.sweep = lambda docker: None
def ask(*given):
    print("asked", flush=True)
    time.sleep(60)
drill_apps.ask = ask
target = settings.Target("local", {house.found.target.repository!r},
                         {house.found.target.password_file!r}, "/nowhere")
drill.run(config, None, target)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        assert process.stdout
        deadline = time.monotonic() + 60
        while "asked" not in process.stdout.readline():
            assert time.monotonic() < deadline and process.poll() is None
        process.send_signal(number)
        process.wait(20)
    finally:
        process.kill()
        process.wait()
    assert os.path.exists(drill.place(house.config)) is stays
    docker: Any = house.docker
    drill.sweep(house.config, docker)
    assert house.nothing_stays()
