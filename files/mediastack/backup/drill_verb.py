"""`restore-drill`: prove now that the newest backup can be restored."""

from __future__ import annotations

import argparse
import sys

from mediastack import config as configuration
from mediastack.backup import drill, settings
from mediastack.docker_client import Docker


def main(arguments: list[str]) -> int:
    """Restore the newest backup into a scratch place, open its databases, start the apps on it.

    Exit 0 when all was well, 1 when not, 2 for a name that is unknown. Raise ConfigError.
    """
    parser = argparse.ArgumentParser(prog="mediastack restore-drill", description=main.__doc__)
    parser.add_argument("--target", metavar="NAME", help="local, or a name of backup.remotes")
    parser.add_argument("--service", metavar="NAME", action="append", default=[],
                        help="this one alone (may be repeated); proves no restore")  # fmt: skip
    options = parser.parse_args(arguments)
    config = configuration.load()
    targets = {target.name: target for target in settings.targets(config)}
    for name, known in (
        (options.target, targets),
        *((one, config["services"]) for one in options.service),
    ):
        if name is not None and name not in known:
            words = ", ".join(known) or "none"
            print(f"mediastack restore-drill: no {name}; there are: {words}", file=sys.stderr)
            return 2
    return drill.run(config, Docker(), targets.get(options.target), options.service)
