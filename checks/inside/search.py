"""Where do these texts occur: in files, in what commands print, in what containers can see?

The texts are secrets: they come over stdin, go to grep over stdin, and only their names come back.
"""

import glob
import json
import os
import stat
import subprocess

Found = "list[list[str]]"
KERNEL_MOUNTS = ("/proc", "/sys", "/dev")


def grep(forms: "dict[str, str]", paths: "list[str]") -> "list[tuple[str, str]]":
    """(path, name) of every occurrence; links are not followed, devices and pipes not read."""
    if not paths:
        return []
    command = ["grep", "-raoFZsD", "skip", "-f", "-", "--", *paths]
    done = subprocess.run(
        command, input="\n".join(forms).encode(), capture_output=True, check=False
    )
    found = set()
    for line in done.stdout.split(b"\n"):
        path, separator, text = line.partition(b"\0")
        name = forms.get(text.decode(errors="replace"))
        if separator and name:
            found.add((path.decode(errors="replace"), name))
    return sorted(found)


def reachable(path: str) -> bool:
    """Whether somebody who is neither owner nor in the group can read this file."""
    if not os.stat(path).st_mode & stat.S_IROTH:
        return False
    parent = os.path.dirname(path)
    while os.stat(parent).st_mode & stat.S_IXOTH:
        if parent == "/":
            return True
        parent = os.path.dirname(parent)
    return False


def files(forms: "dict[str, str]", roots: "list[str]") -> "list[list[object]]":
    """[path, name, readable by others] below these paths, which may have wildcards."""
    paths = [path for root in roots for path in glob.glob(root, include_hidden=True)]
    found = []
    for path, name in grep(forms, paths):
        try:
            found.append([path, name, reachable(path)])
        except FileNotFoundError:
            continue
    return found


def printed(forms: "dict[str, str]", commands: "list[str]") -> "list[list[str]]":
    """[command, name] of what these print, on stdout or stderr."""
    found = []
    for command in commands:
        done = subprocess.run(  # noqa: S602 - the commands are the check's own
            command, shell=True, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        text = (done.stdout + done.stderr).decode(errors="replace")
        found += [[command, name] for form, name in forms.items() if form in text]
    return found


def visible(forms: "dict[str, str]") -> "list[list[str]]":
    """[container, path, name] of what every running container's mounts show to its root."""
    listed = subprocess.run(["docker", "ps", "-q"], check=True, capture_output=True, text=True)
    inspect = ["docker", "inspect", *listed.stdout.split()]
    shown = subprocess.run(inspect, check=True, capture_output=True, text=True)
    found = []
    for one in json.loads(shown.stdout):
        root = f"/proc/{one['State']['Pid']}/root"
        with open(f"/proc/{one['State']['Pid']}/mountinfo", encoding="utf-8") as handle:
            points = [line.split()[4].replace("\\040", " ") for line in handle]
        wanted = [
            root + point for point in points if point != "/" and not point.startswith(KERNEL_MOUNTS)
        ]
        name = one["Name"].lstrip("/")
        found += [[name, path[len(root) :], canary] for path, canary in grep(forms, wanted)]
    return found


def main(
    forms: "dict[str, str]", roots: "list[str]", commands: "list[str]", containers: bool = False
) -> "dict[str, object]":
    return {
        "files": files(forms, roots),
        "printed": printed(forms, commands),
        "visible": visible(forms) if containers else [],
    }
