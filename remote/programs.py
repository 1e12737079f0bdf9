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
        return [{"path": path, "problem": "left by a killed run"} for path in leftovers(spec)]
    return [{"path": link, "problem": f"is not {name}"}]


def leftovers(spec: "dict[str, Any]") -> "list[str]":
    """Other environments, and a link that was not swapped."""
    program = spec["program"]
    names = os.listdir(program) if os.path.isdir(program) else []
    keep = wanted_name(spec)
    return [
        os.path.join(program, name)
        for name in sorted(names)
        if name == "venv.new" or (name.startswith("venv-") and name != keep)
    ]


def apply(spec: "dict[str, Any]") -> "list[str]":
    """Build, swap, tidy: only what the check names."""
    problems = check(spec)
    link = os.path.join(spec["program"], "venv")
    if any(one["path"] == link for one in problems):
        build(spec)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{link}.new")  # of a run that was killed here
        os.symlink(wanted_name(spec), f"{link}.new")
        os.replace(f"{link}.new", link)
        sync(spec["program"])
    for path in leftovers(spec):
        if os.path.islink(path):
            os.unlink(path)
        else:
            shutil.rmtree(path, ignore_errors=True)
    return [one["path"] for one in problems]


def build(spec: "dict[str, Any]") -> None:
    """Make the environment; what a killed run left of it goes first."""
    target = os.path.join(spec["program"], wanted_name(spec))
    # The mark first: a removal that is killed must not leave a finished one behind.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{target}/complete")
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", target], check=True)
    pip = [f"{target}/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    install = ["install", "--no-index", "--find-links", spec["wheels"], "--require-hashes"]
    subprocess.run([*pip, *install, "-r", spec["lock"]], check=True)
    # Only a finished environment carries this file: after a power cut too, so all the rest is on
    # the disk before. Only this file system: a download disk may have minutes of it to write.
    subprocess.run(["sync", "--file-system", target], check=True)
    with open(f"{target}/complete", "w", encoding="utf-8"):
        pass
    sync(target)


def sync(directory: str) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
