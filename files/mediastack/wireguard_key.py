"""What a WireGuard key looks like, and what people paste instead of one.

Used on both sides: by the settings before a deploy, and by `rotate` on the host. A message names
what is wrong and how to mend it, and never holds any of what was pasted.
"""

from __future__ import annotations

import base64
import binascii

BYTES = 32
CHARACTERS = 44
# An access token of NordVPN, which many take for the key, has this many.
TOKEN_BYTES = 48
NAMES = {
    "wireguard_private_key": "PrivateKey",
    "wireguard_preshared_key": "PresharedKey",
}


def problem(text: str, line: str = "PrivateKey") -> tuple[str, str] | None:
    """Return (what is wrong, the fix) with a key, None when it is one. `line`: its name in a
    WireGuard file. White space around a key is nobody's mistake."""
    text = text.strip()
    copy = f"copy the text after '{line} = ', {CHARACTERS} characters, and nothing else"
    if not text:
        return "is empty", copy
    if "[Interface]" in text or "[Peer]" in text:
        return "is a whole WireGuard file", copy
    if "\n" in text or "\r" in text:
        return "goes over several lines", copy
    for name in ("PrivateKey", "PresharedKey", "PublicKey"):
        if text.lower().replace(" ", "").startswith(f"{name.lower()}="):
            wrong = f"begins with '{name} ='"
            return (wrong if name == line else f"{wrong}: that is another key"), copy
    if not text.isascii() or not text.isprintable():
        return "holds letters that no key has", copy
    try:
        size = len(base64.b64decode(text, validate=True))
    except binascii.Error:
        return f"is not base64 ({len(text)} characters)", copy
    if size == TOKEN_BYTES:
        wrong = f"is {size} bytes long, a WireGuard key has {BYTES}"
        return wrong, f"a NordVPN access token is not the key; {copy}"
    if size != BYTES:
        return f"is {size} bytes long, a WireGuard key has {BYTES}", copy
    if not any(base64.b64decode(text)):
        return "is nothing but zeros", copy
    return None


def taken_from(text: str) -> str:
    """Return the private key of a WireGuard file; any other text as it is, without white space
    around it."""
    if "[Interface]" not in text:
        return text.strip()
    section = text.partition("[Interface]")[2].partition("[")[0]
    for line in section.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip().lower() == "privatekey":
            return value.strip()
    return ""
