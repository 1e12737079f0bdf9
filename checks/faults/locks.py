"""Faults of the image lock: what runs is not what it names, or it names nothing.

Each edit undoes itself when it is made again, and they are made one after the other, because all
are in the one file.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from checks.faults import Fault
from tests.smoke.expected import Expected

TURN = 'entry["digest"] = "sha256:" + entry["digest"][:6:-1]'
HIDE = """\
away, here = (name, name + "!") if entry else (name + "!", name)
table[here] = table.pop(away)"""
EDIT = """\
import json, os, sys
path, name = sys.argv[1:]
with open(path) as stream:
    lock = json.load(stream)
table = lock["services"]
entry = table.get(name)
{change}
with open(path + ".smoke-fault", "w") as stream:
    json.dump(lock, stream, indent=2, sort_keys=True)
os.replace(path + ".smoke-fault", path)
"""


def faults(expected: Expected) -> Iterator[Fault]:
    """Every fault of this kind that these settings allow."""
    path = f"{expected.config['paths']['state']}/images.lock"
    for service in expected.services.values():
        seen = (("containers.image", service.name),)
        also = (("files.overrides", service.stack), ("service", service.name))
        for kind, change in (("locked elsewhere", TURN), ("not in the lock", HIDE)):
            program = shlex.quote(EDIT.format(change=change))
            edit = f"flock /run/smoke-fault-lock python3 -c {program} {path} {service.name}"
            yield Fault(kind, service.name, edit, edit, seen, also)
