"""`backup`: now, when it is due, and what there is to be done with backups that were made.

    backup [--target T]                 now, to all targets or one
    backup --due                        what is due (the timer's)
    backup list [--json] [--target T]   the backups that can be restored
    backup check [--full] [--target T]  read a part of each repository back, or all of it
    backup prune [--dry-run] [--target T]   remove what is no longer to be kept
    backup export FILE.tar.zst [--snapshot ID] [--target T]   one backup as a plain archive
    backup init T                       a new repository where one was lost, or on the configs' disk

Exit 0: done; 1: something could not be done, and stderr says what; 2: wrong usage.
"""

from __future__ import annotations

import argparse
from typing import Any

from mediastack import config as configuration
from mediastack.backup import run, run_lock, scheduled, settings, verb_acts
from mediastack.backup.manifest import ManifestError
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target
from mediastack.backup.trouble import BackupError
from mediastack.docker_images import DockerImages

NAME = "mediastack backup"
# A list takes nothing away from anybody.
UNLOCKED = ("list",)


def main(arguments: list[str]) -> int:
    """Verb `backup`; see above. Raise ConfigError, NotReachable."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.due and (options.act or options.target):
        parser.error("--due decides for itself")
    config = configuration.load()
    try:
        if options.due:
            return scheduled.run_pass(config, DockerImages())
        targets = _chosen(parser, config, options.target)
        if not options.act:
            return run.backup(config, DockerImages(), targets)
        if options.act in UNLOCKED:
            return verb_acts.ACTS[options.act](config, targets, options)
        with run_lock.hold(run.WAIT_SECONDS) as ours:
            if not ours:
                return run.problem(run.BUSY)
            return verb_acts.ACTS[options.act](config, targets, options)
    except (ResticError, BackupError, ManifestError, LookupError) as error:
        return run.problem(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return run.problem(f"{name}{error.strerror or error}")


def _chosen(
    parser: argparse.ArgumentParser, config: dict[str, Any], name: str | None
) -> list[Target]:
    targets = settings.targets(config)
    if not targets:
        raise BackupError(
            "config", "nowhere to back up to; fix: set backup.local or backup.remotes"
        )
    if name is None:
        return targets
    chosen = [one for one in targets if one.name == name]
    if not chosen:
        there = ", ".join(one.name for one in targets)
        parser.error(f"no target '{name}'; there are: {there}")
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=NAME, description="Back up now, or look after backups.")
    parser.add_argument("--due", action="store_true", help="only what is due; for the timer")
    parser.add_argument("--target", metavar="T", help="one target (default: all)")
    acts = parser.add_subparsers(dest="act", metavar="ACT")

    def act(name: str, words: str, *, one: bool = True) -> argparse.ArgumentParser:
        found = acts.add_parser(name, help=words, description=words)
        if one:
            # Not to overwrite one that stands before the act.
            found.add_argument("--target", metavar="T", default=argparse.SUPPRESS)
        return found

    act("list", "the backups that can be restored").add_argument("--json", action="store_true")
    act("check", "verify each repository, and a part of its data").add_argument(
        "--full", action="store_true", help="all of its data"
    )
    act("prune", "remove what is no longer to be kept").add_argument(
        "--dry-run", action="store_true", help="only say what would go"
    )
    export = act("export", "one backup as a plain archive; it holds secrets")
    export.add_argument("file", metavar="FILE", help="a new one: .tar.zst, .tar.gz or .tar")
    export.add_argument("--snapshot", metavar="ID", default="latest")
    act("init", "make a repository where one was lost", one=False).add_argument(
        "target", metavar="T"
    )
    return parser
