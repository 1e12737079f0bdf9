"""`recovery-kit`: what a new host needs to read the backups of this one, to be kept elsewhere.

The backups hold every secret, and so they are encrypted; their password is on this host, and burns
with it. The kit is one text file with the password, where the repositories are, what they ask for,
and the lines to paste for a rebuild. Until the user confirms to have put it away, they are reminded
weekly; when the password or a repository changes after that, the kit is out of date and so is the
confirmation. What it was made of is remembered as an HMAC, under a salt that is not public.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import secrets
import sys
import time
from collections.abc import Iterable
from typing import Any

from mediastack import atomic, clock, notify
from mediastack import config as configuration
from mediastack.backup import report, restic, settings
from mediastack.backup.due import passed
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target

NAME = "mediastack recovery-kit"
SALT = "recovery-kit.salt"
REMINDER_SECONDS = 6.5 * 24 * 3600
WRITE = "stack-manage.sh recovery-kit FILE"


def main(arguments: list[str]) -> int:
    """Write the recovery kit to FILE ("-": standard output), or confirm that it is kept elsewhere.
    Exit 1 when it cannot be done. Raise ConfigError."""
    parser = argparse.ArgumentParser(prog=NAME, description=main.__doc__)
    parser.add_argument("file", nargs="?", metavar="FILE", help="a new file; it holds secrets")
    parser.add_argument("--confirm", action="store_true", help="I keep it on another machine")
    options = parser.parse_args(arguments)
    if bool(options.file) == options.confirm:
        parser.error("give a FILE, or --confirm")
    config = configuration.load()
    try:
        if options.confirm:
            report.note(kit={"confirmed_at": clock.timestamp(), "of": _mark(config)})
            print("recovery kit: noted; you are reminded when it is out of date")
            return 0
        text = written(config)
        if options.file == "-":
            sys.stdout.write(text)
            return 0
        atomic.write(options.file, text.encode(), mode=0o600, replace=False)
    except FileExistsError:
        return _failed(f"{options.file}: is there already; fix: name a new file")
    except (OSError, ResticError) as error:
        name = getattr(error, "filename", None)
        said = f"{name}: {error.strerror}" if isinstance(error, OSError) and name else str(error)
        return _failed(said)
    print(f"{options.file}: written. Whoever has it can read every backup: put it where the host "
          "is not (a password manager, paper), delete it here, then:\n"
          "stack-manage.sh recovery-kit --confirm")  # fmt: skip
    return 0


def is_confirmed(config: dict[str, Any]) -> bool:
    """Whether the user keeps a kit that still fits. Raise OSError, ResticError."""
    kit = report.read()["kit"]
    if not kit.get("confirmed_at"):
        return False
    if not os.path.exists(_salt_path()):
        # This host was rebuilt, with that kit.
        report.note(kit={**kit, "of": _mark(config)})
        return True
    return bool(kit.get("of") == _mark(config))


def remind(config: dict[str, Any]) -> None:
    """Withdraw a confirmation that is out of date, and remind of a kit that is nowhere else; not
    before there is a backup. Raise OSError."""
    found = report.read()
    if not any(entry.get("saved_at") for entry in found["targets"].values()):
        return
    try:
        if is_confirmed(config):
            return
    except ResticError:
        # What is wrong with a target is said when it is backed up to.
        return
    kit, now = found["kit"], time.time()
    stale = bool(kit.get("confirmed_at"))
    if not stale and now - passed(kit.get("reminded_at"), now) < REMINDER_SECONDS:
        return
    report.note(kit={"reminded_at": clock.timestamp(now)})
    why = (
        "The password or the place of a repository has changed: the recovery kit that you keep is "
        "out of date."
        if stale
        else "Nobody can read a backup without its password, and that is on this host alone."
    )
    notify.send(
        "backup",
        f"{config['host']['name']}: recovery kit needed",
        f"{why}\nOn the host: {WRITE}, put it elsewhere, then recovery-kit --confirm",
        tags=("key",),
        key="recovery kit",
    )


def written(config: dict[str, Any]) -> str:
    """Return the kit's text. Raise OSError, ResticError."""
    host, release = config["host"]["name"], config.get("release", "")
    lines = [
        f"Recovery kit of {host} (Homelab Media Stack {release}), {clock.timestamp()[:10]}",
        "",
        "SECRET. With this, and a repository below, everything but the media can be restored.",
        "Keep it where the host is not. Keep your settings.local.toml and secrets.toml with it.",
    ]
    targets = settings.targets(config)
    if all(target.is_local for target in targets):
        lines += ["", "WARNING: no repository is on another machine. If the host is lost, so are "
                  "the backups: set backup.remotes."]  # fmt: skip
    for target in targets:
        lines += ["", *_of(target)]
    lines += ["", "Then, on the machine you deploy from: pyinfra inventory.py deploy.py",
              "A repository at sftp: also needs the new host's ssh key; see docs/disaster.md.",
              ""]  # fmt: skip
    return "\n".join(lines)


def _of(target: Target) -> Iterable[str]:
    environment = restic.environment(target)
    place = environment["RESTIC_REPOSITORY"]
    extra = _read(target.environment_file)
    yield f"== {target.name}{' (append-only)' if target.append_only else ''}"
    if target.is_local:
        yield "On the host itself; copy this directory to the new one first, to the same place:"
        yield f"  {place}"
    if target.repository:
        yield "In settings.local.toml:"
        yield "  [backup]"
        yield f"  rebuild_from = {json.dumps(target.repository)}"
    yield "In secrets.toml:"
    yield "  [backup]"
    yield f"  repository_password = {json.dumps(_read(target.password_file))}"
    if extra:
        yield f"  rebuild_environment = {json.dumps(extra)}"


def _mark(config: dict[str, Any]) -> str:
    """What a kit of now would be made of, as a name that tells nothing of it."""
    path = _salt_path()
    try:
        with open(path, encoding="ascii") as stream:
            salt = stream.read()
    except FileNotFoundError:
        salt = secrets.token_hex(32)
        atomic.write(path, salt.encode(), mode=0o600)
    parts = [
        f"{target.name} {_read(target.password_file)} {target.repository} "
        f"{_read(target.environment_file)}"
        for target in settings.targets(config)
    ]
    return hmac.new(salt.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()


def _salt_path() -> str:
    return os.path.join(configuration.paths()["state"], SALT)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read().strip()
    except FileNotFoundError:
        return ""


def _failed(message: str) -> int:
    print(f"{NAME}: {message}", file=sys.stderr)
    return 1
