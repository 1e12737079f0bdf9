"""Calls that only the host may make: the tunnel stopped and started, a login that must be let in.

The values of the keys stay here: neither arguments nor output hold one.
"""

import json
import urllib.error
import urllib.parse
import urllib.request

TUNNEL_SECONDS = 60.0
LOGIN_SECONDS = 10.0


def key(path: str) -> str:
    """The content of a key's file."""
    with open(path, encoding="utf-8") as handle:
        return handle.read().strip()


def tunnel(vpn: "dict[str, str]", wanted: str) -> str:
    """Gluetun's word for what came of it."""
    request = urllib.request.Request(  # noqa: S310 - our own http
        vpn["control_url"] + "/v1/vpn/status",
        method="PUT",
        data=json.dumps({"status": wanted}).encode(),
        headers={"X-API-Key": key(vpn["control_key_file"])},
    )
    with urllib.request.urlopen(request, timeout=TUNNEL_SECONDS) as answer:  # noqa: S310
        return str(json.load(answer)["outcome"])


def login(vpn: "dict[str, str]") -> int:
    """The HTTP status of a login with the right password."""
    form = {"username": vpn["torrent_user"], "password": key(vpn["torrent_password_file"])}
    url = vpn["torrent_url"] + "/api/v2/auth/login"
    try:
        with urllib.request.urlopen(  # noqa: S310
            url, data=urllib.parse.urlencode(form).encode(), timeout=LOGIN_SECONDS
        ) as answer:
            return int(answer.status) if answer.read() in (b"Ok.", b"") else 0
    except urllib.error.HTTPError as error:
        return error.code


def main(vpn: "dict[str, str]", what: str) -> "str | int":
    """ "login", or the status that the tunnel shall have."""
    return login(vpn) if what == "login" else tunnel(vpn, what)
