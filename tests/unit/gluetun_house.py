"""Settings of Gluetun's stand-in: ProtonVPN by WireGuard, with a key of the test's own."""

from __future__ import annotations

import base64
from pathlib import Path

from sandbox.standins import gluetun_settings

KEY = base64.b64encode(b"k" * 32).decode()
PROTON = {"VPN_SERVICE_PROVIDER": "protonvpn", "VPN_TYPE": "wireguard"}


def read(tmp_path: Path, key: str = KEY, **environment: str) -> gluetun_settings.Settings:
    if key:
        (tmp_path / "wireguard_private_key").write_text(f"{key}\n")
    return gluetun_settings.read({**PROTON, **environment}, tmp_path, ipv6=":" in str(environment))
