"""The hosts: yours from inventory.local.py when there is one, else the sandbox box.

MEDIASTACK_BOX=<name> asks for a sandbox box whatever else is there: what breaks things on purpose
must never find your own hosts.

A real host, as inventory.local.py (git ignores it):

    hosts = [
        ("192.168.1.10", {"ssh_user": "root", "ssh_key": "~/.ssh/id_ed25519"}),
        # A user with sudo: {"ssh_user": "anna", "_sudo": True}
    ]

Host keys are checked against your known_hosts: connect once with ssh before the first deploy.
Settings are validated here, before the first connection.
"""

import os
import runpy
from pathlib import Path

import host_settings

_here = Path(__file__).parent
_own = _here / "inventory.local.py"
_boxes = "MEDIASTACK_BOX" in os.environ or not _own.exists()
_source = _here / "sandbox" / "inventory.py" if _boxes else _own
# Never trust on first use: a rebuilt or impersonated host must be noticed.
_defaults = {"ssh_strict_host_key_checking": "yes", "ssh_known_hosts_file": "~/.ssh/known_hosts"}

hosts = [(name, {**_defaults, **data}) for name, data in runpy.run_path(str(_source))["hosts"]]
host_settings.check(hosts)
