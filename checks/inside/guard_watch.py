"""Waits until torrents are as they should be, and says how little room there was meanwhile.

Asked of qBittorrent itself, with one session; the room is the kernel's.
"""

import http.cookiejar
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

STEP_SECONDS = 0.2
ANSWER_SECONDS = 5.0


def opened(vpn: "dict[str, str]") -> urllib.request.OpenerDirector:
    """A session. Raise OSError while nobody answers."""
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    opener = urllib.request.build_opener(jar)
    with open(vpn["torrent_password_file"], encoding="utf-8") as handle:
        form = {"username": vpn["torrent_user"], "password": handle.read().strip()}
    data = urllib.parse.urlencode(form).encode()
    with opener.open(vpn["torrent_url"] + "/api/v2/auth/login", data=data, timeout=ANSWER_SECONDS):
        return opener


def running(opener: urllib.request.OpenerDirector, vpn: "dict[str, str]") -> "dict[str, bool]":
    """{name: does it run}."""
    found = {}
    for which in ("running", "stopped"):
        url = f"{vpn['torrent_url']}/api/v2/torrents/info?filter={which}"
        with opener.open(url, timeout=ANSWER_SECONDS) as answer:
            found.update({one["name"]: which == "running" for one in json.loads(answer.read())})
    return found


def main(
    vpn: "dict[str, str]", place: str, wanted: "dict[str, bool]", seconds: float, hold: float
) -> "dict[str, Any]":
    """{"seconds" until all `wanted` (name: runs) were so for `hold` seconds, null when never;
    "least": fewest free bytes; "torrents": the last that was seen; "other": when, of how long ago
    in the hold, one was otherwise}."""
    began, since, least = time.monotonic(), None, None
    opener, seen = None, {}
    while time.monotonic() - began < seconds:
        said = os.statvfs(place)
        free = said.f_bavail * said.f_frsize
        least = free if least is None else min(least, free)
        try:
            opener = opener or opened(vpn)
            seen = running(opener, vpn)
        except (OSError, ValueError):
            opener = None
            time.sleep(STEP_SECONDS)
            continue
        now = time.monotonic()
        if all(seen.get(name) is value for name, value in wanted.items()):
            since = now if since is None else since
            if now - since >= hold:
                return {"seconds": since - began, "least": least, "torrents": seen}
        else:
            since = None
        time.sleep(STEP_SECONDS)
    return {"seconds": None, "least": least, "torrents": seen}
