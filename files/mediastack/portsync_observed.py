"""What portsync sees in one look, as its decisions take it."""

from __future__ import annotations

from typing import TypedDict

from mediastack.qbittorrent_client import Client


class Observed(TypedDict):
    """What a round has seen; `trouble` says why something is not known.

    `forwarded`: Gluetun's port, 0 while it has none, None: it did not say. `client`: None likewise.
    `login`: a login is needed to know. `tried`: what came of the login of the round before
    (QBittorrent.login's words), "" without one. `owner`, `torrent`: when their containers were
    started, "" not running, None not known. `password`: identity of the password's file.
    `device`: index of the tunnel's device, 0 absent or unknown. `listening`: does anybody listen on
    the forwarded port; None: not known. `fresh`: qBittorrent was there before this process, which
    has not seen it start.
    """

    forwarded: int | None
    client: Client | None
    login: bool
    tried: str
    owner: str | None
    torrent: str | None
    password: str
    device: int
    listening: bool | None
    fresh: bool
    trouble: str
