"""The sender's hands on the spool: what waits, what was delivered when, what is undeliverable.

One `Spool` is one look at spool/new that is kept up to date: files never change once they are in
there (but for a fold, which the sender itself writes), so each is read once, however many wait. The
times of deliveries are lines appended to a file: to rewrite thousands of them for each delivery
would take longer than the delivery. A file is removed only after what it says was delivered; killed
anywhere, the sender repeats a message at worst.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from mediastack import atomic, notify, notify_message, notify_queue
from mediastack.notify_message import Message

ABANDONED_SECONDS = 60.0
WINDOWS = "windows.jsonl"
LINES_KEPT = 2000


class Spool:
    """One spool, seen by its only sender."""

    def __init__(self, path: str, now: float) -> None:
        self.path = path
        self._seen: dict[str, Message] = {}
        self._lines = 0
        notify.make_directories(path)
        self._recover(now)

    def look(self) -> list[tuple[str, Message]]:
        """Return the waiting messages in order; what is no message goes to spool/failed."""
        names = sorted(os.listdir(f"{self.path}/new"))
        for name in names:
            if name not in self._seen:
                self._read(name)
        members = {one for message in self._seen.values() for one in message["members"]}
        # A kill between writing a fold and removing what it stands for must not count anything
        # twice.
        self.remove(members & set(names))
        self._seen = {name: self._seen[name] for name in names if name in self._seen}
        return list(self._seen.items())

    def fold(self, fold: notify_queue.Fold) -> None:
        """Write one file for many, then remove those."""
        # Not beside it: sweeping thousands of names for a killed writer's takes its time.
        temporary = os.path.join(self.path, "tmp", f".{fold.name}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        atomic.write(temporary, json.dumps(fold.message).encode(), mode=notify.FILE_MODE)
        os.replace(temporary, f"{self.path}/new/{fold.name}")
        atomic.sync_directory(f"{self.path}/new")
        self._seen[fold.name] = fold.message
        self.remove(fold.members)

    def remove(self, names: Iterable[str]) -> None:
        """These are dealt with."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.path}/new/{name}")
            self._seen.pop(name, None)

    def give_up(self, names: Iterable[str], message: Any, reason: str) -> None:
        """Set a message aside that nobody will ever take."""
        kept = list(names)
        print(f"mediastack: notify: {self.path}/failed/{kept[-1]}: {reason}", file=sys.stderr)
        value = {"reason": reason, "message": message}
        atomic.write_json(f"{self.path}/failed/{kept[-1]}", value, mode=notify.FILE_MODE)
        self.remove(kept)

    def windows(self, now: float) -> dict[str, float]:
        """Return when which storm was delivered, as far as it still matters; forget the rest."""
        found: dict[str, float] = {}
        with contextlib.suppress(FileNotFoundError), open(self._windows, "rb") as stream:
            for line in stream:
                # The last one may be half of one.
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    entry = json.loads(line)
                    found[str(entry["storm"])] = float(entry["at"])
        found = notify_queue.recent(found, now)
        self._rewrite(found)
        return found

    def delivered(self, message: Message, times: dict[str, float], now: float) -> None:
        """Remember a delivery; `times` are those that still matter, with this one."""
        storm = notify_message.storm(message)
        if not storm:
            return
        if self._lines >= LINES_KEPT + len(times):
            self._rewrite(times)
            return
        line = json.dumps({"storm": storm, "at": now}) + "\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._windows, flags, notify.FILE_MODE)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._lines += 1

    @property
    def _windows(self) -> str:
        return os.path.join(self.path, WINDOWS)

    def _rewrite(self, times: dict[str, float]) -> None:
        lines = [json.dumps({"storm": storm, "at": at}) + "\n" for storm, at in times.items()]
        atomic.write(self._windows, "".join(lines).encode(), mode=notify.FILE_MODE)
        self._lines = len(lines)

    def _read(self, name: str) -> None:
        path = f"{self.path}/new/{name}"
        text = b""
        try:
            with open(path, "rb") as stream:
                text = stream.read()
            self._seen[name] = notify_message.complete(json.loads(text))
        except FileNotFoundError:
            return
        except (ValueError, TypeError, RecursionError) as error:
            self.give_up([name], {"text": repr(text)}, f"unreadable: {error}")

    def _recover(self, now: float) -> None:
        """Take over what a killed program had written whole but not yet handed in."""
        for entry in list(os.scandir(os.path.join(self.path, "tmp"))):
            with contextlib.suppress(FileNotFoundError):
                if abs(now - entry.stat().st_mtime) < ABANDONED_SECONDS:
                    continue
                if entry.name.startswith("."):
                    os.unlink(entry.path)
                else:
                    os.rename(entry.path, f"{self.path}/new/{entry.name}")
