"""qBittorrent's torrents: which of them download, stopping them and starting them again.

Whether a torrent is stopped is asked by filter, since that is looked up when it is asked; the word
`state` is what its last refresh found, up to 1.5 s ago, and would take a torrent that its user has
stopped a moment ago for a running one. What moves, is checked or has lost its files is neither: a
stopped torrent that is checked runs for that time. A magnet without its metadata downloads nothing
yet; it is left alone when new torrents stop by themselves at that point (a choice of the user's
which stopping it would wipe out). Facts: qBittorrent 5.0 to 5.2, where pause and resume are called
stop and start; `start` takes the force from a forced torrent, which setForceStart gives back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypedDict

from mediastack.http_client import NoAnswer
from mediastack.qbittorrent_client import LoginNeeded, QBittorrent, TorrentError

# Some thousand torrents, about 1.5 KB each, from a busy disk.
LIST_SECONDS = 10.0
LIST_BYTES = 64 * 1024 * 1024
ACT_SECONDS = 10.0

DOWNLOADS = ("downloading", "forcedDL", "queuedDL", "stalledDL", "allocating", "stoppedDL")
SEEDS = ("uploading", "forcedUP", "queuedUP", "stalledUP", "stoppedUP")
WITHOUT_METADATA = ("metaDL", "forcedMetaDL")


class Torrent(TypedDict):
    """One torrent. `added_on` tells it from another one of the same hash, added later.

    `kind`: "down" it downloads, or waits for its turn; "up" it runs and has all it wants;
    "stopped"; "other" for all that is neither for now.
    """

    hash: str
    added_on: int
    name: str
    kind: str
    forced: bool


class Torrents(QBittorrent):
    """The same web API and session, as far as torrents go."""

    def torrents(self) -> list[Torrent]:
        """Return all of them. Raise LoginNeeded, TorrentError."""
        running, stopped = self._listed("running"), self._listed("stopped")
        both = {one["hash"] for one in running} & {one["hash"] for one in stopped}
        if both and len(both) == len(running):
            raise TorrentError("its web API does not tell running torrents from stopped ones")
        leave = any(one["state"] in WITHOUT_METADATA for one in running) and self._stop_by_itself()
        found = [_torrent(one, _running_kind(one["state"], leave)) for one in running]
        found += [_torrent(one, _stopped_kind(one["state"])) for one in stopped]
        # Between the two questions it changed from one to the other.
        return [{**one, "kind": "other"} if one["hash"] in both else one for one in found]

    def stop(self, hashes: Iterable[str]) -> str:
        """Stop them; return "ok", "unsent" (nothing was done), or "lost" (something may have been).

        Unknown ones are passed over.
        """
        return self._act("torrents/stop", {"hashes": "|".join(hashes)})

    def start(self, hashes: Iterable[str], *, forced: bool) -> str:
        """Start them, forced ones past the queue's limits. As `stop`."""
        form = {"hashes": "|".join(hashes)}
        if forced:
            return self._act("torrents/setForceStart", {**form, "value": "true"})
        return self._act("torrents/start", form)

    def _listed(self, which: str) -> list[dict[str, Any]]:
        answer = self._call(
            "GET", f"torrents/info?filter={which}", None, LIST_SECONDS, maximum_bytes=LIST_BYTES
        )
        if answer.status in (401, 403):
            raise LoginNeeded
        try:
            found: Any = json.loads(answer.body) if answer.status == 200 else None
            if not isinstance(found, list):
                raise TypeError
            return [
                {
                    "hash": str(one["hash"]),
                    "added_on": int(one["added_on"]),
                    "name": str(one.get("name", "")),
                    "state": str(one["state"]),
                }
                for one in found
            ]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise TorrentError(f"its web API answers {answer.status} with no torrents") from None

    def _stop_by_itself(self) -> bool:
        """Whether a magnet stops when it has its metadata. Raise LoginNeeded, TorrentError."""
        answer = self._call("GET", "app/preferences")
        if answer.status in (401, 403):
            raise LoginNeeded
        try:
            found = json.loads(answer.body)
            return found.get("torrent_stop_condition", "None") not in ("None", 0, "")
        except (ValueError, AttributeError):
            raise TorrentError(f"its web API answers {answer.status} with no preferences") from None

    def _act(self, path: str, form: dict[str, str]) -> str:
        try:
            answer = self._call("POST", path, form, ACT_SECONDS)
        except TorrentError as error:
            cause = error.__cause__
            return "lost" if not isinstance(cause, NoAnswer) or cause.sent else "unsent"
        if 200 <= answer.status < 300:
            return "ok"
        # Refused before anything was done, or something went wrong in the middle.
        return "unsent" if 300 <= answer.status < 500 else "lost"


def _torrent(one: dict[str, Any], kind: str) -> Torrent:
    return {
        "hash": one["hash"],
        "added_on": one["added_on"],
        "name": one["name"],
        "kind": kind,
        "forced": one["state"].startswith("forced"),
    }


def _running_kind(state: str, leave_without_metadata: bool) -> str:
    """Its state may be an older one: a torrent that was just started still shows stoppedDL."""
    if state in WITHOUT_METADATA:
        return "other" if leave_without_metadata else "down"
    return "down" if state in DOWNLOADS else "up" if state in SEEDS else "other"


def _stopped_kind(state: str) -> str:
    # Starting one that has lost its files would download them all again.
    return "other" if state == "missingFiles" else "stopped"
