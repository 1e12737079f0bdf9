"""`uninstall`: removes what the deploys made, says what stays and why, and can be run again.

What there is to do is read from the host each time (records, Docker, dpkg), never remembered, so a
run that was killed is simply repeated. uninstall_plan decides, this module reads and acts. Media
always stay. Without --purge so do the apps' state, backups and secrets: a new deploy takes up where
this one ended. The programs go last, since they are what is running.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from mediastack import compose, config, lock, uninstall_plan
from mediastack.adopt.house import DIRECTORY as ADOPTING
from mediastack.backup import contents, restic
from mediastack.restore.places import DIRECTORY as RESTORING
from mediastack.restore.rebuild_state import NAME as REBUILDING
from mediastack.uninstall_plan import Step
from mediastack.updater import copies
from mediastack.updater.images import KEEP

USAGE = 2
LOCK_SECONDS = 120
TIMEOUT_SECONDS = 900
# Length of the name of a volume that nobody named.
ANONYMOUS = 64
# As the deploy made the accounts of our programs (monitor_configuration, update_configuration):
# name, its own directory below the state, and the comment that says that it is ours.
ACCOUNTS = (
    ("mediastack-monitor", "monitor", "Homelab Media Stack monitor"),
    ("mediastack-updater", "inbox", "Homelab Media Stack updater"),
)
PASSWD_FIELDS, PASSWD_COMMENT = 7, 4


def main(arguments: list[str]) -> int:
    """Verb `uninstall [--purge] [--dry-run] [--yes]`. Raise ConfigError, lock.Busy."""
    parser = argparse.ArgumentParser(prog="mediastack uninstall", description=__doc__)
    parser.add_argument("--purge", action="store_true", help="app state, backups, secrets as well")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go and stay")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(arguments)
    settings = config.load()
    plan = uninstall_plan.plan(look(settings), purge=options.purge)
    print("\n".join(uninstall_plan.lines(plan)))
    if options.dry_run:
        return 0
    if not options.yes and not agreed("purge" if options.purge else "uninstall"):
        return USAGE
    with lock.hold("uninstall", "removing the stack", wait_seconds=LOCK_SECONDS):
        failed = [step for step in plan.steps if not carry_out(step, settings)]
    if failed:
        print(f"{len(failed)} steps failed; mend what they say, then run it again", file=sys.stderr)
        return 1
    print("removed; what stays is listed above")
    sys.stdout.flush()
    finish(settings, purge=options.purge)
    return 0


def agreed(word: str) -> bool:
    """Ask the person at the terminal to type a word; nobody there is a no."""
    if not sys.stdin.isatty():
        print("mediastack uninstall: nobody to ask; say --yes to go on", file=sys.stderr)
        return False
    try:
        return input(f'Type "{word}" to go on: ').strip() == word
    except EOFError:
        return False


def look(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what uninstall_plan.plan decides from."""
    paths = settings["paths"]
    everybody = _objects("ps", "-a")
    ours = _objects("ps", "-a", "--filter", "label=io.mediastack.service")
    networks = [one["Name"] for one in _objects("network", "ls")]
    own = {settings["network"]["name"]} | {n for n in networks if n.startswith("mediastack_")}
    locked = _json(f"{paths['state']}/images.lock").get("services", {})
    before = _json(f"{paths['state']}/{uninstall_plan.BEFORE}")
    record = _json(f"{paths['state']}/managed.json")
    return {
        "settings": settings,
        "containers": sorted(one["Names"] for one in ours),
        "foreign": sorted({one["Names"] for one in everybody} - {one["Names"] for one in ours}),
        "volumes": sorted(
            one["Name"] for one in _objects("volume", "ls") if len(one["Name"]) != ANONYMOUS
        ),
        "networks": sorted(own & set(networks)),
        "images": sorted(
            {f"{one['image']}@{one['digest']}" for one in locked.values()}
            | {str(one["image"]) for one in locked.values()}
            | {f"{one['Repository']}:{one['Tag']}" for one in _objects("image", "ls", f"{KEEP}/*")}
        ),
        "scratch": [path for path in _scratch(settings) if os.path.isdir(path)],
        "record": {path: made for path, made in record.items() if os.path.lexists(path)},
        "before": before,
        "media": any(files for _, _, files in os.walk(paths["data"]) if _not_only_ours(files)),
        "installed": [one for one in before.get("packages", []) if _installed(one)],
        "programs": [program(settings, *one) for one in ACCOUNTS],
        "account": _text("getent", "passwd", str(settings["host"]["puid"])).partition(":")[0],
    }


