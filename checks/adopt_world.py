"""What a check of adoptions sees: theirs, ours, rows, keys, settings and owners."""

from __future__ import annotations

import json
import random
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from checks import box
from checks.framework import CheckError, Context

SERVICES = ("qbittorrent", "sonarr", "bazarr", "seerr")
PORTS = {"sonarr": 8989, "bazarr": 6767, "seerr": 5055}
THEIR_PORTS = {"sonarr": 18989, "bazarr": 16767, "seerr": 15055}
ROWS = 5
TOP = "/opt/hand-made"
CONFIG = "/srv/mediastack/config"
SECRETS = "/etc/mediastack/secrets"
STATE = "/var/lib/mediastack"
LEFT = f"ls -d {CONFIG}/.mediastack-adopt {STATE}/adopt.json 2>/dev/null; true"
PROGRAM = "/opt/mediastack/bin/mediastack"
# While a database is open its index says who reads it: no state.
OPEN = ["-shm"]
GOOD = 200
TIMEOUT_SECONDS = 400.0
KEY_DIGITS = 32


def make(context: Context) -> None:
    """A hand-made stack beside ours, with keys that nobody has seen."""
    shown = "docker inspect --format '{{.Config.Image}}'"
    images = {name: box.run(context.box, f"{shown} {name}").strip() for name in SERVICES}
    keys = {name: new_key() for name in ("sonarr", "bazarr")}
    box.inside(context.box, "hand_made", what="make", images=images, keys=keys, rows=ROWS)


def new_key() -> str:
    """A key that was never used: not by the seed, as secrets of other runs may be in the box."""
    return f"{random.SystemRandom().getrandbits(4 * KEY_DIGITS):0{KEY_DIGITS}x}"


def their_keys(context: Context) -> dict[str, str]:
    """What their configurations have."""
    files = {"sonarr": "sonarr/config.xml", "bazarr": "bazarr/config/config.yaml"}
    found = {}
    for name, file in files.items():
        text = box.run(context.box, f"cat {TOP}/{file}")
        match = re.search(r"(?:<ApiKey>|apikey: )['\"]?([0-9a-f]{32})", text)
        if match is None:
            raise CheckError(f"{TOP}/{file} has no key")
        found[name] = match.group(1)
    return found


def away(context: Context) -> None:
    """No hand-made stack any more."""
    box.inside(context.box, "hand_made", what="remove")


def deploy_fault(context: Context) -> None:
    """The programs with the planted fault."""
    if context.fault_sources is not None:
        box.deploy(context.box, sources=context.fault_sources)


def adopt(context: Context, arguments: str) -> dict[str, Any]:
    """What adopt said, and its exit code."""
    command = f'{PROGRAM} adopt {arguments} 2>&1 </dev/null; echo "code $?"'
    said = box.run(context.box, command, timeout=TIMEOUT_SECONDS)
    text, _, code = said.strip().rpartition("code ")
    return {"said": text.strip(), "code": int(code)}


def theirs(context: Context) -> dict[str, Any]:
    """Their files, and their containers with the moment of their start."""
    found: dict[str, Any] = box.inside(context.box, "sums", tops=[TOP], without=OPEN)
    shape = "{{.Name}} {{.Id}} {{.State.Status}} {{.State.StartedAt}}"
    listed = "docker ps -aq --filter label=com.docker.compose.project=hand-made"
    shown = box.run(context.box, f"{listed} | xargs docker inspect --format '{shape}'")
    return {**found, "containers": sorted(shown.splitlines())}


def ours(context: Context) -> dict[str, Any]:
    """What an adoption would change of ours: secrets, trees, starts of containers."""
    host = context.box
    found: dict[str, Any] = box.inside(host, "sums", tops=[SECRETS])
    trees = box.run(host, f"stat --format '%n %i' {' '.join(f'{CONFIG}/{s}' for s in SERVICES)}")
    shape = "{{.Name}} {{.Id}} {{.State.StartedAt}}"
    shown = box.run(host, f"docker inspect --format '{shape}' {' '.join(SERVICES)}")
    return {**found, "trees": trees, "containers": shown, "left": box.run(host, LEFT)}


