"""Writes docs/settings.md from what the program itself reads: defaults, models, catalog, renames.

The text of a setting is its comment in group_data/all.py, the text of a service's field the line
below it in service.py, so the page cannot say anything else than the code. `--check` changes
nothing and fails when the page is old (a unit test runs it).
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from catalog import SERVICES
from service import Service
from settings.overrides import FORBIDDEN, FORBIDDEN_IN_CATALOG, REQUIRED
from settings.problems import RENAMED
from settings.user_secrets import NOTIFY_TOKEN, allowed, variable
from settings.vpn_providers import PROVIDERS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "settings.md"
DEFAULTS = ROOT / "group_data" / "all.py"
HEAD = """# Settings

<!-- Written by scripts/settings-docs from group_data/all.py and the catalog: change those. -->

Your values go into `settings.local.toml`, your secrets into `secrets.toml` (`chmod 600`), both
beside `deploy.py`; git ignores them, so `git pull` never conflicts. Write only what differs from
the defaults below:

```toml
[host]
timezone = "Europe/Berlin"

[vpn]
countries = ["Netherlands"]

[services.dozzle]
enabled = false          # removes it, also from the host
```

The deploy reads everything before it connects and tells all mistakes at once, one line each:
`settings.local.toml: host.puid: is 0, which is root …; fix: …`.
"""


def comments(file: Path = DEFAULTS) -> dict[str, dict[str, tuple[str, str]]]:
    """Return {table: {key: (default as TOML, comment)}} of group_data/all.py.

    Raise ValueError for a key without a comment line of its own above it.
    """
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    tables: dict[str, dict[str, tuple[str, str]]] = {}
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Dict):
            continue
        (target,) = node.targets
        table = tables.setdefault(ast.unparse(target), {})
        for key, value in zip(node.value.keys, node.value.values, strict=True):
            name, above = ast.literal_eval(key) if key else "", lines[value.lineno - 2].strip()
            if not above.startswith("# "):
                raise ValueError(f"{file.name}: {name} has no comment line above it")
            table[name] = (_toml(ast.literal_eval(value)), above[2:])
    return tables


def fields() -> dict[str, str]:
    """Return {field: its docstring or ""} of a service, without the fields a user cannot set."""
    tree = ast.parse((ROOT / "service.py").read_text(encoding="utf-8"))
    body = next(
        node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Service"
    )
    texts: dict[str, str] = {}
    for node, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = below.value if isinstance(below, ast.Expr) else None
            words = str(text.value) if isinstance(text, ast.Constant) else ""
            texts[node.target.id] = re.sub(r"\s+", " ", words).strip()
    return {name: text for name, text in texts.items() if name not in FORBIDDEN}


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *_settings(), *_services(), *_secrets(), *_renames()]) + "\n"


def main(arguments: list[str]) -> int:
    """Write the page, or with --check only compare it; return the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: scripts/settings-docs [--check]", file=sys.stderr)
        return 2
    wanted = page()
    if arguments:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == wanted:
            return 0
        print("docs/settings.md is old; fix: run scripts/settings-docs", file=sys.stderr)
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


def _settings() -> Iterator[str]:
    for table, keys in comments().items():
        yield f"## [{table}]\n\n| key | default | why |\n| --- | --- | --- |"
        for name, (default, why) in keys.items():
            yield f"| `{name}` | `{default}` | {_cell(why)} |"
        if table == "vpn":
            yield f"\nProviders: {', '.join(PROVIDERS)}."
        yield ""


def _services() -> Iterator[str]:
    yield "## [services.<name>]\n\nA table under a name of the catalog changes that service:"
    yield "`environment` key by key, every other field as a whole. These come with the product:\n"
    yield "| name | what | stack | zone | port | on |\n| --- | --- | --- | --- | --- | --- |"
    for service in SERVICES.values():
        port = service.published_port or ""
        on = "yes" if service.enabled else "no"
        cells = (service.name, service.summary, service.stack, service.zone, str(port), on)
        yield f"| {' | '.join(map(_cell, cells))} |"
    yield f"\nAny other name is a service of your own; it needs {', '.join(REQUIRED)}. Fields:\n"
    yield "| field | default | what |\n| --- | --- | --- |"
    for name, text in fields().items():
        field = Service.model_fields[name]
        default = "" if field.is_required() else f"`{_toml(field.default)}`"
        yield f"| `{name}` | {default} | {_cell(text)} |"
    yield "\nWhat cannot be set, and why:\n"
    for name, why in FORBIDDEN.items():
        yield f"- `{name}`: {why}."
    for name, why in FORBIDDEN_IN_CATALOG.items():
        yield f"- `{name}` of a service of the catalog: {why}."
    yield ""


def _secrets() -> Iterator[str]:
    yield "## secrets.toml\n\nOnly what nobody else can make; API keys and passwords between the"
    yield "services are made on the host. An environment variable goes before the file.\n"
    yield "| in secrets.toml | environment variable |\n| --- | --- |"
    for reference in allowed(SERVICES):
        service, _, name = reference.partition("/")
        note = " (only with `notify.server`)" if reference == NOTIFY_TOKEN else ""
        yield f'| `[{service}]` `{name} = "…"`{note} | `{variable(reference)}` |'
    yield ""


def _renames() -> Iterator[str]:
    yield "## Names that are gone\n"
    for old, new in RENAMED.items():
        name, _, why = new.partition("|")
        yield f"- `{old}`: " + (f"now `{name}`." if name else f"removed, {why}.")


def _toml(value: object) -> str:
    """Return a default the way the user would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
