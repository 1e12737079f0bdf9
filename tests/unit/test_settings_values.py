"""Every rule about one value has a value that breaks it, told at its own path with a fix."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from settings_house import load, problems

WRONG: list[tuple[str, Any, str]] = [
    ("host.timezone", "Europe/Berlim", "Europe/Berlin"),
    ("host.timezone", "", "Europe/Berlin"),
    ("host.user", "root", "not root"),
    ("host.user", "Media Stack", "lower-case"),
    ("host.group", "9media", "lower-case"),
    ("host.puid", 0, "apps would run as root"),
    ("host.puid", "1000", "without quotes"),
    ("host.pgid", 65534, "1 to 65533"),
    ("host.pgid", True, "without quotes"),
    ("host.umask", "777", '"002"'),
    ("host.umask", 2, "in quotes"),
    ("host.umask", "2", '"002"'),
    ("storage.data", "/", "absolute path"),
    ("storage.data", "data", "absolute path"),
    ("storage.data", "/mnt/../etc", "absolute path"),
    ("storage.data", "/mnt/media/", "absolute path"),
    ("storage.data", "/mnt/my media", "absolute path"),
    ("storage.data", "/mnt/media:ro", "absolute path"),
    ("storage.config", "/home/me/config", "/srv"),
    ("storage.backups", "/var/lib/mediastack/backups", "/srv"),
    ("storage.minimum_free_gib", 0, "at least 1"),
    ("network.subnet", "172.30.0.1/24", "zeros"),
    ("network.subnet", "172.30.0.0/30", "/16 to /28"),
    ("network.subnet", "203.0.113.0/24", "172.30.0.0/24"),
    ("network.subnet", "172.17.0.0/24", "172.30.0.0/24"),
    ("network.ipv6_subnet", "fe80::/64", "fd00:30::/64"),
    ("network.ipv6_subnet", "172.30.0.0/24", "fd00:30::/64"),
    ("network.bind_address", "eth0", '"auto"'),
    ("network.bind_address", "224.0.0.1", '"auto"'),
    ("docker.source", "snap", "'distribution'"),
    ("docker.log_max_size", "10MB", '"10m"'),
    ("docker.log_max_files", 0, "at least 1"),
    ("docker.insecure_registries", "registry.lan:5000", '["one", "two"]'),
    ("docker.insecure_registries", ["http://registry.lan"], "registry.lan:5000"),
    ("registry.mirror", "https://registry.lan:5000", "registry.lan:5000"),
    ("registry.mirror", "registry", "registry.lan:5000"),
    ("vpn.provider", "proton vpn", "did you mean protonvpn?"),
    ("vpn.provider", "private internet access", "one of airvpn"),
    ("vpn.countries", ["Netherlands,Sweden"], "without commas"),
    ("vpn.regions", [""], "one name per entry"),
    ("vpn.cities", "Oslo", '["one", "two"]'),
    ("vpn.hostnames", ["a\nb"], "one name per entry"),
    ("vpn.port_forwarding", "on", "true or false"),
    ("vpn.free_only", 1, "true or false"),
    ("vpn.addresses", "10.64.0.2", '"10.64.0.2/32"'),
    ("vpn.addresses", "10.64.0.2/33", '"10.64.0.2/32"'),
    ("vpn.addresses", "10.64.0.2/032", '"10.64.0.2/32"'),
    ("vpn.addresses", "10.64.0.2/255.255.255.255", '"10.64.0.2/32"'),
    ("vpn.addresses", "10.64.0.2/32,", "no address with prefix"),
    ("vpn.addresses", "10.64.0.2/32, fc00::2", "no address with prefix"),
    ("vpn.addresses", "10.64.0.2/32, mullvad", "no address with prefix"),
    ("vpn.addresses", "Address = 10.64.0.2/32", "behind 'Address = '"),
    ("vpn.addresses", "0.0.0.0/0, ::/0", "AllowedIPs"),
    ("vpn.addresses", "127.0.0.1/8", "no VPN gives"),
    ("vpn.addresses", "fe80::1%eth0/64", "no address with prefix"),
    ("vpn.addresses", "fc00:bbbb::2/128", "IPv6 only"),
    ("vpn.cities", ["$(reboot)"], "plain name"),
    ("vpn.cities", [" Oslo"], "plain name"),
    ("vpn.exit_check_url", "api.ipify.org", "https://api.ipify.org"),
    ("vpn.exit_check_url", "ftp://example.org/ip", "https://api.ipify.org"),
    ("vpn.exit_check_url_ipv6", "https://me:pw@example.org", "https://api.ipify.org"),
    ("vpn.exit_check_resolver", "dns.quad9.net", "9.9.9.9"),
    ("vpn.exit_check_resolver_ipv6", "::1", "no public DNS server"),
    ("vpn.outbound_subnets", ["192.168.1.7/24"], "zeros"),
    ("vpn.dns_upstream", "cloudflair", "cloudflare security"),
    ("notify.server", "http://ntfy.lan", "https"),
    ("notify.server", "https://ntfy.sh/mytopic", "without a path"),
    ("notify.server", "https://me:pw@ntfy.sh", "password"),
    ("notify.topic", "media stack", "letters, digits"),
    ("notify.quiet_hours", "22-7", "22:00-07:00"),
    ("notify.quiet_hours", "22:00-22:00", "no span of time"),
    ("notify.quiet_hours", "22:00-24:00", "no span of time"),
    ("limits.lock_wait_seconds", 0, "at least 1"),
    ("limits.health_wait_seconds", 100000, "at most 7200"),
    ("monitor.healthy_seconds", 0, "at least 10"),
    ("monitor.cascades_per_hour", 0, "at least 1"),
    ("monitor.cascades_per_hour", 1001, "at most 1000"),
    ("monitor.pause_seconds", 1, "at least 60"),
    ("monitor.loop_cascades", 1, "at least 2"),
    ("monitor.loop_seconds", "2m", "without quotes"),
    ("monitor.unhealthy_seconds", 9, "at least 10"),
    ("monitor.restarts_per_hour", -1, "at least 0"),
    ("monitor.owner_unhealthy_seconds", 0, "at least 30"),
    ("monitor.restart_owner_seconds", 30, "0 for never"),
    ("monitor.restart_owner_seconds", 86401, "0 for never"),
    ("monitor.reminder_seconds", 1, "at least 300"),
    ("monitor.disk_free_least", 5, "at most 0.5"),
    ("monitor.disk_free_least", "5 %", "like 0.05"),
    ("disk.warn", "50", '"20 GiB"'),
    ("disk.pause", "20 GB", '"20 GiB"'),
    ("disk.pause", 20, "in quotes"),
    ("disk.resume", "0%", "nothing at all"),
    ("disk.warn", "95%", "more than a disk"),
    ("disk.pause_downloads", "no", "true or false"),
    ("monitor.metrics_port", 80, "1024 to 65535"),
    ("monitor.metrics_port", 65536, "1024 to 65535"),
    ("monitor.metrics_port", True, "without quotes"),
]

RIGHT: list[tuple[str, Any]] = [
    ("host.timezone", "Europe/Berlin"),
    ("host.umask", "022"),
    ("storage.data", "/mnt/media-1"),
    ("network.subnet", "192.168.200.0/24"),
    ("network.ipv6_subnet", "fd00:30::/64"),
    ("network.bind_address", "0.0.0.0"),
    ("network.bind_address", "192.168.1.10"),
    ("docker.source", "distribution"),
    ("docker.insecure_registries", ["registry.lan:5000"]),
    ("registry.mirror", "localhost:5000"),
    ("vpn.countries", ["Netherlands"]),
    ("vpn.addresses", "10.14.0.2/16"),
    ("vpn.cities", ["Côte d'Azur", "Washington D.C."]),
    ("vpn.exit_check_url", ""),
    ("vpn.exit_check_url", "http://203.0.113.80/ip"),
    ("vpn.exit_check_url_ipv6", "http://[2001:db8:f::80]/ip"),
    ("vpn.exit_check_resolver", ""),
    ("vpn.outbound_subnets", ["192.168.1.0/24"]),
    ("vpn.dns_upstream", "quad9,cloudflare"),
    ("notify.server", "https://ntfy.example.org"),
    ("notify.quiet_hours", "22:00-07:00"),
    ("notify.quiet_hours", "13:00-14:30"),
    ("notify.quiet_hours", ""),
    ("disk.warn", "12.5% or 1 TiB"),
    ("disk.resume", "7% or 40 GiB"),
    ("disk.pause_downloads", False),
]


def planted(path: str, value: Any) -> dict[str, Any]:
    section, _, key = path.partition(".")
    return {section: {key: value}}


@pytest.mark.parametrize(("path", "value", "fix"), WRONG)
def test_a_wrong_value_is_told_once_at_its_path_with_a_fix(
    tmp_path: Path, path: str, value: Any, fix: str
) -> None:
    found = problems(tmp_path, planted(path, value))
    assert len(found) == 1
    assert found[0].startswith(f"settings.local.toml: {path}")
    wrong, separator, how = found[0].partition("; fix: ")
    assert separator and fix in wrong + how


@pytest.mark.parametrize(("path", "value"), RIGHT)
def test_a_right_value_is_taken(tmp_path: Path, path: str, value: Any) -> None:
    section, _, key = path.partition(".")
    taken = getattr(getattr(load(tmp_path, planted(path, value)), section), key)
    assert (list(taken) if isinstance(taken, tuple) else taken) == value


def test_without_time_zone_data_here_a_name_of_the_right_form_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    assert load(tmp_path, planted("host.timezone", "Europe/Berlin")).host.timezone
    assert problems(tmp_path, planted("host.timezone", "Europe Berlin"))
