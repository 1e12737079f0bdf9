"""The stand-ins start, fail, keep state and stop as their upstreams do.

They run on the outer engine without a network (each test asks from inside the container), so no box
is needed; what the table says is checked against the images, not against the table.
"""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from standin_house import Start, answers, ask, docker, dropped, ended, mounted

from sandbox.standin_table import TABLE

pytestmark = pytest.mark.box

LINUXSERVER = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL")


def sonarr(start: Start, tmp_path: Path, *capabilities: str) -> str:
    identity = ("--env", "PUID=1234", "--env", "PGID=1235")
    return start("sonarr", *dropped(*capabilities), *identity, *mounted(tmp_path, "/config"))


def test_a_linuxserver_image_drops_to_puid_and_owns_its_state(start: Start, tmp_path: Path) -> None:
    container = sonarr(start, tmp_path, *LINUXSERVER)
    assert answers(container, "http://127.0.0.1:8989/ping", '200 {"status": "OK"}')
    top = docker("top", container, "-eo", "pid,uid,gid,args").splitlines()[1:]
    program = next(line for line in top if "standins arr sonarr" in line and "linux" not in line)
    assert program.split()[1:3] == ["1234", "1235"]
    for name in ("", "config.xml", "sonarr.db"):
        status = (tmp_path / "config" / name).stat()
        assert (status.st_uid, status.st_gid) == (1234, 1235)


@pytest.mark.parametrize("missing", ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID"])
def test_a_linuxserver_image_does_not_start_without_a_capability_it_needs(
    start: Start, tmp_path: Path, missing: str
) -> None:
    container = sonarr(start, tmp_path, *(c for c in LINUXSERVER if c != missing))
    assert ended(container) not in (None, 0)


def test_a_linuxserver_image_cannot_stop_its_program_without_kill(
    start: Start, tmp_path: Path
) -> None:
    container = sonarr(start, tmp_path, *(c for c in LINUXSERVER if c != "KILL"))
    assert answers(container, "http://127.0.0.1:8989/ping", "200").startswith("200")
    docker("stop", "--time", "2", container)
    assert ended(container) == 137


def test_a_committed_row_is_not_in_the_database_file_alone(start: Start, tmp_path: Path) -> None:
    container = sonarr(start, tmp_path, *LINUXSERVER)
    answers(container, "http://127.0.0.1:8989/ping", "200")
    ask(container, "http://127.0.0.1:8989/standin/rows", "POST", '{"text": "precious"}')
    database = tmp_path / "config" / "sonarr.db"
    alone = tmp_path / "alone.db"
    alone.write_bytes(database.read_bytes())
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        sqlite3.connect(alone).execute("SELECT text FROM entries")
    with sqlite3.connect(database) as live:
        assert live.execute("SELECT text FROM entries").fetchall() == [("precious",)]


def test_the_api_takes_the_key_of_config_xml_and_no_other(start: Start, tmp_path: Path) -> None:
    mount = mounted(tmp_path, "/config")
    (tmp_path / "config" / "config.xml").write_text("<Config><ApiKey>0123abcd</ApiKey></Config>")
    container = start("radarr", *mount, "--env=PUID=1000", "--env=PGID=1000")
    url = "http://127.0.0.1:7878/api/v3/system/status"
    assert answers(container, url, "401").startswith("401")
    assert ask(container, url, "GET", "", "X-Api-Key: wrong").startswith("401")
    assert ask(container, url, "GET", "", "X-Api-Key: 0123abcd").startswith("200")


def test_a_stand_in_can_be_made_sick_slow_and_dead(start: Start) -> None:
    container = start("flaresolverr")
    url = "http://127.0.0.1:8191/health"
    assert answers(container, url, "200").startswith("200")

    def control(values: dict[str, Any]) -> None:
        docker("exec", container, "sh", "-c", f"echo '{json.dumps(values)}' >/tmp/standin.json")

    control({"health": "sick"})
    assert ask(container, url).startswith("500")
    control({"delay_seconds": 1})
    started = time.monotonic()
    assert ask(container, url).startswith("200")
    assert time.monotonic() - started >= 1
    control({"exit_code": 7})
    ask(container, url)
    assert ended(container) == 7


def test_every_image_ends_promptly_when_it_is_told_to(start: Start, tmp_path: Path) -> None:
    socket = ("--volume=/var/run/docker.sock:/var/run/docker.sock:ro",)
    containers = []
    for key in sorted(set(TABLE) - {"gluetun", "cross-seed", "autoheal"}):
        options = list(socket if key == "socket-proxy" else ())
        if TABLE[key].user and TABLE[key].state:
            options += mounted(tmp_path, TABLE[key].state)
        command = ("serve",) if key == "ntfy" else ()
        containers.append(start(key, *options, command=command))
    time.sleep(3)
    shown = ("inspect", "--format", "{{.Name}} {{.State.Running}} {{.State.ExitCode}}", *containers)
    assert [line for line in docker(*shown).splitlines() if "true" not in line] == []
    docker("stop", "--time", "20", *containers)
    wrong = [line for line in docker(*shown).splitlines() if line.split()[2] not in ("0", "143")]
    assert wrong == []


@pytest.mark.parametrize("key", sorted(TABLE))
def test_an_image_has_the_http_tool_of_its_upstream_and_not_the_other(
    references: dict[str, str], key: str
) -> None:
    found = docker(
        "run", "--rm", "--network=none", "--entrypoint=sh", references[key],
        "-c", "for tool in curl wget; do command -v $tool >/dev/null && echo $tool; done; true",
    )  # fmt: skip
    assert tuple(found.split()) == TABLE[key].tools
