"""Distribution packages: which are missing, and installing them in one go.

apt-get update runs only when something is missing, so an unchanged host is never touched; a
half-finished dpkg run of somebody killed is completed first; another apt is waited for. What apt is
about to add, dependencies included, is noted first for an uninstall (see before.py).
"""

import json
import os
import subprocess
import urllib.request
from typing import Any

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


def check(spec: "dict[str, Any]") -> "list[dict[str, str]]":
    """The packages that are not installed."""
    return [{"path": name, "problem": "not installed"} for name in missing(spec["packages"])]


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
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wanted = missing(spec["packages"])
    if not wanted:
        return []
    if spec["repository"]:
        note(spec["before"], [], [spec["repository"][one] for one in ("key", "source")])
        add_repository(spec["repository"])
    subprocess.run(["dpkg", "--configure", "-a"], check=True, env=environment)
    subprocess.run([*APT, "-qq", "update"], check=True, env=environment)
    note(spec["before"], coming(wanted), [])
    subprocess.run(
        [*APT, "-qq", "install", "-y", "--no-install-recommends", *wanted],
        check=True,
        env=environment,
    )
    return wanted
