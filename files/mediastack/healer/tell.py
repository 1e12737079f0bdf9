"""The monitor's messages: into the ledger, and to the user. The words are made here (words.render).

A monitor that was killed between telling and knowing that it told tells once more, the very same
with the same number. What was told lately is remembered in /run, after it was told: killed in
between, the user hears something twice rather than never.
"""

from __future__ import annotations

import collections
import hashlib
import json
import os
import threading
import time

from mediastack import atomic, config, ledger, notify
from mediastack.healer.look import ACTOR
from mediastack.healer.protocol import Request
from mediastack.monitor import words

REMEMBERED = 100
# More than step ever says; a monitor that went mad must not fill the disk.
MOST_IN_A_MINUTE = 60


class TooMany(Exception):
    """So many messages in a minute are no messages; to be told later."""


class Teller:
    """Tells each message once, and not too many at a time."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._moments: collections.deque[float] = collections.deque(maxlen=MOST_IN_A_MINUTE)

    def tell(self, request: Request) -> None:
        """Write and send what the request says. Raise TooMany, OSError."""
        fields = dict(request.fields)
        content = json.dumps([request.kind, fields], sort_keys=True, default=list)
        # Not the number alone: a monitor that lost its state counts from one again.
        key = f"{request.number} {hashlib.sha256(content.encode()).hexdigest()[:16]}"
        path = self._path or os.path.join(config.paths()["runtime"], "healer.json")
        with self._lock:
            told = list(atomic.read_json(path, {}).get("told", []))
            if key in told:
                return
            now = time.monotonic()
            if len(self._moments) == MOST_IN_A_MINUTE and now - self._moments[0] < 60.0:
                raise TooMany("too many messages in a minute")
            self._moments.append(now)
            _tell(request, fields)
            atomic.write_json(path, {"told": [*told, key][-REMEMBERED:]})


def _tell(request: Request, fields: dict[str, object]) -> None:
    said = words.render(request.kind, fields)
    if said["outcome"]:
        seconds = fields.get("seconds", 0.0)
        ledger.append(
            ACTOR,
            said["subject"],
            said["outcome"],
            duration_seconds=seconds if isinstance(seconds, (int, float)) else 0.0,
            cause=said["cause"],
            details={"kind": request.kind, **fields},
        )
    if said["priority"]:
        title = said["title"]
        notify.send(said["subject"], title, said["message"], priority=said["priority"], key=title)