def same(context: Context, what: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Note what is not what it was."""
    for one in sorted(differences(before, after))[:3]:
        context.violation(f"{what} changed {one}: {before.get(one)} -> {after.get(one)}")


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is another now."""
    return {one: after.get(one) for one in before.keys() | after.keys()
            if before.get(one) != after.get(one)}  # fmt: skip


def rows(context: Context, *, of_theirs: bool = False) -> dict[str, list[str]]:
    """The texts of all rows, asked of each service."""
    ports = THEIR_PORTS if of_theirs else PORTS
    address = "127.0.0.1" if of_theirs else bind(context)
    urls = [{"url": f"http://{address}:{port}/standin/rows"} for port in ports.values()]
    answers = box.inside(context.box, "ask", questions=urls)
    found = {}
    for name, (status, body) in zip(ports, answers, strict=True):
        rows = json.loads(body)["rows"] if status == GOOD else []
        found[name] = [one["text"] for one in rows]
    return found


def keys(context: Context, keys: dict[str, str]) -> Iterator[str]:
    """What is wrong with the keys: in the secrets, with who has copies, and at Sonarr's door."""
    host = context.box
    for service, key in keys.items():
        if box.run(host, f"cat {SECRETS}/{service}/api_key") != key:
            yield f"secrets/{service}/api_key is not the key of {service}"
    sonarr = keys["sonarr"]
    for reader in ("bazarr", "unpackerr"):
        if box.run(host, f"cat {SECRETS}/{reader}/sonarr_api_key") != sonarr:
            yield f"{reader}'s copy of the key of sonarr is another one"
    mounted = "docker exec unpackerr cat /run/secrets/sonarr_api_key"
    if box.run(host, mounted, check=False) != sonarr:
        yield "unpackerr has another key of sonarr mounted"
    if sonarr not in box.run(host, f"cat {CONFIG}/bazarr/config/config.yaml"):
        yield "bazarr's config.yaml has another key of sonarr"
    url = f"http://{bind(context)}:8989/api/v3/system/status"
    status = box.inside(host, "ask", questions=[{"url": url, "headers": {"X-Api-Key": sonarr}}])
    if status[0][0] != GOOD:
        yield f"sonarr answers its key with {status[0][0]}"


def settings(context: Context) -> Iterator[str]:
    """Which of their settings went, and which of ours are not there."""
    host = context.box
    xml = box.run(host, f"cat {CONFIG}/sonarr/config.xml")
    for wanted in ("<Port>8989<", "<UrlBase><", "<InstanceName>Tom &amp; Ann<"):
        if wanted not in xml:
            yield f"sonarr's config.xml lacks {wanted}"
    text = box.run(host, f"cat {CONFIG}/bazarr/config/config.yaml")
    for wanted in ("page_size: 77", "127.0.0.1"):
        if wanted not in text:
            yield f"bazarr's config.yaml lacks {wanted}"
    conf = box.run(host, f"cat {CONFIG}/qbittorrent/qBittorrent/qBittorrent.conf")
    for wanted in ("Session\\Interface=tun0", "Session\\MaxActiveTorrents=77"):
        if wanted not in conf:
            yield f"qBittorrent.conf lacks {wanted}"
    read = f"import os; print(os.getxattr('{CONFIG}/sonarr/asp/key.xml', 'user.note').decode())"
    if "kept" not in box.run(host, f'python3 -c "{read}"', check=False):
        yield "an extended attribute is gone"


def owners(context: Context) -> Iterator[str]:
    """Whose is not our service's, and whose mode is not what it was."""
    host = context.box
    toml = tomllib.loads(box.run(host, "cat /etc/mediastack/mediastack.toml"))
    for service in SERVICES:
        entry = toml["services"][service]
        wanted = [entry["uid"], entry["gid"]]
        sums = box.inside(host, "sums", tops=[f"{CONFIG}/{service}"])
        wrong = [path for path, one in sums.items() if one[1:3] != wanted]
        if wrong:
            yield f"{wrong[0]} belongs to {sums[wrong[0]][1:3]}, not to {wanted}"
        if service == "sonarr" and sums.get(f"{CONFIG}/sonarr/asp/key.xml", [""])[0] != "0o100600":
            yield "asp/key.xml has not its mode"
        if f"{CONFIG}/sonarr/logs/sonarr.txt" in sums:
            yield "their log was copied"


def bind(context: Context) -> str:
    """The address that ours are published at."""
    toml = tomllib.loads(box.run(context.box, "cat /etc/mediastack/mediastack.toml"))
    return str(toml["network"]["bind_address"])
