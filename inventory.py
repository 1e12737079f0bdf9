"""The hosts: yours from inventory.local.py when there is one, else the sandbox box.

MEDIASTACK_BOX=<name> asks for a sandbox box whatever else is there: what breaks things on purpose
must never find your own hosts.

A real host, as inventory.local.py (git ignores it):

    hosts = [
        ("192.168.1.10", {"ssh_user": "root", "ssh_key": "~/.ssh/id_ed25519"}),
        # A user with sudo: {"ssh_user": "anna", "_sudo": True}
    ]

Any other list is a group, which --limit takes: `quiet = ["192.168.1.10"]`, or entries like those
of `hosts`. What runs on which host stands in settings.local.toml (docs/hosts.md).

Host keys are checked against your known_hosts: connect once with ssh before the first deploy.
Settings are validated here, before the first connection.
"""

import os
import runpy
from pathlib import Path
from typing import Any

import host_settings

_here = Path(__file__).parent
_own = _here / "inventory.local.py"
_boxes = "MEDIASTACK_BOX" in os.environ or not _own.exists()
_source = _here / "sandbox" / "inventory.py" if _boxes else _own
# Never trust on first use: a rebuilt or impersonated host must be noticed.
_defaults = {"ssh_strict_host_key_checking": "yes", "ssh_known_hosts_file": "~/.ssh/known_hosts"}

_lists = {
    name: value
    for name, value in runpy.run_path(str(_source)).items()
    if isinstance(value, list) and not name.startswith("_")
}
# A group may bring hosts of its own; where a host stands several times, `hosts` comes first.
_data: dict[str, dict[str, Any]] = {}
for _entry in [*_lists.pop("hosts", []), *(one for group in _lists.values() for one in group)]:
    _name, _values = (_entry, {}) if isinstance(_entry, str) else _entry
    _data[_name] = {**_values, **_data.get(_name, {})}
hosts = [
    (_name, {**_defaults, "settings_host": _name, **_values}) for _name, _values in _data.items()
]
for _name, _group in _lists.items():
    globals()[_name] = [one if isinstance(one, str) else one[0] for one in _group]
host_settings.check(hosts)
