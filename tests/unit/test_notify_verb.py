"""The sending verb against a real HTTP server: token, answers, refusals."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mediastack import notify, notify_sender


def names(spool, part):
    return sorted(os.listdir(os.path.join(spool, part)))


@pytest.fixture
def ntfy():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.requests.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(self.server.status)
            if self.server.status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def house(tmp_path, monkeypatch, ntfy):
    token = tmp_path / "token"
    token.write_text("tk_canary\n")
    config = tmp_path / "mediastack.toml"
    config.write_text(
        f'schema = 1\n[paths]\nstate = "{tmp_path}"\n[notify]\n'
        f'url = "{ntfy.url}"\ntopic = "topic"\ntoken_file = "{token}"\n'
    )
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(config))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    return tmp_path


def test_verb_publishes_json_at_the_root_with_the_token_and_ends(house, ntfy):
    notify.send("vpn", "Title", "Text", priority=4, tags=["x"])

    assert notify_sender.main([]) == 0

    ((path, headers, body),) = ntfy.requests
    assert path in ("", "/") and headers["Authorization"] == "Bearer tk_canary"
    assert body["topic"] == "topic" and body["message"] == "Text" and body["priority"] == 4
    assert names(str(house / "spool"), "new") == []


def test_no_secret_of_the_house_is_in_what_is_published(house, ntfy):
    canary = house / "etc" / "secrets" / "sonarr" / "api_key"
    canary.parent.mkdir(parents=True)
    canary.write_text("canary-of-sonarr")
    config = house / "mediastack.toml"
    config.write_text(config.read_text().replace("[paths]", f'[paths]\netc = "{house}/etc"'))
    filler = "x" * 3985
    notify.send(
        "vpn", "for canary-of-sonarr", "a canary-of-sonarr b", key="k", tags=["canary-of-sonarr"]
    )
    assert notify_sender.main([]) == 0
    notify.send("vpn", "held", "again canary-of-sonarr", key="k")
    notify.send("vpn", "cut", filler + "canary-of-sonarr")
    assert notify_sender.main([]) == 0

    assert len(ntfy.requests) == 2
    assert "canary" not in json.dumps([body for _, _, body in ntfy.requests])
    assert ntfy.requests[0][2]["message"] == "a REDACTED b"


def test_without_a_token_file_there_is_no_authorization(house, ntfy):
    (house / "token").unlink()
    notify.send("vpn", "Title", "Text")

    assert notify_sender.main([]) == 0
    assert "Authorization" not in ntfy.requests[0][1]


def test_without_a_url_messages_go_to_the_journal(tmp_path, monkeypatch, capsys):
    config = tmp_path / "mediastack.toml"
    config.write_text(f'schema = 1\n[paths]\nstate = "{tmp_path}"\n')
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(config))
    notify.send("vpn", "Title", "Text")

    assert notify_sender.main([]) == 0
    assert "[vpn] Title: Text" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "ok"),
        (400, "poison"),
        (404, "poison"),
        (413, "poison"),
        (401, "away"),
        (403, "away"),
        (429, "away"),
        (302, "away"),
        (500, "later"),
        (503, "later"),
    ],
)
def test_answers_and_what_they_mean(ntfy, status, kind):
    ntfy.status = status

    result = notify_sender.post(ntfy.url, b"{}", "tk_canary")

    assert result.kind == kind and "canary" not in result.reason
    # A redirect is not followed: the token would travel with it.
    assert len(ntfy.requests) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://[::bad"])
def test_nobody_there_is_tried_again(url):
    assert notify_sender.post(url, b"{}", "").kind == "away"


def test_token_with_a_line_break_is_not_shown(ntfy):
    result = notify_sender.post(ntfy.url, b"{}", "tk_canary\nx")

    assert result.kind == "away" and "canary" not in result.reason


def test_refused_message_is_kept_with_the_reason(house, ntfy, capsys):
    ntfy.status = 400
    notify.send("vpn", "Title", "Text")

    assert notify_sender.main([]) == 0

    (name,) = names(str(house / "spool"), "failed")
    kept = json.loads((house / "spool" / "failed" / name).read_text())
    assert "400" in kept["reason"] and kept["message"]["message"] == "Text"


def test_arguments_are_wrong_usage(capsys):
    assert notify_sender.main(["x"]) == 2
    assert "usage" in capsys.readouterr().err
