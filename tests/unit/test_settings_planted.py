"""Any mixture of mistakes: each one planted is told, and nothing that was not planted.

Faults of one group would meet at the same key or hide one another by design (a table that is
invalid takes no part in the checks across tables), so at most one of each group is planted.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from settings_house import KEY, problems

from service import Service
from settings.model import SECTIONS

Fault = tuple[tuple[str, ...], Any, str]
MINE: dict[str, Any] = {
    "image": "docker.io/library/nginx",
    "tag": "1.29",
    "stack": "media",
    "zone": "bridge",
    "address": 90,
}

# group -> faults: (where, value, start of the line that must tell it)
OWN: dict[str, list[Fault]] = {
    "timezone": [(("host", "timezone"), "Mars/Olympus", "host.timezone: ")],
    "uid": [(("host", "puid"), 0, "host.puid: "), (("host", "puid"), "x", "host.puid: ")],
    "umask": [(("host", "umask"), "0022", "host.umask: ")],
    "host typo": [(("host", "pguid"), 1, "host.pguid: is no setting")],
    "table": [(("hostss",), {}, "hostss: is no setting")],
    "storage": [
        (("storage", "data"), "media", "storage.data: "),
        (("storage", "data"), "/srv/mediastack/config/media", "storage.config: is"),
    ],
    "limits": [(("limits", "lock_wait_seconds"), -1, "limits.lock_wait_seconds: ")],
    "monitor": [(("monitor", "metrics_port"), 80, "monitor.metrics_port: ")],
    "mirror": [(("registry", "mirror"), "http://x", "registry.mirror: ")],
    "docker": [(("docker", "log_max_files"), 1.5, "docker.log_max_files: ")],
    "vpn": [
        (("vpn", "dns_upstream"), "nobody", "vpn.dns_upstream: "),
        (("vpn", "free_only"), True, "vpn.free_only: "),
        (("vpn", "outbound_subnets"), ["10.0.0.0/8"], "vpn.outbound_subnets[0]: "),
        (("vpn", "type"), "openvpn", "vpn.type: was removed"),
    ],
    "sonarr": [
        (("services", "sonarr", "host_port"), 7878, "services.sonarr.host_port: "),
        (("services", "sonarr", "stack"), "ops", "services.sonarr.stack: "),
        (("services", "sonarr", "tag"), "a b", "services.sonarr.tag: "),
        (("services", "sonarr", "port"), 9001, "services.sonarr.port: "),
    ],
    "typo": [(("services", "tautuli"), {"enabled": False}, "services.tautuli: ")],
    "mine": [
        (("services", "mine"), {**MINE, "address": 33}, "services.mine.address: "),
        (("services", "mine"), {**MINE, "owner": True}, "services.mine.owner: "),
        (("services", "mine"), {**MINE, "port": 5055, "publish": True}, "services.mine.port: "),
    ],
    "proxy": [
        (
            ("services", "socket-proxy-heal", "enabled"),
            False,
            "services.socket-proxy-heal.enabled: ",
        )
    ],
    "environment": [
        (
            ("services", "seerr", "environment"),
            {"API_KEY": "x"},
            "services.seerr.environment.API_KEY: ",
        )
    ],
}
SECRETS: dict[str, list[Fault]] = {
    "key": [
        (("gluetun", "wireguard_private_key"), "", "gluetun.wireguard_private_key: is missing"),
        (("gluetun", "wireguard_private_key"), KEY[4:], "gluetun.wireguard_private_key: is 29"),
    ],
    "other": [(("plex", "claim"), "canary", "plex.claim: is a secret nothing reads")],
    "token": [(("notify", "token"), "canary", "notify.token: is given")],
}


def mixture(table: dict[str, list[Fault]]) -> st.SearchStrategy[list[Fault]]:
    """Return lists with at most one fault of each group."""
    return st.tuples(*(st.sampled_from([None, *faults]) for faults in table.values())).map(
        lambda chosen: [fault for fault in chosen if fault]
    )


def plant(house: dict[str, Any], where: tuple[str, ...], value: Any) -> None:
    *tables, key = where
    for table in tables:
        house = house.setdefault(table, {})
    house[key] = value


@profile(max_examples=150, deadline=None)
@given(mixture(OWN), mixture(SECRETS), st.integers())
def test_each_planted_fault_is_told_and_none_is_invented(
    own: list[Fault], secret: list[Fault], seed: int
) -> None:
    house: dict[str, Any] = {"vpn": {"countries": ["Sweden"]}}
    secrets: dict[str, Any] = {"gluetun": {"wireguard_private_key": KEY}}
    for where, value, _ in random.Random(seed).sample(own, len(own)):
        plant(house, where, value)
    for where, value, _ in secret:
        plant(secrets, where, value)
    wanted = [f"settings.local.toml: {line}" for _, _, line in own]
    wanted += [f"secrets.toml: {line}" for _, _, line in secret]
    with tempfile.TemporaryDirectory() as folder:
        found = problems(Path(folder), house, secrets)
    for line in wanted:
        assert [entry for entry in found if entry.startswith(line)], f"not told: {line}"
    for entry in found:
        assert any(entry.startswith(line) for line in wanted), f"invented: {entry}"
    assert len(found) == len(wanted)
    assert "canary" not in "".join(found)


FIELDS = [name for model in SECTIONS.values() for name in model.model_fields]
NAMES = st.sampled_from(
    [*SECTIONS, *FIELDS, *Service.model_fields, "services", "sonarr", "gluetun", "a.b", "a\nb", ""]
)
VALUES = st.recursive(
    st.none().map(lambda _: "")
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@profile(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES) | VALUES), st.booleans())
def test_whatever_toml_can_hold_is_told_in_lines_and_never_crashes(
    tables: dict[str, Any], below_services: bool
) -> None:
    house = {"services": tables} if below_services else tables
    with tempfile.TemporaryDirectory() as folder:
        found = problems(Path(folder), house, house)
    assert all("; fix: " in line and line.isprintable() for line in found)
