"""A house for tests that need a repository: an empty one, which restic takes seconds to make, is
made once and copied."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PASSWORD = "a password of its own"  # noqa: S105 - of a test's repository


def place(path: Path | str) -> None:
    """Put an empty repository there: what `restic init` would make."""
    shutil.copytree(_empty(), path)


@functools.cache
def _empty() -> str:
    directory = tempfile.mkdtemp(prefix="repository-house-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    path = f"{directory}/restic"
    environment = {**os.environ, "RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": path}
    subprocess.run(
        ["restic", "--no-cache", "init"], env=environment, check=True, capture_output=True
    )
    return path
