"""qBittorrent's API as its user has it: torrents added, stopped, started, deleted, and listed.

The password stays here. Torrents are of zeros, so their pieces are known without their content.
"""

import hashlib
import http.cookiejar
import json
import os
import time
import urllib.parse
import urllib.request
from typing import Any

PIECE = 1024 * 1024
BOUNDARY = "check-disk-guard"
SECONDS = 10.0


class Api:
    """One session."""

    def __init__(self, vpn: "dict[str, str]") -> None:
        self.url = vpn["torrent_url"] + "/api/v2/"
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)
        with open(vpn["torrent_password_file"], encoding="utf-8") as handle:
            form = {"username": vpn["torrent_user"], "password": handle.read().strip()}
        self.post("auth/login", form)

    def get(self, path: str) -> Any:
        with self.opener.open(self.url + path, timeout=SECONDS) as answer:
            return json.loads(answer.read())

    def post(self, path: str, form: "dict[str, str]") -> None:
        data = urllib.parse.urlencode(form).encode()
        with self.opener.open(self.url + path, data=data, timeout=SECONDS):
            pass

    def upload(self, fields: "dict[str, str]", torrent: bytes) -> None:
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="torrents"; filename="a.torrent"'
            "\r\nContent-Type: application/x-bittorrent\r\n\r\n"
        )
        body = "".join(parts).encode() + head.encode() + torrent
        request = urllib.request.Request(  # noqa: S310 - our own http
            self.url + "torrents/add",
            data=body + f"\r\n--{BOUNDARY}--\r\n".encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        )
        with self.opener.open(request, timeout=SECONDS):
            pass


def encoded(value: Any) -> bytes:
    """Bencode."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, str):
        return encoded(value.encode())
    if isinstance(value, list):
        return b"l" + b"".join(map(encoded, value)) + b"e"
    return b"d" + b"".join(encoded(key) + encoded(value[key]) for key in sorted(value)) + b"e"


def torrent(name: str, mib: int, seed: str) -> "tuple[str, bytes]":
    """Its hash and its file. `seed`: an HTTP server that has it."""
    info = {
        "name": name,
        "length": mib * PIECE,
        "piece length": PIECE,
        "pieces": hashlib.sha1(bytes(PIECE)).digest() * mib,  # noqa: S324 - BitTorrent's own
        "private": 1,
    }
    whole: dict[str, Any] = {"info": info}
    if seed:
        whole["url-list"] = seed
    return hashlib.sha1(encoded(info)).hexdigest(), encoded(whole)  # noqa: S324


def add(api: Api, place: str, wanted: "dict[str, Any]") -> str:
    """Add one; return its hash."""
    name, mib = wanted["name"], wanted["mib"]
    number, file = torrent(name, mib, wanted.get("seed", ""))
    fields = {"savepath": place, "autoTMM": "false", "contentLayout": "Original"}
    if wanted.get("stopped"):
        fields["stopped"] = "true"
    if wanted.get("complete"):
        path = os.path.join(place, name)
        with open(path, "wb") as handle:
            handle.truncate(mib * PIECE)
        os.chown(path, os.stat(place).st_uid, os.stat(place).st_gid)
        fields["skip_checking"] = "true"
    if wanted.get("limit"):
        fields["dlLimit"] = str(wanted["limit"])
    api.upload(fields, file)
    end = time.monotonic() + SECONDS
    while not api.get(f"torrents/info?hashes={number}") and time.monotonic() < end:
        time.sleep(0.1)
    if wanted.get("forced"):
        api.post("torrents/setForceStart", {"hashes": number, "value": "true"})
    return number


def listed(api: Api) -> "dict[str, dict[str, Any]]":
    """What the user sees, and whether it runs; not by its state, which lags behind."""
    running = {one["hash"] for one in api.get("torrents/info?filter=running")}
    return {
        one["hash"]: {
            "name": one["name"],
            "state": one["state"],
            "running": one["hash"] in running,
            "forced": one["force_start"],
            "left": one["amount_left"],
        }
        for one in api.get("torrents/info")
    }


def main(
    vpn: "dict[str, str]",
    what: str = "list",
    place: str = "",
    torrents: "list[dict[str, Any]] | None" = None,
    hashes: "list[str] | None" = None,
) -> Any:
    """ "add": [hash]; "stop", "start", "delete" hashes; and always what is there after."""
    api = Api(vpn)
    added = [add(api, place, one) for one in torrents or []]
    if hashes:
        more = {"deleteFiles": "true"} if what == "delete" else {}
        api.post(f"torrents/{what}", {"hashes": "|".join(hashes), **more})
    return {"added": added, "torrents": listed(api)}
