"""config.xml of Sonarr and its kin: flat, one element a line. Other elements stay as they are."""

from __future__ import annotations

import functools
import re
from xml.sax import saxutils


class Unreadable(Exception):
    """It is not what such a file looks like."""


def read(text: str) -> dict[str, str]:
    """Return {element: its text}. Raise Unreadable."""
    if not re.search(r"<Config>.*</Config>\s*\Z", text, re.DOTALL) and "<Config />" not in text:
        raise Unreadable("is no <Config> … </Config>")
    return {name: saxutils.unescape(value, {"&quot;": '"', "&apos;": "'"})
            for name, value in re.findall(r"<(\w+)>([^<]*)</\1>", text)}  # fmt: skip


def replaced(text: str, values: dict[str, str]) -> str:
    """Return the text with these elements set. Raise Unreadable."""
    read(text)
    for name, value in values.items():
        element = f"<{name}>{saxutils.escape(value)}</{name}>"
        text, count = re.subn(
            rf"<{name}>[^<]*</{name}>|<{name}\s*/>",
            functools.partial(_given, element),
            text,
            count=1,
        )
        if not count:
            text = text.replace("</Config>", f"  {element}\n</Config>")
    return text


def _given(text: str, _match: re.Match[str]) -> str:
    """A replacement in which a backslash is one."""
    return text
