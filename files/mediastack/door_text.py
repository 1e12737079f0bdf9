"""What a stranger says, as it may be shown on a telephone: pure.

Bounded, one line, without links (they carry keys), e-mail addresses, long runs of letters and
digits (keys, hashes), and directories other than /data's.
"""

from __future__ import annotations

import re

from mediastack import redact

FIELD_LIMIT = 200
# Longer than any field that is worth reading; patterns see no more than this.
LOOKED_AT = 2000

_LINK = re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://\S*", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,5}")
_OURS = re.compile(r"/data(?![\w.-])")
_PATH = re.compile(r"(?<![\w/.])(?:/[\w.@+-]+){2,}/?|\b[A-Za-z]:\\\S+|\\\\\w\S+|~/\S+")
_KEY = re.compile(r"\b(?:(?:tk|qbt)_\w{8,}|[A-Za-z0-9]{28,})")
_SPACE = re.compile(r"\s+")


def clean(value: object, limit: int = FIELD_LIMIT) -> str:
    """Return text of a stranger as one line that may be shown: bounded, no link, key or path."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    text = str(value)[:LOOKED_AT] if isinstance(value, str) else str(value % 10**12)
    text = text.encode(errors="replace").decode()
    text = "".join(one if one.isprintable() else " " for one in text)
    text = _LINK.sub("[link]", text)
    text = next(redact.text([text]))
    text = _MAIL.sub("[address]", text)
    text = _PATH.sub(lambda found: found[0] if _OURS.match(found[0]) else "[path]", text)
    text = _SPACE.sub(" ", _KEY.sub(redact.MASK, text)).strip()
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
