"""A frozen copy of this checkout: what a check deploys does not change under its hands.

Two deploys of one check must be of the same sources, also while somebody edits them; and a fault is
planted in a copy, never in the sources. Keys, boxes, wheels and the virtual environment stay where
they are and are linked.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sandbox.state import ROOT

LINKED = (".sandbox", ".cache", ".venv")
# The user's own hosts, settings and secrets stay out: a check deploys to its box and nowhere else.
OWN = ("inventory.local.py", "settings.local.toml", "secrets.toml")
LEFT_OUT = (*OWN, ".git", ".*_cache", ".hypothesis", "__pycache__", "results", *LINKED)


@contextlib.contextmanager
def frozen(source: Path = ROOT) -> Iterator[Path]:
    """A copy of `source` for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="mediastack-check-") as directory:
        yield copy(source, Path(directory) / "checkout")


def copy(source: Path, target: Path) -> Path:
    """Copy a checkout's own files to `target` and link the rest; return `target`."""
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in LINKED:
        if (source / name).exists():
            (target / name).symlink_to((source / name).resolve())
    return target


def edit(checkout: Path, path: str, old: str, new: str) -> None:
    """Replace `old`, which must be there, in one file of a copy. Raise ValueError."""
    file = checkout / path
    text = file.read_text(encoding="utf-8")
    if old not in text:
        raise ValueError(f"{path} has no {old!r} to replace: the planted fault needs an update")
    file.write_text(text.replace(old, new), encoding="utf-8")
