"""Recipe hashes: an image is built again exactly when what it is made of has changed."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox import names
from sandbox.command import run

Files = Mapping[str, tuple[bytes, int]]
"""Path relative to the root of the image -> (content, mode)."""


def digest(*parts: object) -> str:
    """A short hash over plain values (bytes are hashed as they are)."""
    total = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        total.update(len(content).to_bytes(8, "big") + content)
    return total.hexdigest()[:16]


def files_digest(files: Files) -> str:
    """A short hash over files with their names and modes."""
    return digest(*[part for path in sorted(files) for part in (path, *files[path])])


def image_id(tag: str) -> str:
    """The id of the image with this tag, "" when the engine has none."""
    shown = run(["docker", "image", "inspect", "--format", "{{.Id}}", tag], check=False)
    return shown.stdout.strip()


def exists(tag: str) -> bool:
    """True when the engine has an image with this tag."""
    return image_id(tag) != ""


def build(
    tag: str,
    dockerfile: str,
    files: Files,
    *,
    links: Mapping[str, str] | None = None,
    directories: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    network: str = "none",
) -> None:
    """Build `tag` from `dockerfile`, with `files`, `links` (path -> target) and `directories`.

    All of them lie in the context's directory `root/`, to be copied by `COPY root/ /`. `network` is
    what its RUN lines see: none, or the sandbox's own way out (never the engine's default bridge,
    which is not ours to rely on). The image that had `tag` before is removed when nothing uses it.
    Raises SandboxError when the build fails.
    """
    Path(names.BUILD_DIRECTORY).mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=names.BUILD_DIRECTORY) as directory:
        root = Path(directory) / "root"
        root.mkdir(mode=0o755)
        for path in directories:
            (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        for path, (content, mode) in files.items():
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod(mode)
        for path, destination in (links or {}).items():
            link = root / path.lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(destination)
        (Path(directory) / "Dockerfile").write_text(dockerfile, encoding="utf-8")
        label_arguments = [*names.LABEL_ARGUMENTS]
        for key, value in (labels or {}).items():
            label_arguments += ["--label", f"{key}={value}"]
        # The classic builder is the one that every engine has; BuildKit needs a plugin.
        builder = ["env", "DOCKER_BUILDKIT=0", "docker", "build", "--quiet", "--force-rm"]
        before = image_id(tag)
        run([*builder, "--network", network, "--tag", tag, *label_arguments, directory])
        if before and before != image_id(tag):
            run(["docker", "image", "rm", before], check=False)
