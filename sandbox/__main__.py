"""Command line of the sandbox: `python -m sandbox up|down|status|reboot|images|shell`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict

from sandbox import box, lifecycle, progress
from sandbox.command import SandboxError


def main(arguments: list[str]) -> int:
    """Run one verb; return 0 when it worked, 1 when it failed, 2 on wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        if options.verb == "shell":
            words = [*box.ssh_arguments(box.load(options.name)), *options.command]
            os.execvp(words[0], words)
        return _run(options)
    except SandboxError as error:
        progress.say(f"sandbox: {error}")
        return 1
    except KeyboardInterrupt:
        progress.say("sandbox: interrupted; the next `up` goes on from here")
        return 130


def _run(options: argparse.Namespace) -> int:
    started = time.monotonic()
    if options.verb == "up":
        made = lifecycle.up(
            options.name,
            suite=options.suite,
            assume_yes=options.yes,
            with_images=not options.no_images,
        )
        print(json.dumps(asdict(made), indent=2))
        progress.say(f"box {made.name} is up after {time.monotonic() - started:.1f} s")
    elif options.verb == "down":
        lifecycle.down(options.name, keep_cache=options.keep_cache)
    elif options.verb == "reboot":
        box.reboot(options.name or "box", hard=options.hard)
        progress.say(f"rebooted in {time.monotonic() - started:.1f} s")
    elif options.verb == "images":
        print(json.dumps(lifecycle.ensure_images(options.yes), indent=2))
    elif options.verb == "status":
        report = lifecycle.status()
        print(json.dumps(report, indent=2))
        return 0 if report["boxes"] else 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    up = verbs.add_parser("up", help="engine, network, registry, stand-in images and a box")
    up.add_argument("--suite", default="trixie", help="Debian suite of the box (default: trixie)")
    up.add_argument("--no-images", action="store_true", help="only the box, without stand-ins")
    down = verbs.add_parser("down", help="remove every trace, or only the box --name")
    down.add_argument("--keep-cache", action="store_true", help="keep images and package cache")
    reboot = verbs.add_parser("reboot", help="restart the box and wait until it is booted")
    reboot.add_argument("--hard", action="store_true", help="as if the power failed")
    images = verbs.add_parser("images", help="build and push the stand-ins, print their digests")
    status = verbs.add_parser("status", help="what is there, as JSON; exit 1 without a box")
    shell = verbs.add_parser("shell", help="ssh into the box")
    shell.add_argument("command", nargs=argparse.REMAINDER, help="run this instead of a shell")
    for verb in (up, reboot, shell):
        verb.add_argument("--name", default="box", help="name of the box (default: box)")
    down.add_argument("--name", help="only this box; default: everything")
    for verb in (up, images, status):
        verb.add_argument("--yes", action="store_true", help="install what is missing, unasked")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
