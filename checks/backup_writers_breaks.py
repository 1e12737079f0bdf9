"""Stagings that are wrong: the product's library in the box, with passages replaced.

It is copied and the copy is used; what the box itself runs stays as it is.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from checks import box
from checks.framework import Break, Context

LIBRARY = "/opt/mediastack/lib"
COPY = "/run/backup-writers/lib"
EDIT = """
import json, shutil, sys
library, copy, edits = json.loads({asked!r})
shutil.rmtree(copy, ignore_errors=True)
shutil.copytree(library, copy, ignore=shutil.ignore_patterns("__pycache__"))
for name, old, new in edits:
    path = copy + "/mediastack/backup/" + name
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    if old not in text:
        sys.exit(name + " has no " + repr(old) + " to replace: the planted fault needs an update")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text.replace(old, new))
"""
FILL = "        reader.backup(writer, pages=-1)\n"
FILES = """        reader.rollback()
        import shutil
        names = [one.execute("PRAGMA database_list").fetchone()[2] for one in (reader, writer)]
        shutil.copyfile(*names)
"""

# {fault: (case, what is wrong, passages (file, old, new) of the package `backup`)}
FAULTS: dict[str, tuple[str, str, list[tuple[str, str, str]]]] = {
    "hot-copy": (
        "writers",
        "Databases are copied as files.",
        [("databases.py", FILL, FILES)],
    ),
    "ignores-the-log": (
        "writers",
        "What is only in the write-ahead log is no change.",
        [
            ("fingerprint.py", "HEADER_BYTES).hex(), log,", "HEADER_BYTES).hex(), [],"),
            ("fingerprint.py", "    if log is None:\n        return None\n", ""),
            ("fingerprint.py", "latest / 1e9 > now - FRESH_SECONDS", "False"),
        ],
    ),
    "reads-live": (
        "writers",
        "restic reads the databases themselves as well.",
        [("staging.py", "for path in dict.fromkeys([*apart, *sources])", "for path in []")],
    ),
    "stops-a-service": (
        "writers",
        "A service with a database is stopped for its copy.",
        [("contents.py", 'entry.get("backup") == "stopped"', 'name in ("seerr", "qbittorrent")')],
    ),
    "copies-everything": (
        "writers",
        "Nothing is reused.",
        [("staged.py", "return bool(self.before) and self.seen is not None", "return False")],
    ),
    "forgets-one": (
        "writers",
        "Databases that the catalog does not name are left out.",
        [("discovery.py", 'SUFFIXES = (".db", ', "SUFFIXES = (")],
    ),
    "unchecked": (
        "damaged",
        "What was copied is not checked.",
        [("databases.py", "verdict = integrity.check(connection) if checks else", "verdict =")],
    ),
    "damaged-replaces-good": (
        "damaged",
        "A damaged copy replaces the last good one.",
        [("staged.py", "damaged_too=not good", "damaged_too=True")],
    ),
}


def replaced(name: str) -> Callable[[Context], AbstractContextManager[None]]:
    """The planting of one of the faults."""
    _, summary, edits = FAULTS[name]

    @contextlib.contextmanager
    def plant(context: Context) -> Iterator[None]:
        asked = json.dumps([LIBRARY, COPY, edits])
        box.run(context.box, "python3 -", stdin=EDIT.format(asked=asked))
        context.fault_sources = COPY
        try:
            yield
        finally:
            context.fault_sources = None
            box.run(context.box, f"rm -rf {COPY}", check=False)

    plant.__doc__ = summary
    return plant


BREAKS = {name: Break(case, replaced(name)) for name, (case, _, _) in FAULTS.items()}
