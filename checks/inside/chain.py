"""A hash chain in each of many databases, written at full speed; and who judges copies of them.

Each transaction of a writer adds one link to its chain: a row over the oldest one of a ring, with a
payload that follows from seed, database and number, and a hash over the link before; the head is
changed with it. Some transactions write much more and are then rolled back. So what a database may
contain follows from its head alone, and a copy that is torn, or has what was never committed, is
not that. What is committed is in a shared file, 8 bytes for each database, after each commit:
between the numbers before and after a backup its copies must be.

    python3 chain.py write SPEC     until SIGTERM; prints one JSON line of figures at the end
    python3 chain.py judge SPEC     {"copies": {key: path}, "low": {key: n}, "high": {key: n},
                                    "state": file, "missing": [key]} on standard input
    python3 chain.py drop SPEC      take the tables away again
"""

import contextlib
import hashlib
import json
import mmap
import os
import signal
import sqlite3
import struct
import sys
import threading
import time
from typing import Any

RING = 512
BUSY_SECONDS = 120.0
TABLES = """
CREATE TABLE IF NOT EXISTS chain_head (id INTEGER PRIMARY KEY, n INTEGER, hash BLOB);
CREATE TABLE IF NOT EXISTS chain_links (slot INTEGER PRIMARY KEY, n INTEGER, hash BLOB, load BLOB);
CREATE INDEX IF NOT EXISTS chain_by_hash ON chain_links (hash);
CREATE TABLE IF NOT EXISTS chain_never (id INTEGER PRIMARY KEY, load BLOB);
INSERT OR IGNORE INTO chain_head VALUES (1, 0, x'');
"""
NAMES = ("chain_head", "chain_links", "chain_never")


def load_of(seed: str, number: int) -> bytes:
    """The payload of a link: mostly small, sometimes of many pages."""
    block = hashlib.sha256(f"{seed} {number}".encode()).digest()
    size = block[0] * 8 if block[1] else 40_000
    return (block * (size // 32 + 1))[:size]


def link(seed: str, number: int, before: bytes) -> "tuple[bytes, bytes]":
    """(hash, payload)"""
    load = load_of(seed, number)
    return hashlib.sha256(before + struct.pack("<Q", number) + load).digest(), load


class Writer(threading.Thread):
    """Writes one database until it is told to end. Some rest after so many commits."""

    def __init__(self, one: "dict[str, Any]", place: int, progress: mmap.mmap, ending: Any) -> None:
        super().__init__()
        self.one, self.place, self.progress, self.ending = one, place, progress, ending
        self.commits = self.longest = 0.0
        self.error = ""

    def run(self) -> None:
        try:
            self.write()
        except Exception as error:  # noqa: BLE001 - told at the end, whatever it is
            self.error = f"{type(error).__name__}: {error}"

    def write(self) -> None:
        connection = sqlite3.connect(
            self.one["path"], isolation_level=None, timeout=BUSY_SECONDS, cached_statements=50
        )
        for pragma in self.one["pragmas"]:
            connection.execute(f"PRAGMA {pragma}").fetchone()
        connection.executescript(TABLES)
        ((number, before),) = connection.execute("SELECT n, hash FROM chain_head")
        seed, (often, seconds) = self.one["seed"], self.one["rest"]
        self.note(number)
        while not self.ending.is_set():
            if number % 16 == 0:
                self.never(connection)
            began = time.monotonic()
            number += 1
            before, load = link(seed, number, before)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "INSERT OR REPLACE INTO chain_links VALUES (?, ?, ?, ?)",
                (number % RING, number, before, load),
            )
            connection.execute("UPDATE chain_head SET n = ?, hash = ?", (number, before))
            connection.execute("COMMIT")
            self.note(number)
            self.commits += 1
            self.longest = max(self.longest, time.monotonic() - began)
            if (every := self.one["checkpoint"]) and number % every == 0:
                connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            if often and number % often == 0:
                self.ending.wait(seconds)
        connection.close()

    def never(self, connection: sqlite3.Connection) -> None:
        """So much that pages are written before the end of the transaction, which is none."""
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(40):
            connection.execute("INSERT INTO chain_never (load) VALUES (zeroblob(3000))")
        connection.execute("UPDATE chain_head SET n = -1")
        connection.execute("ROLLBACK")

    def note(self, number: int) -> None:
        self.progress[self.place * 8 : self.place * 8 + 8] = struct.pack("<Q", number)


def write(spec: "dict[str, Any]") -> None:
    """A process for each processor, in it a thread for each database, none of which waits."""
    ending = threading.Event()
    keys = sorted(spec["databases"])
    # Before any process: in the shared file a 0 stands for "nothing yet".
    with open(spec["progress"], "wb") as stream:
        stream.write(bytes(8 * len(keys)))
    pipes, children = [], []
    processes = min(spec["processes"], len(keys))
    for share in range(processes):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, lambda *_: ending.set())
            found = work(spec, keys, share, processes, ending)
            os.write(writing, json.dumps(found).encode())
            os._exit(0)
        os.close(writing)
        pipes.append(reading)
        children.append(child)

    def end(*_: Any) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    figures: dict[str, Any] = {}
    for reading in pipes:
        with os.fdopen(reading, "rb") as answer:
            figures.update(json.loads(answer.read() or b"{}"))
    print(json.dumps(figures), flush=True)


