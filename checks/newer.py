"""A made-up next release: a copy of this checkout with a change of every kind that a user meets.

Each change is one of those that scripts/upgrade-check has a line for; `KINDS` are the kinds that
must show up. The images stay those that the sandbox has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from checks import checkout
from host_configuration import VERSION

NEXT = "99.0.0"
KINDS = {"version", "service", "port", "value", "file", "secret", "container", "pull"}
EDITS = (
    ("host_configuration.py", f'VERSION = "{VERSION}"', f'VERSION = "{NEXT}"'),
    # A service that goes, one that comes, one that moves to another port, one that is made anew.
    ("catalog/ops.py", 'name="wud",\n', 'name="wud",\n        enabled=False,\n'),
    (
        "catalog/media.py",
        'name="jellyfin",\n        summary="',
        'name="jellyfin",\n        summary="new: ',
    ),
    ("catalog/media.py", "        enabled=False,\n", ""),
    (
        "catalog/ops.py",
        'tag="v1.4.6",\n',
        'tag="v1.4.6",\n        host_port=3055,\n',
    ),
    (
        "catalog/ops.py",
        '"/dozzle", "healthcheck")),\n        memory=256',
        '"/dozzle", "healthcheck")),\n        memory=320',
    ),
    # A mounted file that is filled in with secrets on the host.
    ("templates/services/ntfy/server.yml", "# Nobody reads", "# A newer template.\n# Nobody reads"),
    ("group_data/all.py", '"lock_wait_seconds": 120', '"lock_wait_seconds": 121'),
)


@contextlib.contextmanager
def release(source: Path) -> Iterator[Path]:
    """The next release, for as long as the context lasts. Raise ValueError for a stale edit."""
    with checkout.frozen(source) as made:
        for path, old, new in EDITS:
            checkout.edit(made, path, old, new)
        (made / "files" / "mediastack" / "of_the_next_release.py").write_text('"""New."""\n')
        yield made
