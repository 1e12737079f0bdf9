"""`adopt`: take the state of a hand-made stack over into ours; theirs stays as it is.

    adopt [--from PROJECT | --container SERVICE=NAME | --directory SERVICE=PATH] [--service S …]
          [--dry-run] [--yes]

Tells first what it would do, and asks. Then everything is copied and verified, and only when all of
that is done one service after the other is stopped for a moment and gets its new state. One that
does not do well with it gets its old one back, and the others go on. Killed anywhere, run it again:
it begins with what was left undone. Exit 0 done, 1 refused or not everything, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from mediastack import config as configuration
from mediastack.adopt import containers, copy, house, journal, match, newer, run, survey, tell
from mediastack.adopt.house import Refusal
from mediastack.backup import run_lock
from mediastack.secret_files import SecretError
from mediastack.updater import run_lock as updates

USAGE = 2
BUSY = (
    "an update, a backup, a restore or another adoption is at work; run it again when that is over"
    " (stack-manage.sh status)"
)
Config = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Take the state of a hand-made stack over into ours."""
    options = _parse(arguments)
    config = configuration.load()
    docker = containers.Theirs()
    asked = match.Asked(
        options.project,
        dict(options.container),
        dict(options.directory),
        tuple(options.service),
    )
    try:
        with run_lock.hold() as is_ours, updates.hold() as is_quiet:
            if not (is_ours and is_quiet):
                return _failed(BUSY)
            if not options.dry_run:
                resumed = resume(config, docker)
                run.sweep(config)
                if options.resume:
                    return resumed
            sources = match.sources(config, containers.theirs(docker), asked)
            proposals = survey.look(config, docker, sources)
            print("\n".join(tell.table(config, proposals)))
            if options.dry_run:
                print("dry run: nothing was changed")
                return 0
            if not options.yes and not _agreed():
                return USAGE
            return adopt(config, docker, proposals)
    except Refusal as refusal:
        return _failed(str(refusal))
    except SecretError as error:
        return _failed(f"{error}; run it again")
    except OSError as error:
        return _failed(f"{error.filename or 'disk'}: {error.strerror or error}; run it again")


def adopt(config: Config, docker: containers.Theirs, proposals: Sequence[survey.Proposal]) -> int:
    """Copy all, then put one after the other in place; return an exit code.

    Raise Refusal (then nothing live was touched), lock.Busy, NotReachable, SecretError, OSError.
    """
    failed = 0
    try:
        for one in proposals:
            name, size = one.source.service, tell.amount(one.size.bytes)
            print(f"{name}: copying {size} …")
            sys.stdout.flush()
            copied = copy.make(config, one.source, one.size)
            _require_not_newer(config, docker, one)
            rows = f"{len(copied.records)} databases with {copied.rows} rows"
            print(f"{name}: copied and verified: {copied.files} files, {rows}")
            sys.stdout.flush()
        # Whoever has a copy of somebody's key comes after that one.
        copies = {spec["service"] for spec in config["secrets"] if spec["origin"] == "copy"}
        for one in sorted(proposals, key=lambda one: one.source.service in copies):
            service = one.source.service
            try:
                why = run.put(config, docker, one.source)
            except Refusal as refusal:
                why = f"{refusal}; what is here was not touched"
            if why:
                failed += 1
                print(f"mediastack adopt: {service}: {why}", file=sys.stderr)
            else:
                print(f"{service}: adopted")
            sys.stdout.flush()
    finally:
        if not journal.entries():
            run.sweep(config)
    print("theirs is as it was; docs/adopt.md says what is left to do")
    return 1 if failed else 0


def _require_not_newer(
    config: Config, docker: containers.Theirs, proposal: survey.Proposal
) -> None:
    """Raise Refusal when the copy, with all that was in a log, is newer than what ours can read."""
    source = proposal.source
    stage = house.stage(config, source.service)
    why = newer.problem(config, docker, source._replace(path=stage), proposal.size.databases)
    if why:
        raise Refusal(why.replace(stage, source.path))


def resume(config: Config, docker: containers.Theirs) -> int:
    """End what a run that was killed has begun; return an exit code. The caller holds run_lock.

    Raise lock.Busy, NotReachable, SecretError, OSError.
    """
    failed = 0
    for service in list(journal.entries()):
        if service not in config["services"]:
            # No service any more: its directory stays as it is.
            journal.forget(service)
            continue
        why = run.finish(config, docker, service)
        failed |= bool(why)
        print(f"mediastack adopt: {service} (begun before): {why or 'adopted'}", file=sys.stderr)
    return failed


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mediastack adopt", description=main.__doc__)
    add = parser.add_argument
    add("--from", dest="project", default="", metavar="PROJECT", help="a compose project of theirs")
    add("--container", type=_pair, action="append", default=[], metavar="SERVICE=NAME")
    add("--directory", type=_pair, action="append", default=[], metavar="SERVICE=PATH")
    add("--service", action="append", default=[], metavar="SERVICE", help="only this one, or these")
    add("--dry-run", action="store_true", help="only say what would be done")
    add("--yes", action="store_true", help="do not ask")
    add("--resume", action="store_true", help="only end what a killed run has begun")
    return parser.parse_args(arguments)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not SERVICE=…")
    return name, value


def _agreed() -> bool:
    """Ask the person at the terminal; nobody there is a no."""
    if not sys.stdin.isatty():
        print("mediastack adopt: nobody to ask; say --yes to go on", file=sys.stderr)
        return False
    try:
        return input('Type "adopt" to go on: ').strip() == "adopt"
    except EOFError:
        return False


def _failed(message: str) -> int:
    for line in message.splitlines():
        print(f"mediastack adopt: {line}", file=sys.stderr)
    return 1
