"""The drill gives the tunnel back whatever happens: errors, Ctrl-C, and a kill."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mediastack import leaktest_drill as drill
from mediastack import lock

FILES = Path(__file__).resolve().parents[2] / "files"


class ControlServer(http.server.BaseHTTPRequestHandler):
    """Gluetun's, as far as the drill goes."""

    status = "running"
    asked: list[str] = []
    stops = True

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, value: dict[str, str]) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        up = type(self).status == "running"
        address = "203.0.113.7" if up else ""
        self._answer({"status": type(self).status, "public_ip": address})

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append(body["status"])
        if body["status"] == "running" or type(self).stops:
            type(self).status = body["status"]
        self._answer({"outcome": body["status"]})


@pytest.fixture
def gluetun() -> Iterator[type[ControlServer]]:
    ControlServer.status, ControlServer.asked, ControlServer.stops = "running", [], True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ControlServer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    ControlServer.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    yield ControlServer
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def config(
    tmp_path: Path, gluetun: type[ControlServer], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    key = tmp_path / "key"
    key.write_text("k" * 43)
    url = gluetun.url  # type: ignore[attr-defined]
    file = tmp_path / "mediastack.toml"
    file.write_text(
        f'schema = 1\n[paths]\nruntime = "{tmp_path}"\nstate = "{tmp_path}"\n'
        f'[vpn]\ncontrol_url = "{url}"\ncontrol_key_file = "{key}"\n'
    )
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    return {
        "paths": {"runtime": str(tmp_path), "state": str(tmp_path)},
        "vpn": {"control_url": url, "control_key_file": str(key)},
        "limits": {"lock_wait_seconds": 1},
    }


def note(config: dict[str, Any]) -> Path:
    return Path(config["paths"]["runtime"]) / drill.NOTE


def test_it_measures_while_the_tunnel_is_down_and_brings_it_back(
    config: dict[str, Any], gluetun: type[ControlServer]
) -> None:
    found: list[Any] = []

    def measure() -> dict[str, Any]:
        found.extend([gluetun.status, note(config).exists(), lock.holder()])
        return {"sonarr": {}}

    result = drill.run(config, measure)
    assert found[:2] == ["stopped", True]
    assert found[2]["actor"] == "leaktest", "the lock is held meanwhile"
    assert result["services"] == {"sonarr": {}}
    assert (result["error"], gluetun.status) == ("", "running")
    assert result["back_seconds"] is not None
    assert gluetun.asked == ["stopped", "running"], "the guard had nothing to do"
    assert not note(config).exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug of ours")])
def test_an_error_and_ctrl_c_bring_it_back_too(
    config: dict[str, Any], gluetun: type[ControlServer], error: BaseException
) -> None:
    def measure() -> dict[str, Any]:
        raise error

    with pytest.raises(type(error)):
        drill.run(config, measure)
    assert gluetun.status == "running"
    assert not note(config).exists()
    assert lock.holder() is None


def test_a_tunnel_that_does_not_stop_is_not_measured(
    config: dict[str, Any], gluetun: type[ControlServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    gluetun.stops = False
    monkeypatch.setattr(drill, "STOP_SECONDS", 0.2)
    result = drill.run(config, lambda: pytest.fail("measured with the tunnel up"))
    assert "did not stop" in result["error"]
    assert gluetun.status == "running"


def test_a_tunnel_that_is_down_before_is_left_alone(
    config: dict[str, Any], gluetun: type[ControlServer]
) -> None:
    gluetun.status = "crashed"
    result = drill.run(config, lambda: pytest.fail("measured"))
    assert result["error"] == "the tunnel is not running before (crashed)"
    assert gluetun.asked == []


KILLED = """
    import json, sys, time
    from mediastack import leaktest_drill

    def measure():
        print("down", flush=True)
        time.sleep(600)

    leaktest_drill.run(json.loads(sys.argv[1]), measure)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_tunnel_comes_back_when_the_leaktest_is_ended(
    config: dict[str, Any], gluetun: type[ControlServer], number: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), json.dumps(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(FILES)},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"down\n"
        assert gluetun.status == "stopped"
        child.send_signal(number)
        child.wait(30)
    deadline = time.monotonic() + 20
    while (gluetun.status != "running" or note(config).exists()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert gluetun.status == "running"
    assert not note(config).exists()


def test_what_a_kill_of_both_left_is_healed_by_the_next_run(
    config: dict[str, Any], gluetun: type[ControlServer]
) -> None:
    gluetun.status = "stopped"
    assert not drill.heal(config), "a tunnel that the user stopped is the user's"
    assert gluetun.status == "stopped"
    note(config).write_text('{"pid": 1}')
    assert drill.heal(config)
    assert gluetun.status == "running"
    assert not note(config).exists()
