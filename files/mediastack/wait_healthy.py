"""Verb `wait-healthy [--timeout SECONDS]`: return when everything that should run is healthy."""

from __future__ import annotations

import argparse

from mediastack import config as configuration
from mediastack import stack_verbs, stacks
from mediastack.docker_client import Docker


def main(arguments: list[str]) -> int:
    """Wait until everything wanted runs and is healthy; exit 1, naming the sick, when it is not."""
    parser = argparse.ArgumentParser(prog="mediastack wait-healthy", description=main.__doc__)
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="default: from settings")
    options = parser.parse_args(arguments)
    config = configuration.load()
    patience = options.timeout
    if patience is None:
        patience = float(config["limits"].get("health_wait_seconds", stacks.HEALTH_WAIT_SECONDS))
    sick = stacks.wait_healthy(config, Docker(), timeout_seconds=patience)
    stack_verbs.print_sick("wait-healthy", sick)
    return 1 if sick else 0
