"""Command line of scripts/upgrade-check: what a deploy of this checkout would change, per host.

Everything is read: settings here, then one preflight and one program on each host, over the
connection that the deploy uses. Exit 0: told (also when nothing would change); 1: a deploy would be
refused, or a host cannot be read; 2: wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
import tomllib
import zipfile
from typing import Any

from pyinfra.api.exceptions import PyinfraError

import connection
import distributions
import host_settings
import layout
import upgrade
from connection import Unreachable
from facts import Answer, program
from host_configuration import STATE, accounts
from operations import without
from settings import Settings
from tasks import preflight
from upgrade import Answers, Line

CONFIG_FILE = "/etc/mediastack/mediastack.toml"
RECORD = f"{STATE}/managed.json"


class Unknown(Exception):
    """A host could not say what there is; the message says why."""


def main(arguments: list[str]) -> int:
    """Tell what a deploy would change; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/upgrade-check", description=__doc__)
    parser.add_argument("hosts", nargs="*", metavar="HOST", help="only these of the inventory")
    parser.add_argument("--json", action="store_true", help="all lines as JSON, files one by one")
    options = parser.parse_args(arguments)
    try:
        import inventory
    except SystemExit as error:
        if not isinstance(error.code, str):
            raise
        print("These must be mended before a deploy of this checkout:", file=sys.stderr)
        print(error.code, file=sys.stderr)
        return 1
    listed = {name: dict(data) for name, data in inventory.hosts}
    if unknown := [name for name in options.hosts if name not in listed]:
        known = ", ".join(listed)
        parser.error(f"no host {unknown[0]} in the inventory; there are: {known}")
    told: dict[str, list[Line]] = {}
    refused: list[str] = []
    for name in options.hosts or listed:
        try:
            told[name] = look(name, listed[name])
        except (Unreachable, Unknown, PyinfraError, ValueError) as error:
            refused.append(str(error))
    if options.json:
        shown = {name: [line._asdict() for line in lines] for name, lines in told.items()}
        print(json.dumps({"schema": 1, "hosts": shown, "refused": refused}, indent=2))
    else:
        for name, lines in told.items():
            print("\n".join(upgrade.text(name, lines, layout.PROGRAM)))
    print("\n".join(refused), file=sys.stderr, end="\n" if refused else "")
    return 1 if refused else 0


def look(name: str, data: dict[str, Any]) -> list[Line]:
    """What a deploy would change on one host. Raise Unreachable, Unknown, PyinfraError."""
    settings = host_settings.of(data)
    with connection.reached(name, data) as host:
        seen = preflight.check(settings)
        packages = distributions.packages(seen.distribution, settings.docker.source)
        entries, config = layout.build(
            settings,
            host_name=seen.host_name,
            bind_address=seen.bind_address,
            daemon=seen.daemon_json,
            data_is_mount=seen.data_is_mount,
            packages=packages,
        )
        spec = question(settings, config, entries)
        tree = {
            "record": RECORD,
            "entries": [without(entry, "content", "text") for entry in entries],
        }

        def ask(module: str, what: dict[str, Any]) -> Any:
            return host.get_fact(Answer, about=module, _stdin=program(module, "check", what))

        files = ask("tree", tree)
        missing = ask("packages", {"packages": list(packages)})
        missing_accounts = ask("account", accounts(settings))
        said = ask("upgrade", spec)
    if None in (said, files, missing, missing_accounts):
        raise Unknown(f"{name}: python3 does not answer; fix: apt-get install python3")
    recorded = tomllib.loads(said["recorded"]) if said["recorded"] else None
    answers = Answers(files, missing, found(name, said["secrets"]) or [], None, missing_accounts)
    answers = answers._replace(observation=found(name, said["observed"]))
    return upgrade.compare(recorded, config, answers)


def found(name: str, said: dict[str, Any] | None) -> Any:
    """What a verb said; None where nothing is deployed. Raise Unknown when it could not say."""
    if said is not None and "failed" in said:
        raise Unknown(f"{name}: {said['failed']}")
    return None if said is None else said["found"]


def question(
    settings: Settings, config: dict[str, Any], entries: list[dict[str, Any]]
) -> dict[str, Any]:
    """What remote/upgrade.py takes. It holds the user's secrets and travels over stdin only."""
    names = {one["template"] for one in config["secret_files"]}
    return {
        "program": layout.PROGRAM,
        "config_file": CONFIG_FILE,
        "archive": archive(layout.package()),
        "config": config,
        "secrets": {
            "config": config,
            "templates": {one["path"]: one["text"] for one in entries if one["path"] in names},
            "values": {name: one.get_secret_value() for name, one in settings.secrets.items()},
        },
    }


def archive(package: dict[str, bytes]) -> str:
    """The host programs as a zip archive, in base64."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in package.items():
            file.writestr(name, content)
    return base64.b64encode(packed.getvalue()).decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
