"""A hand-made stack of stand-ins beside ours, with real state in it, and its end.

Rows that lie in write-ahead logs, a torrent in the real qBittorrent, keys and settings of its own,
and owners that are not ours.
"""

import hashlib
import json
import os
import shutil
import subprocess
import time
import urllib.request
from typing import Any

TOP = "/opt/hand-made"
UID, GID = 2001, 2002
PORTS = {"sonarr": (18989, 8989), "bazarr": (16767, 6767), "seerr": (15055, 5055)}
PLACES = {"seerr": "/app/config"}
WAIT_SECONDS = 60.0
LARGE_BYTES = 64 * 1024**2
CONFIG_XML = """<Config>
  <BindAddress>*</BindAddress>
  <Port>8990</Port>
  <ApiKey>{key}</ApiKey>
  <AuthenticationMethod>Forms</AuthenticationMethod>
  <UrlBase>/tv</UrlBase>
  <InstanceName>Tom &amp; Ann</InstanceName>
</Config>
"""
CONFIG_YAML = """auth:
  apikey: {key}
  type: form
general:
  base_url: ''
  page_size: 77
  port: 6767
  use_sonarr: true
sonarr:
  apikey: {sonarr}
  base_url: /tv
  ip: sonarr
  port: 8990
  ssl: false
"""
CONF = r"""[BitTorrent]
Session\DefaultSavePath=/downloads
Session\MaxActiveTorrents=77

[LegalNotice]
Accepted=true

[Preferences]
WebUI\LocalHostAuth=false
WebUI\Username=tom
"""


def main(what: str, **values: Any) -> None:
    if what == "make":
        return make(**values)
    return rekey(**values) if what == "rekey" else remove()


def make(images: "dict[str, str]", keys: "dict[str, str]", rows: int) -> None:
    remove()
    put("sonarr/config.xml", CONFIG_XML.format(key=keys["sonarr"]), 0o640)
    put("sonarr/asp/key.xml", "a key of its own", 0o600)
    put("sonarr/logs/sonarr.txt", "a log")
    text = CONFIG_YAML.format(key=keys["bazarr"], sonarr=keys["sonarr"])
    put("bazarr/config/config.yaml", text)
    put("qbittorrent/qBittorrent/qBittorrent.conf", CONF)
    put("seerr/settings.json", json.dumps({"main": {"apiKey": "its own"}}))
    # Not much, and long enough to be killed within its copy.
    put("sonarr/large", "")
    os.truncate(f"{TOP}/sonarr/large", LARGE_BYTES)
    os.symlink("asp/key.xml", f"{TOP}/sonarr/link")
    os.setxattr(f"{TOP}/sonarr/asp/key.xml", "user.note", b"kept")
    subprocess.run(["chown", "-hR", f"{UID}:{GID}", TOP], check=True)
    services = {name: service(name, image) for name, image in images.items()}
    write("compose.yaml", json.dumps({"name": "hand-made", "services": services}))
    compose("up", "--detach", "--quiet-pull")
    for name, (outside, _) in PORTS.items():
        for number in range(rows):
            post(outside, f"{name} row {number}")
    add_torrent()
    compose("stop", "qbittorrent")


def remove() -> None:
    if os.path.exists(f"{TOP}/compose.yaml"):
        compose("down", "--volumes", "--timeout", "5")
    shutil.rmtree(TOP, ignore_errors=True)


def rekey(key: str, row: str) -> None:
    """Another key, and one row more: what is adopted now can be told from before."""
    path = f"{TOP}/sonarr/config.xml"
    with open(path, "r+", encoding="utf-8") as stream:
        stream.truncate()
        stream.write(CONFIG_XML.format(key=key))
    post(PORTS["sonarr"][0], row)


def service(name: str, image: str) -> "dict[str, Any]":
    made: dict[str, Any] = {
        "image": image,
        "container_name": f"{name}-of-theirs",
        "volumes": [f"{TOP}/{name}:{PLACES.get(name, '/config')}"],
        "environment": {"PUID": str(UID), "PGID": str(GID)},
        "restart": "no",
    }
    if name == "seerr":
        made["user"] = f"{UID}:{GID}"
    if name in PORTS:
        made["ports"] = ["127.0.0.1:{}:{}".format(*PORTS[name])]
    return made


def torrent() -> "tuple[str, bytes]":
    """A torrent's hash, and the torrent."""
    pieces = hashlib.sha1(b"x" * 16384).digest()  # noqa: S324 - what a torrent is made of
    info = b"d6:lengthi16384e4:name9:hand-made12:piece lengthi16384e6:pieces20:" + pieces + b"e"
    whole = b"d8:announce22:http://192.0.2.1/x/y/z4:info" + info + b"e"
    return hashlib.sha1(info).hexdigest(), whole  # noqa: S324


def add_torrent() -> None:
    """Give the real qBittorrent a torrent that nobody has."""
    wanted, content = torrent()
    path = f"{TOP}/qbittorrent/made.torrent"
    with open(path, "wb") as stream:
        stream.write(content)
    url = "http://127.0.0.1:8080/api/v2/torrents"
    add = f"curl -fsS -F torrents=@/config/made.torrent -F stopped=true {url}/add"
    until(lambda: inside("qbittorrent", f"curl -fsS {url}/info") is not None)
    inside("qbittorrent", add)
    until(lambda: wanted in (inside("qbittorrent", f"curl -fsS {url}/info") or ""))
    os.unlink(path)


def inside(name: str, command: str) -> "str | None":
    done = subprocess.run(
        ["docker", "exec", f"{name}-of-theirs", *command.split()],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout if done.returncode == 0 else None


def post(port: int, text: str) -> None:
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/standin/rows", body)
    until(lambda: answered(request))


def answered(request: urllib.request.Request) -> bool:
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def until(condition: "Any") -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the hand-made stack does not answer")
        time.sleep(0.2)


def compose(*words: str) -> None:
    command = ["docker", "compose", "--file", f"{TOP}/compose.yaml", *words]
    subprocess.run(command, check=True, capture_output=True)


def put(path: str, text: str, mode: int = 0o644) -> None:
    write(path, text)
    os.chmod(f"{TOP}/{path}", mode)


def write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(f"{TOP}/{path}"), exist_ok=True)
    with open(f"{TOP}/{path}", "w", encoding="utf-8") as stream:
        stream.write(text)