def program(settings: Mapping[str, Any], name: str, place: str, comment: str) -> dict[str, str]:
    """Return {"account","directory"} of a program of ours, "" for what is not there or not ours;
    also where it has no work any more (Gluetun was switched off), and the account was left."""
    directory = os.path.join(settings["paths"]["state"], place)
    entry = _text("getent", "passwd", name).strip().split(":")
    ours = len(entry) == PASSWD_FIELDS and entry[PASSWD_COMMENT] == comment
    return {
        "account": entry[0] if ours else "",
        "directory": directory if os.path.isdir(directory) else "",
    }


def _not_only_ours(files: Sequence[str]) -> bool:
    return any(name != ".mediastack-sentinel" for name in files)


def carry_out(step: Step, settings: Mapping[str, Any]) -> bool:
    """Do one step; say what failed. What is gone already is done."""
    try:
        if step.action == "stack":
            compose.down(settings, step.subject)
        elif step.action == "remove":
            remove(step.subject)
        elif step.action == "tree":
            shutil.rmtree(step.subject, ignore_errors=False)
        elif step.action == "write":
            with open(step.subject, "w", encoding="utf-8") as stream:
                stream.write(step.text)
        else:
            _call(*step.command)
    except FileNotFoundError:
        return True
    except (OSError, subprocess.SubprocessError, compose.ComposeError) as error:
        print(f"mediastack uninstall: {step.words}: {error}", file=sys.stderr)
        return step.may_fail
    return True


def remove(path: str) -> None:
    """Remove a file, a link, or a directory that is empty; one that is not, stays."""
    if os.path.isdir(path) and not os.path.islink(path):
        with contextlib.suppress(OSError):
            os.rmdir(path)
    else:
        os.unlink(path)


def finish(settings: Mapping[str, Any], *, purge: bool) -> None:
    """Remove records, configuration and the programs themselves; does not return.

    By rm, in one go: until it runs everything is there to repeat the uninstall with.
    """
    paths = settings["paths"]
    state = paths["state"]
    going = [f"{paths['etc']}/mediastack.toml", f"{state}/managed.json", paths["runtime"]]
    going += [f"{state}/{uninstall_plan.BEFORE}", paths["program"]]
    going += [state, f"{paths['etc']}/secrets"] if purge else []
    # Directories that nobody has anything in any more go too.
    tidy = f'rmdir --ignore-fail-on-non-empty "{paths["etc"]}" "{state}" 2>/dev/null; true'
    command = ["sh", "-c", f'rm -rf -- "$@"; {tidy}', "sh", *going]
    os.chdir("/")
    os.execv("/bin/sh", command)  # noqa: S606 - the program that goes must not wait for it


def _call(*command: str) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    if done.returncode:
        tail = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise OSError(f"{command[0]} ended with {done.returncode}: {' '.join(tail)}")


def _text(*command: str) -> str:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        ).stdout
    except OSError:
        return ""


def _objects(*command: str) -> list[dict[str, Any]]:
    lines = _text("docker", *command, "--format", "{{json .}}").splitlines()
    return [json.loads(line) for line in lines]


def _scratch(settings: Mapping[str, Any]) -> list[str]:
    """Directories that our programs work in: each makes its own anew."""
    paths = settings["paths"]
    found = [copies.root(settings), contents.top(settings), f"{paths['config']}/{ADOPTING}"]
    found += [os.path.join(paths["state"], "updater"), os.path.dirname(restic.CACHE)]
    # What a restore under way has put aside may be all there is of an app's state.
    if not os.path.lexists(f"{paths['state']}/restore.json"):
        found += [f"{paths['config']}/{name}" for name in (RESTORING, REBUILDING)]
    return found


def _json(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            value = json.load(stream)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _installed(package: str) -> bool:
    return _text("dpkg-query", "-W", "-f", "${db:Status-Status}", package) == "installed"
