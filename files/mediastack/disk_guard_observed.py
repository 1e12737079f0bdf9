"""What the disk guard sees in one look, as its decisions take it."""

from __future__ import annotations

from typing import TypedDict

from mediastack.torrents import Torrent


class Disk(TypedDict):
    """One file system: the watched paths that are on it, and bytes.

    `pauses`: downloads stop for it; for others there is only a message. `warn`, `pause`, `resume`:
    the settings, for a disk of this size.
    """

    paths: list[str]
    pauses: bool
    free: int
    total: int
    warn: int
    pause: int
    resume: int


class Observed(TypedDict):
    """What a round has seen; `trouble` says why something is not known.

    `unknown`: watched paths that did not answer, or where /data is not. `asked`: qBittorrent was;
    else what follows is empty. `torrents`: None, it did not say. `started`: when its container was
    started, "" not running, None not known. `login`: a login is needed to know. `tried`: what came
    of the login of the round before (QBittorrent.login's words), "" without one. `password`:
    identity of its file.
    """

    disks: list[Disk]
    unknown: list[str]
    asked: bool
    torrents: list[Torrent] | None
    started: str | None
    login: bool
    tried: str
    password: str
    trouble: str
