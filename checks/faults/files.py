"""Faults of files and secrets."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from checks.faults import Failure, Fault, edited, kept, moved
from checks.mutations import EXTRA, RECORD, stale_file
from tests.smoke.expected import Expected

PATH = "files.managed_path"
DAEMON = "/etc/docker/daemon.json"
TOML = "/etc/mediastack/mediastack.toml"
COMPLETION = "/etc/bash_completion.d/stack-manage"
ANY_VALUE = ("secrets.value", "*")
RELOAD = ("daemon-reload", "")


def faults(expected: Expected) -> Iterator[Fault]:
    """Every fault of this kind that these settings allow."""
    for path, entry in expected.files.items():
        yield from of_path(expected, path, entry)
    for path, entry in expected.secrets.items():
        yield from of_secret(path, entry)
    yield from of_values(expected)
    for path, entry in expected.seeds.items():
        door = f"{expected.settings.storage.config}/{entry['service']}"
        mode, wide = expected.files[door]["mode"], f"chmod o+rx {door}; chmod o+rw {path}"
        yield Fault(
            "seed open", path, wide, f"chmod o-rwx {path}; chmod {mode} {door}",
            (("secrets.seeded", path),), ((PATH, door),),
        )  # fmt: skip
    top = f"{expected.config['paths']['etc']}/secrets"
    stray = f"install -m 0644 /dev/null {top}/stray"
    yield Fault("stray file", top, stray, f"rm {top}/stray", (("secrets.private", ""),))
    shown = f"cat {next(iter(expected.secrets))} >> {COMPLETION}"
    yield Fault(
        "secret shown", COMPLETION, *edited(COMPLETION, shown),
        (("secrets.not_shown", ""),), ((PATH, COMPLETION),),
    )  # fmt: skip
    keep, restore = kept(RECORD)
    yield Fault(
        "no longer wanted", EXTRA, f"{keep}; {stale_file()}", f"{restore}; rm {EXTRA}",
        (("files.left_behind", ""),),
    )  # fmt: skip
    complete = "/opt/mediastack/venv/complete"
    yield Fault("half an environment", complete, *moved(complete), (("files.environment", ""),))
    wrong = "sed -i.x s/sha256:./sha256:0z/ {0}; cat {0}.x >/dev/null; rm {0}.x"
    for stack in expected.config["stacks"]:
        path = f"/opt/mediastack/stacks/{stack}/images.yaml"
        # Nothing can be made anew from it meanwhile.
        yield Fault(
            "override edited", path, *edited(path, wrong.format(path)),
            (("files.overrides", stack),), alone=True,
        )  # fmt: skip
    older = f"""sed -i 's/^release = .*/release = "0.0.0"/' {TOML}"""
    yield Fault(
        "another release", TOML, *edited(TOML, older), (("host.release", ""),), ((PATH, TOML),)
    )


def of_path(expected: Expected, path: str, entry: dict[str, Any]) -> Iterator[Fault]:
    """Mode, owner, content, absence of one managed path."""
    quoted, seen = shlex.quote(path), ((PATH, path),)
    if path == DAEMON:
        return
    if entry["kind"] == "link":
        back = f"ln -sfn {shlex.quote(entry['target'])} {quoted}"
        yield Fault("link elsewhere", path, f"ln -sfn /nowhere {quoted}", back, seen)
        return
    mode, owner = entry["mode"], f"{entry['uid']}:{entry['gid']}"
    changed = f"{int(mode, 8) ^ 0o010:04o}"
    yield Fault(
        f"{entry['kind']} mode", path, f"chmod {changed} {quoted}", f"chmod {mode} {quoted}", seen
    )
    yield Fault(
        f"{entry['kind']} owner", path,
        f"chown 65534:65534 {quoted}", f"chown {owner} {quoted}; chmod {mode} {quoted}", seen,
    )  # fmt: skip
    if entry["kind"] == "directory":
        below = path.rstrip("/") + "/"
        if path.startswith("/srv/") and not any(one.startswith(below) for one in expected.files):
            yield Fault("directory gone", path, *moved(path), seen)
        return
    is_unit = path.startswith("/etc/systemd/")
    kind = "compose edited" if path.endswith("compose.yaml") else "file edited"
    yield Fault(
        kind, path, *edited(path, f"printf '\\n# by hand\\n' >> {quoted}"),
        seen, (RELOAD,) if is_unit else (),
    )  # fmt: skip
    if not path.startswith(("/opt/mediastack/bin/", "/opt/mediastack/lib/", TOML)) and not is_unit:
        # Without a compose file the doctor cannot say what is wrong with its containers.
        alone = path.endswith("compose.yaml")
        yield Fault("file gone", path, *moved(path), seen, alone=alone)


def of_secret(path: str, entry: dict[str, Any]) -> Iterator[Fault]:
    """Mode and owner of one secret."""
    seen: tuple[Failure, ...] = (("secrets.declared", path),)
    mode, owner = entry["mode"], f"{entry['uid']}:{entry['gid']}"
    yield Fault(
        "secret mode", path, f"chmod 0444 {path}", f"chmod {mode} {path}",
        seen, (("secrets.private", ""),),
    )  # fmt: skip
    yield Fault("secret owner", path, f"chown 65534 {path}", f"chown {owner} {path}", seen)


def of_values(expected: Expected) -> Iterator[Fault]:
    """Another value in a secret, wherever somebody else than its reader knows the right one.

    A generated secret without a copy is known by its own file alone: then no value is wrong.
    """
    top = f"{expected.config['paths']['etc']}/secrets"
    for one in expected.config["secrets"]:
        name = f"{one['service']}/{one['name']}"
        path = f"{top}/{name}"
        copies = [
            f"{top}/{other['service']}/{other['name']}"
            for other in expected.config["secrets"]
            if other["source"] == name
        ]
        known = [path] if one["origin"] != "generated" else copies
        if one["required"] and known:
            yield of_value(path, known)
    for path in expected.secrets:
        if not any(f"{top}/{e['service']}/{e['name']}" == path for e in expected.config["secrets"]):
            yield of_value(path, [path])


def of_value(path: str, known: list[str]) -> Fault:
    """Another value in one file."""
    return Fault(
        "secret value", path, *edited(path, f"printf by-hand-0123456789 > {path}"),
        tuple(("secrets.value", one) for one in known), (ANY_VALUE,),
    )  # fmt: skip
