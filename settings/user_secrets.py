"""The user's own secrets: secrets.toml, then the environment over it.

Only names that a service declares with origin "user" are taken, so a typing error cannot leave a
secret lying unused. The file must be readable by its owner alone; that is looked at on the opened
file, not on the name. No message here ever holds a value, or a name that might be one.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import SecretStr

from catalog import HOST_SECRETS
from service import Service
from settings.problems import Problem, nearest
from shared import wireguard_key

NOTIFY_TOKEN = "notify/token"  # noqa: S105 - a name
# A key pasted on the left of the "=" is longer or has other letters, and is then not shown.
PRINTABLE_NAME = re.compile(r"^[a-z][a-z0-9_-]{0,39}$")


def variable(reference: str) -> str:
    """Return the environment variable that carries the secret "service/name"."""
    return "MEDIASTACK_" + re.sub("[^A-Z0-9]", "_", reference.upper())


def allowed(services: Mapping[str, Service], remotes: Iterable[str] = ()) -> list[str]:
    """Return the secrets a user may bring, as "service/name"; `remotes` are names of backups'
    repositories on other machines."""
    return (
        [
            f"{service.name}/{secret.name}"
            for service in services.values()
            for secret in service.secrets
            if secret.origin == "user"
        ]
        + [
            f"{consumer}/{secret.name}"
            for consumer in HOST_SECRETS
            for secret in HOST_SECRETS[consumer]
        ]
        + [f"backup/{name}_environment" for name in (*remotes, "rebuild")]
    )


def read(
    file: Path,
    environment: Mapping[str, str],
    services: Mapping[str, Service],
    broken: set[str],
    problems: list[Problem],
    remotes: Iterable[str] = (),
) -> tuple[dict[str, SecretStr], set[str]]:
    """Return the secrets given, and those that cannot be called missing although they are absent.

    What is wrong with the file, a name or a value is appended to `problems`. Nothing is said of the
    names below a service that is itself `broken`: what it declares is not known.
    """
    known = allowed(services, remotes)
    values: dict[str, object] = {}
    tables = _parse(file, environment, problems)
    unsure = set(known) if tables is None else set()
    for consumer, table in (tables or {}).items():
        if not isinstance(table, dict):
            shown = _name(str(consumer))
            fix = "put it below the name of its service, like [gluetun]"
            problems.append(Problem(shown, "is not in a table", fix, file.name))
            continue
        for name, value in table.items():
            reference = f"{consumer}/{name}"
            if reference in known:
                values[reference] = value
            elif consumer not in broken:
                unsure.add(nearest(reference, known))
                problems.append(_unknown(str(consumer), str(name), known, file.name))
    for reference in known:
        if environment.get(variable(reference), "").strip():
            values[reference] = environment[variable(reference)]
    secrets: dict[str, SecretStr] = {}
    for reference, value in values.items():
        wrong = _wrong(reference, value)
        if wrong:
            from_environment = environment.get(variable(reference), "").strip()
            source = variable(reference) if from_environment else file.name
            unsure.add(reference)
            problems.append(Problem(reference.replace("/", "."), *wrong, source))
        elif str(value).strip():
            secrets[reference] = SecretStr(str(value).strip())
    return secrets, unsure


def _parse(
    file: Path, environment: Mapping[str, str], problems: list[Problem]
) -> dict[str, object] | None:
    """Return the tables of secrets.toml, {} when it is absent, None when it cannot be read."""
    try:
        with file.open("rb") as stream:
            problems.extend(_mode_problems(os.fstat(stream.fileno()), environment, file.name))
            text = stream.read().decode()
        return tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.append(
            Problem("", f"cannot be read ({error.strerror})", f"chmod 600 {file.name}", file.name)
        )
    except ValueError as error:
        # Nothing but the line number: the rest of the message may quote the file.
        line = re.search(r"at line (\d+)", str(error))
        where = f"line {line.group(1)}" if line else "its end"
        problems.append(
            Problem("", f"is not valid TOML at {where}", '[service] and name = "value"', file.name)
        )
    return None


def _mode_problems(
    status: os.stat_result, environment: Mapping[str, str], file: str
) -> list[Problem]:
    """Return what is wrong with the owner and the mode; root by sudo may read its caller's file."""
    owners = {os.geteuid()}
    if os.geteuid() == 0 and environment.get("SUDO_UID", "").isdigit():
        owners.add(int(environment["SUDO_UID"]))
    found = []
    if stat.S_IMODE(status.st_mode) & 0o177:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        found.append(Problem("", f"has mode {mode}, others can read it", f"chmod 600 {file}", file))
    if status.st_uid not in owners:
        wrong = f"belongs to uid {status.st_uid}, who can read and change it"
        found.append(Problem("", wrong, f"chown {os.geteuid()} {file}", file))
    return found


def _name(name: str) -> str:
    """Return a name if it cannot be a secret pasted in the wrong place."""
    return name if PRINTABLE_NAME.match(name) else "(a name not shown)"


def _unknown(consumer: str, name: str, known: list[str], file: str) -> Problem:
    path = f"{_name(consumer)}.{_name(name)}"
    remote = name.removesuffix("_environment")
    if consumer == "backup" and remote != name and PRINTABLE_NAME.match(name):
        wrong = f"is for a remote {remote} that is not there"
        return Problem(path, wrong, f"write [backup.remotes.{remote}], or delete it", file)
    guess = nearest(f"{consumer}/{name}", known).replace("/", ".")
    choices = ", ".join(reference.replace("/", ".") for reference in known)
    fix = f"did you mean {guess}?" if guess else f"delete it; known are {choices}"
    return Problem(path, "is a secret nothing reads", fix, file)


def _wrong(reference: str, value: object) -> tuple[str, str] | None:
    """Return what is wrong with a value and the fix, never the value."""
    if not isinstance(value, str):
        return "must be text", 'put it in quotes, like "…"'
    value = value.strip()
    key = wireguard_key.NAMES.get(reference.rpartition("/")[2])
    if value and key:
        return wireguard_key.problem(value, key)
    if not value.isprintable() or not value.isascii():
        return "holds line breaks or other control characters", "copy only the value, on one line"
    return None
