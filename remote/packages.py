"""Distribution packages: which are missing, and installing them in one go.

apt-get update runs only when something is missing, so an unchanged host is never touched; another
apt or dpkg is waited for. What a killed dpkg left half done is finished first, and is a difference
also when it is no package of ours but one that ours depend on. What apt is about to add,
dependencies included, is noted first for an uninstall (see before.py). What apt says goes to a
file: with the connection cut, writing to it would be the end of dpkg in the middle of a package.
"""

import fcntl
import json
import os
import struct
import subprocess
import tempfile
import time
import urllib.request
from typing import Any

# apt waits for the first two of its locks by itself, dpkg for none.
LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock")
LOCK_WAIT_SECONDS = 600.0
LOCK_POLL_SECONDS = 0.5
DONE = ("installed", "config-files", "not-installed")
OUTPUT_LINES = 12
APT = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]


def missing(names: "list[str]") -> "list[str]":
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
        capture_output=True,
        text=True,
        check=False,  # exits 1 when a name is unknown, which is an answer
    )
    installed = {
        line.split()[0] for line in query.stdout.splitlines() if line.endswith(" installed")
    }
    return [name for name in names if name not in installed]


def half_done(names: "list[str]") -> "list[str]":
    """Packages that these need and that a killed dpkg left in the middle."""
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in query.stdout.splitlines() if line]
    half = {name for name, status in lines if status not in DONE}
    if not half:
        return []
    # Rare, and takes its time. Somebody else's broken package is no business of ours.
    options = ["--recurse", "--no-suggests", "--no-recommends", "--no-conflicts", "--no-breaks"]
    needed = subprocess.run(
        ["apt-cache", "depends", *options, "--no-replaces", "--no-enhances", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = {line.strip() for line in needed.stdout.splitlines() if line[:1].strip()}
    return sorted(half & ours - set(names))


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """The packages that are not installed, or half."""
    names = spec["packages"]
    found = [{"path": name, "problem": "not installed"} for name in missing(names)]
    half = [{"path": name, "problem": "half installed"} for name in half_done(names)]
    return [*found, *half]


def holder(path: str) -> int:
    """The process that holds a lock of dpkg's kind (fcntl), 0 when nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        # struct flock: type, whence, start, length, pid.
        asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, *_, pid = struct.unpack("hhqqi", fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    return 0 if kind == fcntl.F_UNLCK else int(pid)


def wait_for_locks(locks: "tuple[str, ...]" = LOCKS, wait: float = LOCK_WAIT_SECONDS) -> None:
    """Return when nobody else installs. Raise OSError that names who does for too long."""
    deadline = time.monotonic() + wait
    while held := [(path, pid) for path in locks if (pid := holder(path))]:
        if time.monotonic() >= deadline:
            path, pid = held[0]
            raise OSError(
                f"{path} is held by {command_of(pid)} (pid {pid}); waited {wait:.0f} s;"
                " fix: run the deploy again when it is done"
            )
        time.sleep(LOCK_POLL_SECONDS)


def command_of(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as handle:
            return handle.read().strip()
    except OSError:
        return "another program"


def run(command: "list[str]") -> None:
    """Run it when nobody else installs. Raise OSError with its last lines when it fails."""
    wait_for_locks()
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            command,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        if done.returncode == 0:
            return
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()[-OUTPUT_LINES:]
    text = "\n".join(lines)
    raise OSError(f"`{' '.join(command)}` ended with {done.returncode}:\n{text}")


def add_repository(repository: "dict[str, str]") -> None:
    """Docker's own repository: its key first, then the source that names the key."""
    os.makedirs(os.path.dirname(repository["key"]), mode=0o755, exist_ok=True)
    if not os.path.exists(repository["key"]):
        try:
            with urllib.request.urlopen(repository["key_url"], timeout=30) as answer:  # noqa: S310
                key = answer.read()
        except OSError as error:
            raise OSError(
                f"cannot fetch {repository['key_url']} ({error}); this release has no Docker that"
                " is new enough of its own; fix: give the host a way there, or use a newer release"
            ) from error
        # Renamed into place: half a key would be taken for a whole one for ever after.
        with open(f"{repository['key']}.new", "wb") as handle:
            handle.write(key)
        os.chmod(f"{repository['key']}.new", 0o644)
        os.replace(f"{repository['key']}.new", repository["key"])
    with open(repository["source"], "w", encoding="utf-8") as handle:
        handle.write(repository["text"])


def coming(names: "list[str]") -> "list[str]":
    """What an installation would add that is not there now, in apt's own words."""
    said = subprocess.run(
        [*APT, "-s", "install", "-y", "--no-install-recommends", *names],
        capture_output=True,
        text=True,
        check=True,
    )
    found = [line.split() for line in said.stdout.splitlines() if line.startswith("Inst ")]
    # "Inst name [old version] (new version …)": with an old one it is an upgrade.
    return [words[1] for words in found if not words[2].startswith("[")]


def note(path: str, names: "list[str]", files: "list[str]") -> None:
    """Add packages and files to the note of what was not there; a host without it gets none."""
    try:
        with open(path, encoding="utf-8") as handle:
            before = json.load(handle)
    except (FileNotFoundError, ValueError):
        return
    before["packages"] = sorted({*before.get("packages", []), *names})
    absent = [one for one in files if not os.path.exists(one)]
    before["repository"] = sorted({*before.get("repository", []), *absent})
    with open(f"{path}.new", "w", encoding="utf-8") as handle:
        json.dump(before, handle, indent=1, sort_keys=True)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(f"{path}.new", path)


def apply(spec: "dict[str, Any]") -> "list[str]":
    """Install what is missing; services of new packages start with the configuration in place."""
    problems = check(spec)
    if not problems:
        return []
    wanted = missing(spec["packages"])
    if wanted and spec["repository"]:
        note(spec["before"], [], [spec["repository"][one] for one in ("key", "source")])
        add_repository(spec["repository"])
    # Unpacked ones are configured, then what was only half unpacked is fetched again.
    run(["dpkg", "--configure", "-a"])
    if wanted or half_done(spec["packages"]):
        run([*APT, "-qq", "update"])
        run([*APT, "-qq", "install", "-y", "--fix-broken", "--no-install-recommends"])
    wanted = missing(spec["packages"])
    if wanted:
        note(spec["before"], coming(wanted), [])
        run([*APT, "-qq", "install", "-y", "--no-install-recommends", *wanted])
    return [one["path"] for one in problems]
