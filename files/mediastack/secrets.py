"""Every secret of the house in its place, with its owner and mode, and nowhere else.

`secrets-check` prints what secret_survey finds, `secrets-apply` mends exactly that. A secret lives
in <etc>/secrets/<service>/<name>, one copy per consumer, 0400, owned by the uid that reads it, in
directories that only root enters (containers get single files mounted). Origins: *generated* on
this host once and never overwritten, *user* from JSON on stdin, *copy* of another one. Secret
files are templates filled in; a seed is written only while absent, as the app owns it afterwards.
Nothing printed, raised or logged ever holds a value; a run killed anywhere is simply run again.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from mediastack import atomic, config, secret_files
from mediastack.secret_files import SecretError
from mediastack.secret_survey import Finding, survey

# Generated, then copied, then filled in: three passes mend everything that can be mended.
MAXIMUM_PASSES = 4


def check(
    settings: dict[str, Any], given: dict[str, str], templates: dict[str, str] | None = None
) -> list[dict[str, str]]:
    """Return [{"path","problem"}] with no value in it. Raise SecretError."""
    findings = survey(settings, given, templates)
    return [{"path": found.path, "problem": found.problem} for found in findings]


def apply(
    settings: dict[str, Any], given: dict[str, str], templates: dict[str, str] | None = None
) -> list[str]:
    """Mend what `survey` finds; return the changed paths. Raise SecretError or OSError."""
    changed: list[str] = []
    findings: list[Finding] = []
    for _ in range(MAXIMUM_PASSES):
        findings = survey(settings, given, templates)
        for found in findings:
            if found.action == "refuse":
                raise SecretError(f"{found.path}: {found.problem}")
        for found in findings:
            if found.action != "later":
                _mend(found, settings["paths"]["config"])
                changed.append(found.path)
        if not findings:
            return list(dict.fromkeys(changed))
    raise SecretError(f"{findings[0].path}: {findings[0].problem}, also after it was mended")


def unused(settings: dict[str, Any]) -> list[str]:
    """Return secret directories that no service has any more; kept, since backups hold them."""
    directory = os.path.join(settings["paths"]["etc"], "secrets")
    wanted = {spec["service"] for spec in settings["secrets"]}
    wanted |= {
        os.path.basename(os.path.dirname(file["destination"])) for file in settings["secret_files"]
    }
    if not os.path.isdir(directory):
        return []
    return sorted(
        entry.path
        for entry in os.scandir(directory)
        if entry.is_dir(follow_symlinks=False) and entry.name not in wanted
    )


def check_main(arguments: list[str]) -> int:
    """Verb `secrets-check`: print the findings as JSON. Exit 0 whatever is found: it is data."""
    return _verb("secrets-check", arguments, check)


def apply_main(arguments: list[str]) -> int:
    """Verb `secrets-apply`: mend, then print {"changed": [paths], "unused": [directories]}."""
    return _verb(
        "secrets-apply",
        arguments,
        lambda settings, given, templates: {
            "changed": apply(settings, given, templates),
            "unused": unused(settings),
        },
    )


def given_input() -> tuple[dict[str, Any] | None, dict[str, str], dict[str, str]]:
    """Return (configuration, templates by path, user values) from the JSON on stdin.

    The deploy hands over all three, so that what it predicts is what the host will be rather than
    what it is: {"config": {…}, "templates": {path: text}, "values": {"service/name": value}}. Every
    key may be absent. Raise SecretError, quoting nothing.
    """
    text = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    try:
        given = json.loads(text) if text.strip() else {}
    except ValueError:
        given = None
    if not isinstance(given, dict) or given.keys() - {"config", "templates", "values"}:
        raise SecretError('stdin: not a JSON object like {"values": {"service/name": "value"}}')
    values, templates = given.get("values", {}), given.get("templates", {})
    for table in (values, templates):
        if not isinstance(table, dict) or not all(isinstance(one, str) for one in table.values()):
            raise SecretError("stdin: values and templates must be objects of strings")
    return given.get("config"), templates, values


def _verb(verb: str, arguments: list[str], act: Callable[..., Any]) -> int:
    if arguments:
        print(f"usage: mediastack {verb} < input.json", file=sys.stderr)
        return 2
    try:
        settings, templates, values = given_input()
        print(json.dumps(act(settings or config.load(), values, templates)))
    except (SecretError, config.ConfigError) as error:
        print(f"mediastack {verb}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"mediastack {verb}: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _mend(found: Finding, config_directory: str) -> None:
    if found.action == "directory":
        secret_files.make_directory(found.path)
    elif found.action == "attributes":
        secret_files.mend_attributes(found.path, found.uid, found.gid, found.mode)
    elif found.action == "generate":
        value = secret_files.generate(found.kind).encode()
        # Somebody else's run may have been faster: then theirs is the secret.
        with contextlib.suppress(FileExistsError):
            _write(found, value, replace=False)
    elif found.action == "seed":
        secret_files.seed(
            found.path,
            found.content,
            mode=found.mode,
            uid=found.uid,
            gid=found.gid,
            below=config_directory,
        )
    else:
        _write(found, found.content)


def _write(found: Finding, content: bytes, *, replace: bool = True) -> None:
    atomic.write(
        found.path, content, mode=found.mode, uid=found.uid, gid=found.gid, replace=replace
    )
