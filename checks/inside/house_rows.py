"""What a household keeps, put in and asked for through the apps' own interfaces.

Rows of every app that has a database, torrents of the real qBittorrent, and whether the *arrs let
a key in. Values of keys stay here.
"""

import hashlib
import http.cookiejar
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

SECRETS = "/etc/mediastack/secrets"
SECONDS = 20.0
# Asked from inside the app's own container: not every app is published.
ASK = """
import json, sys, urllib.request
url, texts = json.loads(sys.stdin.read())
for text in texts:
    body = json.dumps({"text": text}).encode()
    urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=20).read()
print(urllib.request.urlopen(url, timeout=20).read().decode())
"""
KEPT = ("hash", "name", "category", "tags", "save_path", "added_on", "state", "total_size")


def rows(service: str, port: int, texts: "list[str]") -> "list[Any]":
    """Put rows in; return all that are there."""
    asked = json.dumps([f"http://127.0.0.1:{port}/standin/rows", texts])
    command = ["docker", "exec", "-i", service, "python3", "-c", ASK]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    return [one["text"] for one in json.loads(done.stdout)["rows"]]


def secret(path: str) -> str:
    with open(path, encoding="utf-8") as handle:
        return handle.read().strip()


def status_with_key(port: int, service: str, version: str, address: str) -> int:
    """What an *arr's API says to the key that is in its secret's file."""
    request = urllib.request.Request(  # noqa: S310 - our own http
        f"http://{address}:{port}/api/{version}/system/status",
        headers={"X-Api-Key": secret(f"{SECRETS}/{service}/api_key")},
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def bencoded(value: Any) -> bytes:
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, str):
        return bencoded(value.encode())
    inner = b"".join(bencoded(k) + bencoded(value[k]) for k in sorted(value))
    return b"d" + inner + b"e"


def torrent(name: str) -> bytes:
    """A torrent of one piece."""
    piece = hashlib.sha1(name.encode()).digest()  # noqa: S324 - the format's own
    return bencoded(
        {"info": {"length": 9999, "name": name, "piece length": 16384, "pieces": piece}}
    )


def form(fields: "dict[str, str]", name: str, content: bytes) -> "tuple[bytes, str]":
    border = "check-disaster-border"
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{border}\r\nContent-Disposition: form-data; name="torrents"; filename="{name}"'
    parts.append(f"{head}\r\nContent-Type: application/x-bittorrent\r\n\r\n".encode() + content)
    return b"".join(
        parts
    ) + f"\r\n--{border}--\r\n".encode(), f"multipart/form-data; boundary={border}"


def torrents(vpn: "dict[str, str]", names: "list[str]") -> "list[dict[str, Any]]":
    """Add torrents, stopped; return all that are there, with what a user would miss."""
    jar = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(rfc2965=False))
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    base = vpn["torrent_url"] + "/api/v2/"
    login = {"username": vpn["torrent_user"], "password": secret(vpn["torrent_password_file"])}
    opener.open(base + "auth/login", urllib.parse.urlencode(login).encode(), timeout=SECONDS)
    for number, name in enumerate(names):
        fields = {"savepath": "/data/torrents/movies", "category": f"kind-{number % 3}",
                  "tags": "kept,old" if number % 2 else "", "stopped": "true",
                  "paused": "true"}  # fmt: skip
        body, kind = form(fields, f"{name}.torrent", torrent(name))
        headers = {"Content-Type": kind}
        request = urllib.request.Request(base + "torrents/add", body, headers)  # noqa: S310
        opener.open(request, timeout=SECONDS)
    with opener.open(base + "torrents/info", timeout=SECONDS) as answer:
        found = json.load(answer)
    return sorted(({key: one[key] for key in KEPT} for one in found), key=lambda one: one["hash"])


def main(
    ports: "dict[str, int]",
    texts: "dict[str, list[str]]",
    vpn: "dict[str, str]",
    names: "list[str]",
    arrs: "dict[str, list[Any]]",
    address: str,
) -> "dict[str, Any]":
    return {
        "rows": {one: rows(one, port, texts.get(one, [])) for one, port in ports.items()},
        "torrents": torrents(vpn, names),
        "keys": {
            one: status_with_key(port, one, version, address)
            for one, (port, version) in arrs.items()
        },
    }
