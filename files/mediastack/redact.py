"""Masking on the way out: what our command line shows of compose projects and logs.

There should be no secret in either; this is the second fence. `config` masks YAML or JSON values,
NAME=value items and "--option value" pairs whose name tells of a secret, with every line of a value
that goes over several. Logs have no keys to go by, so `text` masks what follows "apikey=",
"password:" and their like. Both mask the password inside an address. Verb: `redact config|text`,
a line in, a line out at once, so that a followed log stays live.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator

MASK = "REDACTED"
_SECRET_NAME = re.compile(r"KEY|TOKEN|PASSWORD|SECRET", re.IGNORECASE)
_ENTRY = re.compile(r"""^( *(?:- +)*)("[^"]*"|'[^']*'|[^\s"'=:][^\s=:]*)(: +)(.+)$""")
_ITEM = re.compile(r"""^( *(?:- +)?)(["']?)([^\s"'=]+)=""")
_OPTION = re.compile(r"""^ *(?:- +)?["']?--?[^\s=]+["']?,?$""")
_LIST_VALUE = re.compile(r"""^( *- +| +(?="))(.*)$""")
_NOT_A_VALUE = re.compile(r"""^(?:[{\[]|\{\}|\[\]|null|"")?,?$""")
_ADDRESS = re.compile(r"(://[^/@:\s]*:)[^/@\s]+@")
_TEXT = re.compile(
    r"""((?:api[_-]?key|token|passw(?:or)?d|secret)["']?(?:=|: ?)["']?)[^]\s&"',;)]+""",
    re.IGNORECASE,
)


def config(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a compose project (YAML, JSON or NAME=value) with secrets masked."""
    hidden_below: int | None = None
    value_follows = False
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        if hidden_below is not None and (not line.strip() or indent > hidden_below):
            continue
        hidden_below = None
        if value_follows and (value := _LIST_VALUE.match(line)):
            value_follows = False
            hidden_below = indent
            yield value[1] + _masked_like(value[2])
            continue
        value_follows = bool(_OPTION.match(line) and _SECRET_NAME.search(line))
        masked = _masked_entry(line)
        if masked is not None:
            # A dash counts as indentation: the keys beside this one in its list item stay.
            hidden_below = len(line) - len(line.lstrip(" -"))
        yield _ADDRESS.sub(rf"\1{MASK}@", line) if masked is None else masked


def text(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a log with whatever looks like a secret masked."""
    for line in lines:
        yield _ADDRESS.sub(rf"\1{MASK}@", _TEXT.sub(rf"\1{MASK}", line))


def main(arguments: list[str]) -> int:
    """Verb `redact config|text`: standard input to standard output."""
    maskers = {"config": config, "text": text}
    if len(arguments) != 1 or arguments[0] not in maskers:
        print("usage: mediastack redact config|text", file=sys.stderr)
        return 2
    # Logs may hold any bytes; they must come out as they went in.
    lines = (raw.rstrip(b"\n").decode("utf-8", "surrogateescape") for raw in sys.stdin.buffer)
    try:
        for line in maskers[arguments[0]](lines):
            sys.stdout.buffer.write(line.encode("utf-8", "surrogateescape") + b"\n")
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python would complain again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _masked_entry(line: str) -> str | None:
    """Return the line with its value masked, None when its name tells of no secret."""
    if (entry := _ENTRY.match(line)) and _SECRET_NAME.search(entry[2]):
        if _NOT_A_VALUE.match(entry[4]):
            return None
        return entry[1] + entry[2] + entry[3] + _masked_like(entry[4])
    if (item := _ITEM.match(line)) and _SECRET_NAME.search(item[3]):
        comma = "," if item[2] and line.endswith(",") else ""
        return f"{item[0]}{MASK}{item[2]}{comma}"
    return None


def _masked_like(value: str) -> str:
    """Keep JSON what was JSON."""
    if value.startswith('"'):
        return f'"{MASK}"' + ("," if value.endswith(",") else "")
    return MASK
