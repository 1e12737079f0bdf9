"""Judge what strace saw of a deploy: no secret readable by others, not for an instant.

One file per thread (strace -ff), paths beside descriptors (-y). A file is guarded when it lies
below the secrets directory or when a secret was written into it, under whatever name. A guarded
path may never be created or given a mode with a bit for group or others; a secret may be written
to nothing but guarded places; and no program may be started with one in its arguments or
environment.
"""

import glob
import re

SECRETS = "/etc/mediastack/secrets"
CONFIG = "/srv/mediastack/config/"
CREATED = re.compile(r'^(?:open|openat|creat)\(.*?"(.*?)".*?(0\d*)\) = \d+<(.*)>$')
MADE = re.compile(r'^mkdir(?:at)?\((?:[^,]*?<(.*?)>, )?"(.*?)", (0\d*)\) = 0')
CHANGED = re.compile(r'^f?chmod(?:at2?)?\((?:\w+<([^>]*)>)?(?:, )?(?:"(.*?)", )?(0\d*)')
WRITTEN = re.compile(r"^p?write(?:64)?\(\d+<(.*?)>, ")


def path_of(directory: "str | None", name: "str | None") -> str:
    if not name:
        return directory or ""
    return name if name.startswith("/") or not directory else f"{directory}/{name}"


def lines(prefix: str) -> "list[str]":
    found: list[str] = []
    for path in sorted(glob.glob(f"{prefix}*")):
        with open(path, encoding="utf-8", errors="replace") as handle:
            found += handle.read().splitlines()
    return found


def carriers(seen: "list[str]", forms: "dict[str, str]") -> "dict[str, set[str]]":
    """Real files into which a secret was written, and which."""
    found: dict[str, set[str]] = {}
    for line in seen:
        match = WRITTEN.match(line)
        if match and match.group(1).startswith("/") and not match.group(1).startswith("/dev/"):
            names = {name for form, name in forms.items() if form in line}
            if names:
                found.setdefault(match.group(1), set()).update(names)
    return found


def judge(seen: "list[str]", guarded: "set[str]") -> "list[list[str]]":
    """[what, path, mode] of every guarded path that others could have read."""
    found = []
    for line in seen:
        if match := CREATED.match(line):
            what, path, mode = "created", match.group(3), match.group(2)
            if "O_CREAT" not in line and not line.startswith("creat"):
                continue
        elif match := MADE.match(line):
            what, path, mode = "made", path_of(match.group(1), match.group(2)), match.group(3)
        elif match := CHANGED.match(line):
            what, path, mode = "changed", path_of(match.group(1), match.group(2)), match.group(3)
        else:
            continue
        # Also its neighbour that the check itself makes, to see that it would see.
        inside = path in (SECRETS, f"{SECRETS}-control") or path.startswith(f"{SECRETS}/")
        if (inside or path in guarded) and int(mode, 8) & 0o077:
            found.append([what, path, mode])
    return found


def main(prefix: str, forms: "dict[str, str]") -> "dict[str, object]":
    seen = lines(prefix)
    carrying = carriers(seen, forms)
    started = [line for line in seen if line.startswith("execve(")]
    return {
        "lines": len(seen),
        "programs": len(started),
        "wide": judge(seen, set(carrying)),
        "carriers": {path: sorted(names) for path, names in carrying.items()},
        "elsewhere": sorted(p for p in carrying if not p.startswith((f"{SECRETS}/", CONFIG))),
        "arguments": sorted(
            {name for line in started for form, name in forms.items() if form in line}
        ),
    }
