"""What Gluetun prints in its trial, read back: which setting, which fix, and nothing secret.

The lines are composed after Gluetun's v3.41 format strings, with made-up servers.
"""

from __future__ import annotations

import pytest

from mediastack import vpn_trial_words as words

START = "2026-11-27T08:00:00Z ERROR validating settings: VPN settings: provider settings: "
FILTER = f"{START}server selection: for VPN service provider protonvpn: "
NOT_ONE = "value is not one of the possible choices: none of"


@pytest.mark.parametrize(
    ("line", "setting", "fix"),
    [
        (
            f"{FILTER}the country specified is not valid: {NOT_ONE} netherland is one of the "
            "choices available Germany, Netherlands, Switzerland",
            "vpn.countries",
            "did you mean Netherlands?",
        ),
        (
            f"{FILTER}the country specified is not valid: {NOT_ONE} atlantis is one of the "
            "choices available Germany, Netherlands",
            "vpn.countries",
            "one of Germany, Netherlands",
        ),
        (
            f"{FILTER}the city specified is not valid: {NOT_ONE} amsterdm, utopia is one of the "
            "choices available Amsterdam, Zurich",
            "vpn.cities",
            "did you mean Amsterdam?",
        ),
        (f"{FILTER}the region specified is not valid: no choice", "vpn.regions", "as Gluetun"),
        (f"{FILTER}the hostname specified is not valid: x", "vpn.hostnames", "server list"),
        (
            "ERROR no server found: for VPN wireguard; protocol udp; country Netherlands; "
            "port forwarding only",
            "vpn.countries, vpn.regions, vpn.cities, vpn.hostnames",
            "fewer or other filters",
        ),
        (f"{START}port forwarding: port forwarding cannot be enabled: x", "vpn.port_forw", "false"),
        (f"{FILTER}free only filter is not supported", "vpn.free_only", "free_only = false"),
        (
            "ERROR validating settings: VPN settings: Wireguard settings: private key is not "
            "valid: wgtypes: incorrect key size: 31",
            "gluetun.wireguard_private_key",
            "PrivateKey = ",
        ),
        (
            "ERROR validating settings: VPN settings: Wireguard settings: pre-shared key not set",
            "gluetun.wireguard_preshared_key",
            "PresharedKey = ",
        ),
        (
            "ERROR VPN settings: Wireguard settings: interface address is IPv6 but IPv6 is not "
            "supported: address 2a07::2/128",
            "vpn.addresses",
            "IPv4",
        ),
        ("ERROR setting up storage: reading servers from file: x", "/gluetun/servers.json", "rem"),
        ("ERROR validating settings: dns settings: x", "vpn.dns_upstream", "DNS provider"),
        ("ERROR validating settings: health settings: x", "[vpn] or", "above"),
    ],
)
def test_a_refusal_names_the_setting_and_the_fix(line: str, setting: str, fix: str) -> None:
    found = words.judge(1, f"some warning\n{line}\n2026-11-27T08:00:00Z INFO Shutdown successful\n")
    assert found.outcome == "refused"
    assert found.setting.startswith(setting)
    assert fix in found.fix
    assert "ERROR" not in found.words
    told = words.message(found, running=True)
    assert told.startswith(found.setting)
    assert "; fix: " in told and "keeps its old settings" in told


def test_an_end_without_error_is_an_acceptance_whatever_was_printed() -> None:
    assert words.judge(0, "client\ndev tun\nERROR in a comment\n").outcome == "accepted"


@pytest.mark.parametrize(
    "panic",
    [
        "panic: failed extracting information from custom configuration file: open : no such file",
        "panic: OpenVPN is no longer supported\n\ngoroutine 1 [running]:\n"
        "…/internal/provider/mullvad.(*Provider).OpenVPNConfig(0xc000)",
    ],
)
def test_the_last_step_which_is_of_no_use_to_wireguard_may_panic(panic: str) -> None:
    assert words.judge(2, panic).outcome == "accepted"


@pytest.mark.parametrize(
    ("code", "output"),
    [
        (1, "2026-11-27T08:00:00Z ERROR command is unknown: openvpnconfig"),
        (1, "ERROR checking for IPv6 support: listing IPv6 routes: operation not permitted"),
        (2, "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()"),
        (137, ""),
        (127, "exec /gluetun-entrypoint: no such file or directory"),
    ],
)
def test_what_says_nothing_about_the_settings_is_not_taken_for_a_refusal(
    code: int, output: str
) -> None:
    assert words.judge(code, output).outcome == "unsaid"


def test_no_secret_and_no_endless_list_is_repeated() -> None:
    choices = ", ".join(f"node-{number:05}.example" for number in range(5000))
    line = f"{FILTER}the hostname specified is not valid: {NOT_ONE} s3cr3t-key is one of the "
    found = words.judge(
        1, f"\x1b[31mERROR\x1b[0m {line}choices available {choices}", ("s3cr3t-key",)
    )
    assert "s3cr3t" not in " ".join(found)
    assert "REDACTED" in found.words
    assert len(words.message(found, running=False)) < 1200
    assert "4988 more" in found.fix
