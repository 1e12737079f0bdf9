"""One budget of logins for all programs of ours that ask qBittorrent.

It bans an address for an hour after five logins that failed, whoever of that address tried them,
and portsync and the disk guard both come from the host. Each counts its own tries before it makes
them (portsync_login); here, one after the other under a lock, they also count the other's: no try
is made that could be the fifth. A refused turn is a try that was never sent.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from mediastack import atomic
from mediastack.portsync_login import MAXIMUM_TRIES

LOCK = "qbittorrent-login"
BOOKS = ("portsync.json", "disk_guard.json")


def attempt(paths: Mapping[str, str], own: str, login: Callable[[], str]) -> str:
    """Make a try that is already counted in the own book, if all books together allow it; return
    what came of it, "unsent" when they do not. Raise OSError."""
    with atomic.exclusive(os.path.join(paths["runtime"], LOCK)):
        books = {name: _login(os.path.join(paths["state"], name)) for name in BOOKS}
        started = books[own].get("torrent", "")
        if sum(_outstanding(one, started) for one in books.values()) > MAXIMUM_TRIES:
            return "unsent"
        return login()


def _login(path: str) -> dict[str, Any]:
    found = atomic.read_json(path, {}).get("login")
    return found if isinstance(found, dict) else {}


def _outstanding(login: Mapping[str, Any], started: str) -> int:
    """Tries that this start of qBittorrent may remember; of an earlier one those at its end."""
    same = login.get("torrent", "") == started
    return int(login.get("tries" if same else "unsure", 0))
