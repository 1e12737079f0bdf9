"""What a box is after a deploy, as one hash: read by the checks' program, not by our deploy.

The same recipe by another way ends in the same files (owner, mode, content), containers (image,
labels, networks, mounts), units, packages and networks. Left out is what no two deploys of a fresh
host share: generated secrets keep owner and mode but not their content, and the image lock carries
the time of its writing.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from benchmarks.contestants import BenchError
from sandbox import box as sandbox_box
from sandbox.command import run
from sandbox.state import ROOT, Box

PROGRAM = ROOT / "checks" / "inside" / "managed.py"
FOOTER = "\nprint(json.dumps(main()['state']))\n"
SECRETS = "/etc/mediastack/secrets/"
NEVER_ALIKE = "/var/lib/mediastack/images.lock"
ATTRIBUTES = 3  # mode, user, group


def comparable(state: dict[str, Any]) -> dict[str, Any]:
    """A state less what two deploys of a fresh host cannot share."""
    files = {
        path: entry[:ATTRIBUTES] if path.startswith(SECRETS) or path == NEVER_ALIKE else entry
        for path, entry in state["files"].items()
    }
    return {**state, "files": files}


def read(box: Box) -> dict[str, Any]:
    """The comparable state of a box. Raise SandboxError."""
    source = PROGRAM.read_text(encoding="utf-8") + FOOTER
    said = run([*sandbox_box.ssh_arguments(box), "python3 -"], text_input=source)
    return comparable(json.loads(said.stdout))


def digest(state: dict[str, Any]) -> str:
    """A short hash of a state."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Every key of two states whose values are not equal, with both values."""
    found = []
    for part in sorted(one.keys() | other.keys()):
        first, second = one.get(part, {}), other.get(part, {})
        if not isinstance(first, dict) or not isinstance(second, dict):
            first, second = {"": first}, {"": second}
        found += [
            f"{part} {key}: {first.get(key)} | {second.get(key)}"
            for key in sorted(first.keys() | second.keys())
            if first.get(key) != second.get(key)
        ]
    return found


def require_managed(state: dict[str, Any]) -> dict[str, Any]:
    """The state, when there is something to compare. Raise BenchError: two ruins are alike too."""
    if not state["containers"] or "/opt/mediastack/venv" not in state["files"]:
        raise BenchError("the box has no containers or no programs: nothing to compare")
    return state
