"""restic, the only one that knows a repository's format: what it is told, and what it says.

Nothing secret is in its arguments: password, keys and the repository's place are files and
environment. A failure is a ResticError whose kind a program can decide by and whose message a user
can mend it by. What restic writes to standard error is read while it runs, so that a file that
cannot be read ends a backup before there is a snapshot of it. restic 0.12 (Ubuntu 22.04) to 0.18.

Its locks: a killed restic leaves one, which blocks the next that wants the repository for itself.
Under run_lock nobody else of this host is at work, so a lock that this host has left is stale.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from mediastack import redact
from mediastack.backup.settings import Target

CACHE = "/var/cache/mediastack/restic"
# A question is answered soon; a backup takes as long as it takes.
QUESTION_SECONDS = 300.0
WORK_SECONDS = 24 * 3600.0
LONGEST_MESSAGE = 400
VANISHED = re.compile(r"no such file or directory", re.IGNORECASE)
KINDS = (
    ("password", re.compile(r"wrong password|no key found", re.IGNORECASE)),
    ("absent", re.compile(r"unable to open config file|repository does not exist|Is there a repos"
                          r"itory at the following location", re.IGNORECASE)),
    ("locked", re.compile(r"already locked|unable to create lock", re.IGNORECASE)),
    ("full", re.compile(r"no space left|disk quota exceeded", re.IGNORECASE)),
    ("read-only", re.compile(r"read-only file system|permission denied|forbidden|403", re.I)),
    ("unreachable", re.compile(r"connection (refused|reset)|no route to host|timed? ?out|no such ho"
                               r"st|could not resolve|unreachable|subprocess ssh", re.IGNORECASE)),
    ("damaged", re.compile(r"ciphertext verification failed|hash mismatch|does not match|invalid d"
                           r"ata|not found in (index|repository)|unexpected EOF", re.IGNORECASE)),
)  # fmt: skip
FIXES = {
    "password": "the password is another repository's; see docs/backup.md, Password",
    "absent": "there is no repository; is its disk mounted, its address right?",
    "locked": "another host is at work in it; try again later",
    "full": "make room there, or let less be kept: backup.keep_*",
    "read-only": "let this host write there",
    "unreachable": "is it switched on, its address right? It is tried again",
    "damaged": "do not use it for a restore; see docs/backup.md, A damaged repository",
    "missing": "run the deploy; it installs restic",
}


class ResticError(Exception):
    """restic could not do it. `kind`: a key of FIXES, "unreadable" (a file to back up) or
    "other"; `code` is its exit code."""

    def __init__(self, kind: str, message: str, code: int = 1) -> None:
        self.kind, self.code = kind, code
        super().__init__(f"{message}; fix: {FIXES[kind]}" if kind in FIXES else message)


class Answer(NamedTuple):
    """What it wrote: JSON objects of standard output (else lines), lines of standard error."""

    objects: list[dict[str, Any]]
    errors: list[str]


def environment(target: Target) -> dict[str, str]:
    """Return what restic finds in its environment. Raise ResticError when it cannot be read."""
    found = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    found |= {"RESTIC_PASSWORD_FILE": target.password_file, "RESTIC_CACHE_DIR": CACHE,
              "RESTIC_PROGRESS_FPS": "0.1"}  # fmt: skip
    if target.repository:
        found["RESTIC_REPOSITORY"] = target.repository
    try:
        with open(target.environment_file, encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise ResticError("other", f"{target.environment_file}: {error.strerror}") from error
    for word in text.split():
        name, separator, value = word.partition("=")
        if not separator or not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            raise ResticError(
                "other",
                f"{target.environment_file}: is not NAME=value NAME=value …; fix: mend "
                f"{target.name}_environment below [backup] in secrets.toml and deploy",
            )
        found[name] = value
    if "RESTIC_REPOSITORY" not in found:
        raise ResticError(
            "other",
            f"{target.name} has no repository; fix: backup.remotes.{target.name}.repository",
        )
    return found


def run(
    target: Target,
    arguments: Sequence[str],
    *,
    seconds: float = QUESTION_SECONDS,
    tolerated: Iterable[int] = (),
    on_error: Callable[[str], bool] | None = None,
    cwd: str | None = None,
    limit_to: Sequence[str] = (),
) -> Answer:
    """Run `restic ARGUMENTS --json` and return what it said; `tolerated` are further exit codes
    that are fine. `on_error` hears each line of standard error as it comes and may say True: end
    now. `limit_to`: words before it (such as nice). Raise ResticError.
    """
    command = [*limit_to, "restic", "--json", *arguments]
    try:
        process = subprocess.Popen(
            command,
            env=environment(target),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ResticError("missing", f"restic: {error.strerror}") from error
    output: list[str] = []
    reader = threading.Thread(target=lambda: output.extend(process.stdout or ()), daemon=True)
    timer = threading.Timer(seconds, process.kill)
    reader.start()
    timer.start()
    errors, ended = [], False
    try:
        for line in process.stderr or ():
            errors.append(line.rstrip())
            if on_error is not None and not ended and on_error(errors[-1]):
                ended = True
                process.send_signal(signal.SIGINT)
        code = process.wait()
        reader.join()
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
    if ended:
        raise ResticError("unreadable", said(errors) or "a file cannot be read", code)
    if code not in (0, *tolerated):
        raise failure(target, errors or output, code)
    return Answer(_objects(output), errors)


def failure(target: Target, lines: Iterable[str], code: int) -> ResticError:
    """Return what restic's words and exit code mean (10 no repository, 11 locked, 12 password:
    restic 0.17's)."""
    text = said(lines)
    by_code = {10: "absent", 11: "locked", 12: "password", -9: "unreachable"}.get(code)
    kind = by_code or next((name for name, words in KINDS if words.search(text)), "other")
    return ResticError(kind, f"{target.name}: {text or f'restic ended with {code}'}", code)


def said(lines: Iterable[str]) -> str:
    """Return the last words of standard error on one line, without what may be a password."""
    words = [word for word in map(_words, lines) if word]
    return next(redact.text(["; ".join(words[-3:])]))[-LONGEST_MESSAGE:]


def _words(line: str) -> str:
    """What a line says, whether it is text or JSON."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if isinstance(found, dict):
        inner = found.get("error")
        inner = inner.get("message") if isinstance(inner, dict) else inner
        item = f"{found['item']}: " if found.get("item") else ""
        line = f"{item}{found.get('message') or inner or ''}"
    return line.strip().removeprefix("Fatal: ")


def _objects(lines: Iterable[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in lines:
        with contextlib.suppress(ValueError):
            value = json.loads(line)
            found += [one for one in (value if isinstance(value, list) else [value])
                      if isinstance(one, dict)]  # fmt: skip
    return found
