"""What the smoke suite's reader says of files, sockets, secrets and disks, on a host made up."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mediastack import probes
from tests.smoke import host_program, host_readers, host_source


def test_a_file_is_seen_with_kind_mode_owner_and_hash(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    path.chmod(0o640)
    seen = host_readers.look(str(path))
    assert seen == {
        "kind": "file",
        "mode": "0640",
        "uid": os.getuid(),
        "gid": os.getgid(),
        "size": 1,
        "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    }


def test_a_link_is_not_followed_and_absence_is_none(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/nowhere")
    seen = host_readers.look(str(tmp_path / "link"))
    assert seen is not None
    assert (seen["kind"], seen["target"]) == ("link", "/nowhere")
    assert host_readers.look(str(tmp_path / "absent")) is None


def test_no_secret_is_hashed(tmp_path: Path) -> None:
    (tmp_path / "sonarr").mkdir()
    (tmp_path / "sonarr" / "api_key").write_text("0123456789")
    tree = host_readers.secret_tree(str(tmp_path))
    assert set(tree) == {str(tmp_path), f"{tmp_path}/sonarr", f"{tmp_path}/sonarr/api_key"}
    assert "sha256" not in json.dumps(tree)
    assert "0123456789" not in json.dumps(tree)


@pytest.mark.parametrize("shown", ['say "hallo" twice', json.dumps('say "hallo" twice')])
def test_a_secret_is_found_where_it_is_shown_plain_or_as_json(tmp_path: Path, shown: str) -> None:
    (tmp_path / "ntfy").mkdir()
    (tmp_path / "ntfy" / "password").write_text('say "hallo" twice\n')
    spec = {"secrets": ["ntfy/password", "ntfy/absent"], "secrets_directory": str(tmp_path)}
    texts = {"docker inspect": f"before {shown} after", "/etc/other": "nothing"}
    assert host_program.shown_secrets(spec, texts) == ["ntfy/password in docker inspect"]


def test_addresses_of_the_kernels_tables_become_text() -> None:
    assert host_program.number("0100007F") == "127.0.0.1"
    assert host_program.number("0" * 24 + "01000000") == "::1"


@pytest.fixture
def server() -> Any:
    """An HTTP server that finds nothing."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_any_http_status_is_an_answer(server: Any) -> None:
    assert probes.web_answer(f"http://127.0.0.1:{server.server_port}") == 404


def test_a_closed_port_says_why() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert "refused" in str(probes.web_answer(f"http://127.0.0.1:{free.getsockname()[1]}"))


def test_a_hardlink_is_tried_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "torrents").mkdir()
    (tmp_path / "media").mkdir()
    assert host_program.hardlink(str(tmp_path)) == ""
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_hardlink_that_fails_is_explained_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "torrents").mkdir()
    assert "No such file" in host_program.hardlink(str(tmp_path))
    assert list((tmp_path / "torrents").iterdir()) == []


def test_the_program_runs_as_one_text_without_this_checkout(tmp_path: Path) -> None:
    source = host_source.program() + "\nprint(number('0100007F'), look('/')['kind'])\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", source],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "127.0.0.1 directory\n"