def work(
    spec: "dict[str, Any]", keys: "list[str]", share: int, shares: int, ending: Any
) -> "dict[str, Any]":
    with open(spec["progress"], "r+b") as stream:
        progress = mmap.mmap(stream.fileno(), 0)
    writers = {
        key: Writer(spec["databases"][key], place, progress, ending)
        for place, key in enumerate(keys)
        if place % shares == share
    }
    for writer in writers.values():
        writer.start()
    while not ending.wait(0.5):
        if os.getppid() == 1:
            break
    ending.set()
    for writer in writers.values():
        writer.join()
    return {
        key: {"commits": int(w.commits), "longest": round(w.longest, 3), "error": w.error}
        for key, w in writers.items()
    }


def read_progress(spec: "dict[str, Any]") -> "dict[str, int]":
    """{key: number of the last commit}"""
    with open(spec["progress"], "rb") as stream:
        found = stream.read()
    return {
        key: struct.unpack_from("<Q", found, place * 8)[0]
        for place, key in enumerate(sorted(spec["databases"]))
    }


def judge(spec: "dict[str, Any]", asked: "dict[str, Any]") -> "dict[str, Any]":
    """What is wrong with copies. `state` remembers how far each chain was followed."""
    try:
        with open(asked["state"], encoding="utf-8") as stream:
            known = json.load(stream)
    except FileNotFoundError:
        known = {}
    problems, heads = [], {}
    for key, path in sorted(asked["copies"].items()):
        try:
            chain = Chain(spec["databases"][key]["seed"], known.get(key))
            found = judge_one(path, chain)
            heads[key] = chain.number
            low, high = asked["low"][key], asked["high"][key]
            # Committed, but not yet noted when we looked.
            if not found and not low <= chain.number <= high + 1:
                found = f"is at {chain.number}, and committed were {low} before and {high} after"
            known[key] = chain.began
        except sqlite3.Error as error:
            found = f"cannot be read: {error}"
        if found:
            problems.append(f"{key} {found}")
    problems += [f"{key} is not in the backup" for key in asked.get("missing", ())]
    with open(asked["state"], "w", encoding="utf-8") as stream:
        json.dump(known, stream)
    return {"problems": problems, "heads": heads}


class Chain:
    """The chain as it must be, followed to a number; what it remembers is where the ring began."""

    def __init__(self, seed: str, state: "list[Any] | None") -> None:
        self.seed = seed
        self.ring: dict[int, tuple[bytes, bytes]] = {}
        self.began: list[Any] = state or [0, ""]
        self.number, self.last = int(self.began[0]), bytes.fromhex(self.began[1])

    def follow(self, number: int) -> None:
        """To this number, with the ring of the links before it."""
        if number - RING < self.number:
            self.number, self.last, self.began = 0, b"", [0, ""]
        while self.number < number:
            self.number += 1
            self.last, load = link(self.seed, self.number, self.last)
            if self.number == number - RING:
                self.began = [self.number, self.last.hex()]
            if self.number > number - RING:
                self.ring[self.number] = (self.last, load)


def judge_one(path: str, chain: Chain) -> str:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as connection:
        (whole,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if whole != "ok":
            return f"is damaged: {whole}"
        ((number, last),) = connection.execute("SELECT n, hash FROM chain_head")
        if number < 0:
            return "has the head of a transaction that was rolled back"
        chain.follow(number)
        if chain.last != last:
            return f"has a head at {number} that was never committed"
        if connection.execute("SELECT count(*) FROM chain_never").fetchone()[0]:
            return "has rows that were rolled back"
        rows = connection.execute("SELECT n, hash, load FROM chain_links").fetchall()
        if {n: (one, load) for n, one, load in rows} != chain.ring:
            return f"has other links than were committed at {number}"
        by_index = connection.execute("SELECT count(*) FROM chain_links INDEXED BY chain_by_hash")
        if by_index.fetchone()[0] != len(rows):
            return "has an index that does not fit"
    return ""


def drop(spec: "dict[str, Any]") -> None:
    """Take the tables away again; a database of the check's own is removed by the check."""
    for one in spec["databases"].values():
        if os.path.exists(one["path"]):
            with contextlib.closing(sqlite3.connect(one["path"], timeout=BUSY_SECONDS)) as database:
                for name in NAMES:
                    database.execute(f"DROP TABLE IF EXISTS {name}")
                database.commit()
                database.execute("VACUUM")


def main(arguments: "list[str]") -> None:
    verb, path = arguments
    with open(path, encoding="utf-8") as stream:
        spec = json.load(stream)
    if verb == "write":
        write(spec)
    elif verb == "judge":
        print(json.dumps(judge(spec, json.load(sys.stdin))))
    elif verb == "drop":
        drop(spec)
    else:
        print(json.dumps(read_progress(spec)))


if __name__ == "__main__":
    main(sys.argv[1:])
