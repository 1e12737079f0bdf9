"""Debian root file systems, made by mmdebstrap and imported as images.

Two are needed: the box (a fresh Debian server, deliberately without Docker: the deploy must install
it) and the base of the stand-ins. mmdebstrap writes a tar straight into `docker import`, so nothing
half-built stays behind when a run is killed. The image's tag is the hash of its recipe.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sandbox import names, progress, recipe
from sandbox.command import SandboxError, run

SUITES = ("trixie", "bookworm")
BOX_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "sudo", "iproute2",
    "ca-certificates",
)  # fmt: skip
BASE_PACKAGES = (
    "python3", "python3-yaml", "curl", "busybox", "passwd", "iproute2", "procps", "util-linux",
)  # fmt: skip
# Stand-ins have no reader for manuals; the box keeps what a server has.
BASE_OPTIONS = tuple(
    f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "doc", "locale", "info")
)


def box(suite: str = "trixie") -> str:
    """The image tag of a fresh server of `suite`, built when missing. Raises SandboxError."""
    if suite not in SUITES:
        raise SandboxError(f"suite {suite}: not known; fix: one of {', '.join(SUITES)}")
    return _image(f"root-{suite}", suite, BOX_PACKAGES, ())


def base() -> str:
    """The image tag of the stand-ins' base, built when missing. Raises SandboxError."""
    return _image("base", "trixie", BASE_PACKAGES, BASE_OPTIONS)


def clear() -> None:
    """Remove what a killed build left behind. Only under the sandbox's lock."""
    run(["rm", "-rf", "--one-file-system", names.BUILD_DIRECTORY])


def _image(name: str, suite: str, packages: Sequence[str], options: Sequence[str]) -> str:
    version = recipe.digest(suite, list(packages), list(options))
    tag = f"{names.IMAGE_PREFIX}/{name}:{version}"
    if not recipe.exists(tag):
        with progress.step(f"building a Debian root file system ({name}, {suite})"):
            _import(tag, suite, packages, options)
    return tag


def _import(tag: str, suite: str, packages: Sequence[str], options: Sequence[str]) -> None:
    arguments = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}"]
    Path(names.BUILD_DIRECTORY).mkdir(mode=0o755, parents=True, exist_ok=True)
    label = f"LABEL {names.LABEL}=true"
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [*arguments, *options, suite, "-"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "LC_ALL": "C.UTF-8", "TMPDIR": names.BUILD_DIRECTORY},
        ) as builder,
    ):
        # The tag is given only after both ended well: a truncated import must not be reused.
        result = subprocess.run(
            ["docker", "import", "--change", label, "-"],
            check=False,
            stdin=builder.stdout,
            capture_output=True,
            text=True,
        )
        if builder.stdout:
            builder.stdout.close()
        builder.wait()
        log.seek(0)
        errors = log.read().decode(errors="replace")
    if builder.returncode != 0:
        tail = "\n".join(errors.strip().splitlines()[-10:])
        raise SandboxError(f"mmdebstrap {suite} ended with {builder.returncode}:\n{tail}")
    if result.returncode != 0:
        raise SandboxError(f"docker import failed: {result.stderr.strip()}")
    subprocess.run(["docker", "tag", result.stdout.strip(), tag], check=True)
