"""How long until the torrent client listens on the forwarded port, seen from the box itself.

Asked are Gluetun's control server (the port), the client's web port (does it answer), and the
kernel, by `ss` in the namespace: who listens, and bound to which device. The clock starts when
both answer and a port is there, and anew whenever that ends.
"""

import http.client
import json
import subprocess
import time
import urllib.parse

STEP_SECONDS = 0.05
ANSWER_SECONDS = 1.0


def ask(url: str, headers: "dict[str, str] | None" = None) -> "tuple[int, bytes]":
    """(status, body), or (0, b"") without an answer."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=ANSWER_SECONDS
    )
    try:
        connection.request("GET", parts.path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def forwarded(vpn: "dict[str, str]") -> int:
    """Gluetun's port; 0 without one."""
    with open(vpn["control_key_file"], encoding="utf-8") as handle:
        key = handle.read().strip()
    status, body = ask(vpn["control_url"] + "/v1/portforward", {"X-API-Key": key})
    if status != 200:
        return 0
    return int(json.loads(body).get("port") or 0)


def pid(name: str) -> int:
    """First process of a container; 0 when it does not run."""
    shown = subprocess.run(
        ["docker", "inspect", "--format", "{{.State.Pid}}", name],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return int(shown.strip() or 0)


def listens(owner: int, interface: str, port: int) -> bool:
    """Whether a torrent client listens on this port of the device that is there now."""
    shown = subprocess.run(
        ["nsenter", "-t", str(owner), "-n", "ss", "-Hltnp"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    ends = (f"%{interface}:{port}",)
    return any(
        line.split()[3].endswith(ends) and "qbittorrent" in line
        for line in shown.splitlines()
        if len(line.split()) > 3
    )


def main(vpn: "dict[str, str]", seconds: float, other_than: int) -> "dict[str, object]":
    """{"port", "seconds"} once they agree on another port than `other_than`; null at the end."""
    end, since, owner = time.monotonic() + seconds, None, 0
    while time.monotonic() < end:
        if not owner:
            owner = pid(vpn["owner"])
        port = forwarded(vpn)
        up = bool(port) and port != other_than and ask(vpn["torrent_url"] + "/")[0] != 0
        if not up:
            since = None
            owner = pid(vpn["owner"]) if not port else owner
        else:
            since = time.monotonic() if since is None else since
            if listens(owner, vpn["interface"], port):
                return {"port": port, "seconds": time.monotonic() - since}
        time.sleep(STEP_SECONDS)
    return {"port": 0, "seconds": None, "up": since is not None}
