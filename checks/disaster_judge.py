"""Is what came back what was lost? Judged from what the kernel and SQLite show of both houses.

Every file that was the same before and after the backup must be there with its kind, mode, content,
time and attributes, and the owner that the settings of the new host give it. Databases are compared
row by row; what the catalog calls caches and logs must not be there. Nothing is read through the
restore's own code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import render
from checks.disaster_house import USER_KEY, Burnt, owners
from checks.framework import Context
from settings import Settings

COMPANIONS = ("-wal", "-shm", "-journal")
# How an entry of inside/house_state.py is told.
PARTS = ("mode", "uid", "gid", "content", "time", "attributes")
FEWEST_FILES = 40
SHOWN = 8


def judge(context: Context, burnt: Burnt, found: Mapping[str, Any], now: Settings) -> None:
    """Compare the house that burnt with the one that was found before anything started in it."""
    context.control("a house that was read before its first start", found["containers"] == 0)
    problems = [
        *files(burnt, found["files"], now),
        *databases(burnt, found["databases"]),
        *secrets(burnt, found["secrets"], now),
    ]
    for text in problems[:SHOWN]:
        context.violation(text)
    if len(problems) > SHOWN:
        context.violation(f"and {len(problems) - SHOWN} more differences")
    for service in sorted(burnt.facts["lock"].keys() | found["lock"].keys()):
        if burnt.facts["lock"].get(service) != found["lock"].get(service):
            context.violation(f"{service} is not locked to the image that it ran")


def count(context: Context, burnt: Burnt) -> None:
    """Say how much is compared, and that it is something."""
    rows = sum(number for one in burnt.facts["databases"].values()
               for number, _ in one["tables"].values())  # fmt: skip
    context.figure("files_compared", len(expected(burnt)))
    context.figure("databases_compared", len(burnt.facts["databases"]))
    context.figure("rows_compared", rows)
    context.figure("secrets_compared", len(plain(burnt.facts["secrets"])))
    context.control("a house with files", len(expected(burnt)) > FEWEST_FILES)
    context.control("a house with rows", rows > len(burnt.kept["rows"]))
    context.control("a house with torrents", bool(burnt.kept["torrents"]))


def excluded(burnt: Burnt, path: str) -> bool:
    """Whether a path is among a service's caches and logs."""
    service, _, rest = path.partition("/")
    entry = burnt.settings.services.get(service)
    left_out = entry.state_exclude if entry else ()
    return any(f"{rest}/".startswith(f"{one.strip('/')}/") for one in left_out)


def is_database(burnt: Burnt, path: str) -> bool:
    """Whether a path is a database, or what SQLite has beside it."""
    for ending in ("", *COMPANIONS):
        if path.endswith(ending) and path.removesuffix(ending) in burnt.facts["databases"]:
            return True
    return False


def expected(burnt: Burnt) -> dict[str, list[Any]]:
    """The files that must come back as they were."""
    return {
        path: one
        for path, one in burnt.stable.items()
        if not excluded(burnt, path) and not is_database(burnt, path)
    }


def files(burnt: Burnt, found: Mapping[str, Any], now: Settings) -> Iterator[str]:
    """What is not as it was in the apps' state."""
    for path, entry in expected(burnt).items():
        users, groups = owners(burnt.settings, now, path.partition("/")[0])
        mode, uid, gid, content, moment, attributes = entry
        wanted = [mode, users.get(uid, uid), groups.get(gid, gid), content, moment, attributes]
        yield from differences(path, wanted, found.get(path))
    for path in found:
        if excluded(burnt, path):
            yield f"{path} is there, a cache or a log"
        elif path not in burnt.facts["files"]:
            yield f"{path} is there and was not"


def databases(burnt: Burnt, found: Mapping[str, Any]) -> Iterator[str]:
    """Databases whose rows, schema or version are others."""
    for path, wanted in burnt.facts["databases"].items():
        if excluded(burnt, path):
            continue
        have = found.get(path)
        if have is None:
            yield f"the database {path} is missing"
        elif have != wanted:
            tables = [
                f"{name} ({len_of(wanted, name)} -> {len_of(have, name)} rows)"
                for name in wanted["tables"].keys() | have["tables"].keys()
                if wanted["tables"].get(name) != have["tables"].get(name)
            ]
            yield f"the database {path} differs: {', '.join(sorted(tables)) or 'its schema'}"


def secrets(burnt: Burnt, found: Mapping[str, Any], now: Settings) -> Iterator[str]:
    """Secrets that are missing, others, or another's. The user's own one is still the old one."""
    for path, entry in plain(burnt.facts["secrets"]).items():
        service = path.partition("/")[0]
        before, after = burnt.settings.services.get(service), now.services.get(service)
        users: dict[int, int] = {}
        groups: dict[int, int] = {}
        if before and after:
            (uid, gid), (new_uid, new_gid) = (
                render.reader_ids(burnt.settings, before),
                render.reader_ids(now, after),
            )
            users, groups = {uid: new_uid}, {gid: new_gid}
        mode, uid, gid, content, _, _ = entry
        wanted = [mode, users.get(uid, uid), groups.get(gid, gid), content]
        have = found.get(path)
        yield from differences(f"the secret {path}", wanted, have[:4] if have else None)
    for path in plain(found):
        if path not in burnt.facts["secrets"]:
            yield f"the secret {path} is there and was not"


def plain(entries: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Files alone, of a tree."""
    return {path: one for path, one in entries.items() if one[0].startswith("0o100")}


def kept(context: Context, burnt: Burnt, now: Mapping[str, Any]) -> None:
    """What the apps themselves say that they have, as before."""
    for service, rows in burnt.kept["rows"].items():
        if now["rows"].get(service) != rows:
            context.violation(f"{service} says other rows than before")
    if now["torrents"] != burnt.kept["torrents"]:
        context.violation(f"qBittorrent has other torrents: {str(now['torrents'])[:300]}")
    for service, status in now["keys"].items():
        if status != burnt.kept["keys"][service]:
            context.violation(f"{service} answers {status} to its API key")


def secrets_at_the_end(
    context: Context, burnt: Burnt, found: Mapping[str, Any], key: str, given: str
) -> None:
    """Generated secrets are those of the backup; the user's own is the one of secrets.toml."""
    for path, entry in plain(burnt.facts["secrets"]).items():
        if path != USER_KEY and found.get(path, [None] * 4)[3] != entry[3]:
            context.violation(f"the deploy made the secret {path} anew")
    if key != given:
        context.violation("the user's own key is not the one of secrets.toml")


def differences(what: str, wanted: list[Any], have: list[Any] | None) -> Iterator[str]:
    """How an entry differs from the wanted one; times of directories are nobody's."""
    if have is None:
        yield f"{what} is missing"
        return
    for part, one, other in zip(PARTS, wanted, have, strict=False):
        if one != other:
            yield f"{what}: {part} is {other} instead of {one}"


def len_of(database: Mapping[str, Any], table: str) -> int:
    """How many rows a table has."""
    return int(database["tables"].get(table, [0])[0])
