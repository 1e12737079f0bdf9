"""The disposable box as an inventory: its own settings, a pinned host key, a real SSH key.

MEDIASTACK_SANDBOX_SETTINGS and MEDIASTACK_SANDBOX_SECRETS name other files (absolute, or below the
checkout), so that a test deploys a house of its own without touching what is tracked.
"""

import json
import os
import sys
from pathlib import Path

_state = Path(__file__).parent.parent / ".sandbox"
_names = os.environ.get("MEDIASTACK_BOX", "box").split(",")
_settings = os.environ.get("MEDIASTACK_SANDBOX_SETTINGS", "sandbox/settings.toml")
_secrets = os.environ.get("MEDIASTACK_SANDBOX_SECRETS", ".sandbox/secrets.toml")
_missing = [name for name in _names if not (_state / name / "box.json").exists()]
if _missing:
    sys.exit(
        "no inventory.local.py, and no sandbox box either; fix: scripts/try starts a box,"
        " or write inventory.local.py as inventory.py shows"
    )
_boxes = [json.loads((_state / name / "box.json").read_text(encoding="utf-8")) for name in _names]

hosts = [
    (
        box["address"],
        {
            "ssh_user": box["user"],
            "ssh_port": box["ssh_port"],
            "ssh_key": box["key"],
            "ssh_known_hosts_file": box["known_hosts"],
            "settings_file": _settings,
            "secrets_file": _secrets,
        },
    )
    for box in _boxes
]
