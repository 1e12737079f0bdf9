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
# In this order: what cannot be reached is called absent by restic as well.
WORDS = {
    "password": ("wrong password", "no key found"),
    "unreachable": (
        *("connection (refused|reset)", "no route to host", "timed? ?out", "no such host"),
        *("could not resolve", "unreachable", "subprocess ssh", "didn't find section in config"),
    ),
    "full": ("no space left", "disk quota exceeded"),
    "read-only": (
        *("read-only file system", "permission denied", "operation not permitted"),
        *("forbidden", r"\b403\b"),
    ),
    "absent": (
        *("unable to open config file", "repository does not exist"),
        "Is there a repository at the following location",
    ),
    "locked": ("already locked", "unable to create lock"),
    "damaged": (
        *("ciphertext verification failed", "hash mismatch", "does not match", "invalid data"),
        *("not found in (index|repository)", "unexpected EOF", "contains errors"),
    ),
}
KINDS = [(kind, re.compile("|".join(words), re.IGNORECASE)) for kind, words in WORDS.items()]
# What restic tries again although it cannot become better soon, and what only might: a repository
# that cannot be opened for the third time is tried again by us, later.
RETRIED = re.compile(r"returned error, retrying")
OPENING = re.compile(r"(Stat|Load|List)\(<?(config|key)")
HOPELESS = ("read-only", "full")
OPENING_TRIES = 3
ENDING_SECONDS = 20.0
WATCH_SECONDS = 1.0
LAST_LINES = 20
# Before each command: with SIGKILL, since a signal that restic heeds may wait for the network.
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
NOT_FOUND = 127
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
        known = kind in FIXES and "; fix: " not in message
        super().__init__(f"{message}; fix: {FIXES[kind]}" if known else message)


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
    is_full: Callable[[], bool] | None = None,
) -> Answer:
    """Run `restic ARGUMENTS --json` and return what it said; `tolerated` are further exit codes
    that are fine. `on_error` hears each line of standard error as it comes and may say True: end
    now; `is_full` is asked every second, and ends it too. `limit_to`: words before it (such as
    nice). Raise ResticError.
    """
    command = [*DIES_WITH_US, *limit_to, "restic", "--json", *arguments]
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
    errors: list[str] = []
    ended, last = "", ""
    over, full = threading.Event(), threading.Event()
    if is_full is not None:
        threading.Thread(target=_watch, args=(process, is_full, over, full), daemon=True).start()
    try:
        for line in process.stderr or ():
            errors.append(line.rstrip())
            if not ended and (ended := _hopeless(errors, on_error)):
                last = errors[-1]
                process.send_signal(signal.SIGINT)
                timer.cancel()
                timer = threading.Timer(ENDING_SECONDS, process.kill)
                timer.start()
        code = process.wait()
        reader.join()
    finally:
        over.set()
        timer.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
    # What it says after that is of its end, not of what was wrong.
    if ended == "unreadable":
        raise ResticError(ended, said([last]) or "a file cannot be read", code)
    if ended:
        raise failure(target, [last], 1)
    if full.is_set() and code:
        raise ResticError("full", f"{target.name}: ended, as its disk is nearly full", code)
    if code == NOT_FOUND:
        raise ResticError("missing", said(errors) or "restic: is not there", code)
    if code not in (0, *tolerated):
        raise failure(target, errors or output, code)
    return Answer(_objects(output), errors)


def _watch(
    process: subprocess.Popen[str],
    is_full: Callable[[], bool],
    over: threading.Event,
    full: threading.Event,
) -> None:
    while not over.wait(WATCH_SECONDS):
        if is_full():
            full.set()
            process.send_signal(signal.SIGINT)
            if not over.wait(ENDING_SECONDS):
                process.kill()
            return


def _hopeless(errors: list[str], on_error: Callable[[str], bool] | None) -> str:
    """Return why to end restic after its last word, "" to let it go on."""
    if on_error is not None and on_error(errors[-1]):
        return "unreadable"
    if not RETRIED.search(errors[-1]):
        return ""
    kind = kind_of(errors[-1])
    opening = [line for line in errors if RETRIED.search(line) and OPENING.search(line)]
    return "retried" if kind in HOPELESS or len(opening) >= OPENING_TRIES else ""


def failure(target: Target, lines: Iterable[str], code: int) -> ResticError:
    """Return what restic's words and exit code mean (10 no repository, 11 locked, 12 password:
    restic 0.17's)."""
    lines = list(lines)[-LAST_LINES:]
    text = said(lines)
    by_code = {10: "absent", 11: "locked", 12: "password", -9: "unreachable"}.get(code)
    kind = by_code or kind_of("\n".join(lines))
    return ResticError(kind, f"{target.name}: {text or f'restic ended with {code}'}", code)


def kind_of(text: str) -> str:
    """Return the kind of trouble that these words of restic's tell of."""
    return next((name for name, words in KINDS if words.search(text)), "other")


def said(lines: Iterable[str]) -> str:
    """Return the last words of standard error on one line, without what may be a password."""
    words = [word for word in map(_words, lines) if word]
    return next(redact.text(["; ".join(words[-3:])]))[-LONGEST_MESSAGE:].strip()


def _words(line: str) -> str:
    """What a line says, whether it is text or JSON."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if isinstance(found, dict):
        inner = found.get("error")
        if isinstance(inner, dict):
            # Before 0.16 it was a number alone.
            number = inner.get("Err")
            known = os.strerror(number) if isinstance(number, int) else ""
            inner = inner.get("message") or known
        item = f"{found['item']}: " if found.get("item") else ""
        line = f"{item}{found.get('message') or inner or ''}"
    return "; ".join(line.strip().removeprefix("Fatal: ").splitlines())


def _objects(lines: Iterable[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in lines:
        with contextlib.suppress(ValueError):
            value = json.loads(line)
            found += [one for one in (value if isinstance(value, list) else [value])
                      if isinstance(one, dict)]  # fmt: skip
    return found
