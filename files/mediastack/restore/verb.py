"""`restore [--snapshot ID|latest] [--target T] [--service S …] [--dry-run] [--images] [--yes]`.

The config of services becomes what a backup has of it. Everything is verified before anything is
touched, each service is stopped for as long as it takes to exchange two names, and the present
config is kept until the service was well on the restored one; else it is put back. What it leaves
when it is killed is brought to its end by --resume, which the timer of backups does as well.
"""

from __future__ import annotations

import argparse
import signal
import sys

from mediastack import config as configuration
from mediastack.backup import run_lock
from mediastack.backup.snapshots import LATEST
from mediastack.docker_images import DockerImages
from mediastack.restore import inflight, resume, work
from mediastack.updater import run_lock as updaters_lock

WAIT_SECONDS = 10.0


def main(arguments: list[str]) -> int:
    """Restore services from a backup. Raise ConfigError, NotReachable."""
    parser = argparse.ArgumentParser(prog=work.NAME, description=main.__doc__)
    parser.add_argument("--snapshot", default=LATEST, metavar="ID", help="default: the newest")
    parser.add_argument("--target", default="", metavar="NAME", help="out of this repository")
    parser.add_argument(
        "--service", action="append", default=[], metavar="NAME", help="only this one (repeatable)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would change")
    parser.add_argument("--images", action="store_true", help="the images of then as well")
    parser.add_argument(
        "--despite-damage", action="store_true", help="although parts of the repository are damaged"
    )
    parser.add_argument("--resume", action="store_true", help="bring one that was begun to its end")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(arguments)
    config = configuration.load()
    for name in options.service:
        if name not in config["services"]:
            parser.error(f"no service '{name}' (stack-manage.sh status lists them)")
    # A connection that breaks must not leave a service half-way.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asked = work.Asked(
        options.snapshot, options.target, tuple(options.service), options.dry_run, options.images,
        options.despite_damage, lambda: options.yes or _agreed(),
    )  # fmt: skip
    docker = DockerImages()
    with run_lock.hold(WAIT_SECONDS) as free:
        if not free:
            return work.failed("a backup, a drill or a restore is at work; try again soon")
        if options.resume:
            return _resumed(docker)
        if options.dry_run:
            return work.restore(configuration.current, docker, asked)
        with updaters_lock.hold(WAIT_SECONDS) as still:
            if not still:
                return work.failed("the updater is at work; try again when that is done")
            return work.restore(configuration.current, docker, asked)


def _resumed(docker: DockerImages) -> int:
    if inflight.read() is None:
        work.said("there is none to go on with")
    return resume.finish(configuration.current, docker, work.said)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        work.said("nobody to ask; --yes agrees")
        return False
    print("What these services have written since that backup is lost. Media are not touched.")
    return input("Type the word yes to go on: ").strip().lower() == "yes"
