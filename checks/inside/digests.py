"""The content of files as a hash; None for one that is not there (or is no plain file)."""

import hashlib
import os


def main(paths: "list[str]") -> "dict[str, str | None]":
    found: dict[str, str | None] = {}
    for path in paths:
        found[path] = None
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb") as handle:
                found[path] = hashlib.sha256(handle.read()).hexdigest()
    return found
