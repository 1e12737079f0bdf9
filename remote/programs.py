"""The host programs' virtual environment, installed offline from the wheels the deploy placed.

The environment's directory carries the hash of its lock file; it is built beside the old one and
a link is swapped, so there is never a half-built one in use. A new Python on the host (after a
distribution upgrade) makes it differ as well.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from typing import Any

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def wanted_name(spec: "dict[str, Any]") -> str:
    return f"venv-{spec['lock_hash'][:12]}-python{VERSION}"


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """Whether the link points to a finished environment of this lock and this Python."""
    link = os.path.join(spec["program"], "venv")
    name = wanted_name(spec)
    if os.path.islink(link) and os.readlink(link) == name and os.path.isfile(f"{link}/complete"):
        return []
    return [{"path": link, "problem": f"is not {name}"}]


def apply(spec: "dict[str, Any]") -> "list[str]":
    """Build, swap, tidy."""
    if not check(spec):
        return []
    program, name = spec["program"], wanted_name(spec)
    target = os.path.join(program, name)
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", target], check=True)
    pip = [f"{target}/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    install = ["install", "--no-index", "--find-links", spec["wheels"], "--require-hashes"]
    subprocess.run([*pip, *install, "-r", spec["lock"]], check=True)
    # Only a finished environment carries this file.
    with open(f"{target}/complete", "w", encoding="utf-8"):
        pass
    link = os.path.join(program, "venv")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{link}.new")  # of a run that was killed here
    os.symlink(name, f"{link}.new")
    os.replace(f"{link}.new", link)
    for other in os.listdir(program):
        if other.startswith("venv-") and other != name:
            shutil.rmtree(os.path.join(program, other), ignore_errors=True)
    return [name]
