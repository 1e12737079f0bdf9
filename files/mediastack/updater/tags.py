"""The newest version within the present major, from the registry's own list of tags.

What's Up Docker names only the highest tag that fits: once a new major is out, which is the user's
to take, it would hide every later version of the present one. Only then the registry is asked, by
skopeo, which knows how each of them wants to be asked.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Collection, Iterable, Sequence

from mediastack import image_lock
from mediastack.updater import policy
from mediastack.updater.house import Trouble

# Thousands of tags come page by page.
SECONDS = 120.0

Run = Callable[[Sequence[str]], str]


def newest_of_major(tags: Iterable[str], current: str, pattern: str) -> str:
    """Return the highest of `tags` that `pattern` allows and that is no new major, "" for none."""
    best = current
    for tag in tags:
        allowed = re.fullmatch(pattern or re.escape(current), tag)
        if allowed and policy.kind(current, tag) in ("minor", "patch"):
            best = tag if image_lock.is_newer(tag, best) else best
    return "" if best == current else best


def of(repository: str, insecure: Collection[str] = (), *, run: Run | None = None) -> list[str]:
    """Return all tags of a repository ("registry/path"). `insecure`: registries without TLS.

    Raise Trouble: "gone" when the registry does not know it, else "passing".
    """
    plain = repository.partition("/")[0] in insecure
    options = ["--tls-verify=false"] if plain else []
    text = (run or _run)(["skopeo", "list-tags", *options, "--", f"docker://{repository}"])
    try:
        found = json.loads(text)["Tags"]
    except (ValueError, KeyError, TypeError) as error:
        raise Trouble("passing", f"{repository}: its list of tags cannot be read") from error
    return [tag for tag in found if isinstance(tag, str)] if isinstance(found, list) else []


def _run(arguments: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Trouble("passing", f"{arguments[-1]}: no list of tags in {SECONDS:.0f} s") from error
    except OSError as error:
        raise Trouble("passing", f"skopeo: {error.strerror}; fix: run the deploy") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no list of tags"]
        kind = "gone" if "404" in lines[-1] else "passing"
        raise Trouble(kind, f"{arguments[-1]}: {lines[-1][-300:]}")
    return done.stdout
