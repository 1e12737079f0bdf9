"""The parts of stand-ins that decide: ntfy's access rules and Gluetun's roles."""

import base64
from pathlib import Path

import pytest

from sandbox.standins import gluetun_control, ntfy_access
from sandbox.standins.web import Request

USERS = ["admin:$2a$10$hash:admin", "sender:$2a$10$hash:user"]
TOKENS = ["sender:tk_send:label", "admin:tk_admin"]


def access(default: str = "deny-all", *rules: str) -> ntfy_access.Access:
    return ntfy_access.Access(default, USERS, TOKENS, rules)


def test_a_token_is_its_user_and_a_wrong_one_is_nobody() -> None:
    assert access().user("Bearer tk_send") == "sender"
    assert access().user("Bearer tk_other") is None
    assert access().user("") == ""
    empty_user = base64.b64encode(b":tk_admin").decode()
    assert access().user(f"Basic {empty_user}") == "admin"


@pytest.mark.parametrize(
    ("user", "topic", "may_write", "may_read"),
    [
        ("admin", "anything", True, True),
        ("sender", "media-1", True, False),
        ("sender", "other", False, False),
        ("", "media-1", False, False),
        ("", "news", False, True),
    ],
)
def test_deny_all_leaves_what_a_rule_allows(
    user: str, topic: str, may_write: bool, may_read: bool
) -> None:
    rules = access("deny-all", "sender:media*:write-only", "everyone:news:ro")
    assert rules.allows(user, topic, ntfy_access.WRITE) is may_write
    assert rules.allows(user, topic, ntfy_access.READ) is may_read


@pytest.mark.parametrize(
    ("users", "tokens"),
    [(["a:plain:user"], []), (["a:$2a$x"], []), (USERS, ["sender:bad"]), (USERS, ["no:tk_x"])],
)
def test_a_malformed_entry_is_refused(users: list[str], tokens: list[str]) -> None:
    with pytest.raises(ValueError, match="auth-"):
        ntfy_access.Access("deny-all", users, tokens, [])


class Tunnel:
    status, public_ip, forwarded = "running", "203.0.113.7", 41234

    def port(self) -> int:
        return self.forwarded if self.status == "running" else 0

    def set_status(self, wanted: str) -> str:
        outcome = f"already {wanted}" if wanted == self.status else wanted
        self.status = wanted
        return outcome


def ask(path: Path, route: str, **headers: str) -> int:
    method, url = route.split()
    answer = gluetun_control.server(Tunnel(), gluetun_control.read_roles(path))
    return answer(Request(method, url, {}, headers, b"")).status


def roles(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_without_roles_the_legacy_routes_are_public(tmp_path: Path) -> None:
    absent = tmp_path / "absent.toml"
    assert ask(absent, "GET /v1/portforward") == 200
    assert ask(absent, "GET /v1/vpn/settings") == 401
    assert ask(absent, "DELETE /v1/vpn/status") == 405
    assert ask(absent, "GET /v1/nothing") == 404


def test_one_role_closes_every_route_it_does_not_list(tmp_path: Path) -> None:
    path = roles(
        tmp_path,
        '[[roles]]\nname="a"\nauth="apikey"\napikey="k"\nroutes=["GET /v1/openvpn/portforwarded"]',
    )
    key = {"x-api-key": "k"}
    assert ask(path, "GET /v1/openvpn/portforwarded", **key) == 301
    assert ask(path, "GET /v1/openvpn/portforwarded") == 401
    assert ask(path, "GET /v1/portforward", **key) == 401


@pytest.mark.parametrize(
    "text",
    [
        '[[roles]]\nname="a"\nauth="none"\nroutes=["GET /v1/unknown"]',
        '[[roles]]\nname="a"\nauth="token"\nroutes=[]',
        '[[roles]]\nname="a"\nauth="none"\nroutes=[]\nextra=1',
        "other = 1",
        "not toml",
    ],
)
def test_a_role_file_with_anything_unknown_is_fatal(tmp_path: Path, text: str) -> None:
    with pytest.raises(SystemExit, match="control server auth"):
        gluetun_control.read_roles(roles(tmp_path, text))
