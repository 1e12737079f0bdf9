"""What Gluetun said in its trial: accepted, refused (which setting, how to mend it), or nothing.

Pure. Facts (Gluetun v3.41, cmd/gluetun, internal/cli/openvpnconfig, internal/configuration): the
command reads and validates everything, picks a server, then prints an OpenVPN configuration. For
providers that have none (custom over WireGuard) that last step panics, long after the settings
were found valid. A refusal is one line `… ERROR …` and exit 1. What names a state of the machine
instead of a setting, or a command that the image does not know, says nothing about the settings.
"""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple

MAXIMUM_CHARACTERS = 400
SHOWN_CHOICES = 12
DATE_AND_LEVEL = re.compile(r"^.*?\bERROR\b\s*(\[[^]]*\]\s*)?")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
CHOICES = re.compile(r"none of (.+?) is one of the choices available (.*)$")
# The last step, after everything was found valid.
LAST_STEP = ("OpenVPNConfig(", "failed extracting information from custom configuration file")
NOT_ABOUT_SETTINGS = ("command is unknown", "checking for IPv6 support")
ENVIRONMENT = "services.gluetun.environment"
# Words of Gluetun, the setting they are about, what to do. The first that fits counts.
MEANINGS: tuple[tuple[str, str, str], ...] = (
    ("country specified", "vpn.countries", "a country as Gluetun spells it"),
    ("region specified", "vpn.regions", "a region as Gluetun spells it"),
    ("city specified", "vpn.cities", "a city as Gluetun spells it"),
    ("hostname specified", "vpn.hostnames", "a host name that is in Gluetun's server list"),
    ("ISP specified", f"{ENVIRONMENT}.ISP", "a name as Gluetun spells it, or delete the line"),
    ("category specified", f"{ENVIRONMENT}.SERVER_CATEGORIES", "delete the line"),
    ("server name specified", f"{ENVIRONMENT}.SERVER_NAMES", "delete the line"),
    (
        "no server found",
        "vpn.countries, vpn.regions, vpn.cities, vpn.hostnames",
        "fewer or other filters: no server fits all of them together (with vpn.port_forwarding "
        "only servers that forward ports count, with vpn.free_only only free ones)",
    ),
    ("free only", "vpn.free_only", "free_only = false"),
    ("port forwarding", "vpn.port_forwarding", "port_forwarding = false, or another provider"),
    ("provider name is not valid", "vpn.provider", "a provider that this Gluetun knows"),
    (
        "pre-shared key",
        "gluetun.wireguard_preshared_key",
        "the text after 'PresharedKey = ' of your WireGuard file, in secrets.toml",
    ),
    (
        "private key",
        "gluetun.wireguard_private_key",
        "the text after 'PrivateKey = ' of your WireGuard file, in secrets.toml",
    ),
    ("address is IPv6", "vpn.addresses", "the IPv4 address alone"),
    ("interface address", "vpn.addresses", "the Address line of your WireGuard file"),
    ("parsing address", "vpn.addresses", "the Address line of your WireGuard file"),
    ("outbound subnet", "vpn.outbound_subnets", "networks like 192.168.1.0/24"),
    ("endpoint IP", f"{ENVIRONMENT}.WIREGUARD_ENDPOINT_IP", "the server's IP address"),
    ("endpoint port", f"{ENVIRONMENT}.WIREGUARD_ENDPOINT_PORT", "a port that the provider has"),
    ("public key", f"{ENVIRONMENT}.WIREGUARD_PUBLIC_KEY", "the server's public key"),
    ("dns", "vpn.dns_upstream", "a DNS provider that this Gluetun knows"),
    ("servers", "/gluetun/servers.json", "remove it: Gluetun then takes the list of its image"),
)
# Where in its settings Gluetun is; `setting` says it in ours.
PLACES = (
    *("validating settings: ", "VPN settings: ", "provider settings: ", "server selection: "),
    "Wireguard settings: ",
)
ELSEWHERE = ("[vpn] or [services.gluetun.environment]", "what Gluetun names above")


class Judgment(NamedTuple):
    """`outcome`: "accepted", "refused" or "unsaid"; `words`: Gluetun's own, shortened."""

    outcome: str
    words: str = ""
    setting: str = ""
    fix: str = ""


def judge(exit_code: int, output: str, secrets: tuple[str, ...] = ()) -> Judgment:
    """Return what an exit code and everything printed mean. No `secrets` are in the answer."""
    text = COLOURS.sub("", output)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "REDACTED")
    if exit_code == 0:
        return Judgment("accepted")
    if "panic: " in text and any(words in text for words in LAST_STEP):
        return Judgment("accepted")
    errors = [line for line in text.splitlines() if re.search(r"\bERROR\b", line)]
    if "panic: " in text or not errors:
        last = next((line for line in reversed(text.splitlines()) if line.strip()), "nothing")
        return Judgment("unsaid", f"exit code {exit_code}: {_short(last.strip())}")
    said = DATE_AND_LEVEL.sub("", errors[-1]).strip()
    if any(words in said for words in NOT_ABOUT_SETTINGS):
        return Judgment("unsaid", _short(said))
    setting, fix = _meaning(said)
    while place := next((one for one in PLACES if said.startswith(one)), ""):
        said = said.removeprefix(place)
    if choices := CHOICES.search(said):
        fix = _choice(choices[1], choices[2].split(", ")) or fix
        said = said[: choices.end(1)] + " is in its list"
    return Judgment("refused", _short(said), setting, fix)


def message(judgment: Judgment, running: bool) -> str:
    """Return the refusal as one line for the user."""
    state = "the running Gluetun keeps its old settings" if running else "Gluetun was not started"
    return (
        f"{judgment.setting}: Gluetun refuses it: {judgment.words}; fix: {judgment.fix} "
        f"({state}; deploy again)"
    )


def _meaning(said: str) -> tuple[str, str]:
    lower = said.lower()
    for words, setting, fix in MEANINGS:
        if words.lower() in lower:
            return setting, fix
    return ELSEWHERE


def _choice(wanted: str, choices: list[str]) -> str:
    """The nearest name for each that was wanted, else the first of the list."""
    by_lower = {choice.lower(): choice for choice in choices if choice}
    near = [
        by_lower[found[0]]
        for name in wanted.split(", ")
        if (found := difflib.get_close_matches(name.lower(), by_lower, 1, 0.6))
    ]
    if near:
        return f"did you mean {', '.join(near)}?"
    shown = ", ".join(sorted(by_lower.values())[:SHOWN_CHOICES])
    more = len(by_lower) - SHOWN_CHOICES
    return f"one of {shown}{f' and {more} more' if more > 0 else ''}" if shown else ""


def _short(text: str) -> str:
    return text if len(text) <= MAXIMUM_CHARACTERS else f"{text[: MAXIMUM_CHARACTERS - 1]}…"
