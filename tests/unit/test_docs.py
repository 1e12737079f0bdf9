"""What the documentation names exists: links, scripts, verbs, settings, services."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import SERVICES
from settings.model import SECTIONS
from tests.unit import settings_house

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    + list((ROOT / "docs").rglob("*.md"))
)
# Public sites that a reader may want; addresses of package indexes and of machines are none.
SITES = {
    "pyinfra.com",
    "keepachangelog.com",
    "semver.org",
    "ntfy.sh",
    "api.ipify.org",
    "api6.ipify.org",
}
PRIVATE = re.compile(r"^(10\.|192\.168\.|172\.30\.|127\.0\.0\.1)")


def name_of(page: Path) -> str:
    """A page's name within the repository."""
    return str(page.relative_to(ROOT))


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def code(text: str) -> Iterator[str]:
    """Everything set as code: fenced blocks first, then spans in what is left."""
    fence = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
    yield from fence.findall(text)
    yield from re.findall(r"`([^`\n]+)`", fence.sub("", text))


def broken_links(page: Path, text: str) -> list[str]:
    """Relative links to no file, or to no heading of it."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    return broken


def anchors(file: Path) -> set[str]:
    """The names of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def unknown_scripts(text: str) -> set[str]:
    """Names of scripts that are no file of scripts/."""
    named = set(re.findall(r"(?<![\w/])scripts/([a-z][\w-]*)", text))
    return {name for name in named if not (ROOT / "scripts" / name).is_file()}


def manage_verbs() -> tuple[set[str], set[str]]:
    """The verbs of a stack and of the host, from the script itself."""
    source = (ROOT / "files" / "stack-manage.sh").read_text(encoding="utf-8")
    found = [re.search(rf"{kind}_VERBS=\((.*?)\)", source, re.DOTALL) for kind in ("STACK", "HOST")]
    stack, host = (set(one.group(1).split()) for one in found if one)
    return stack, host


def unknown_verbs(text: str) -> set[str]:
    """What follows stack-manage.sh in code and is no verb of it."""
    of_stack, of_host = manage_verbs()
    unknown = set()
    for piece in code(text):
        for first, second in re.findall(
            r"stack-manage\.sh (<?[a-z|-]+>?)(?: (<?[a-z-]+>?))?", piece
        ):
            if first in ("downloads", "media", "ops", "all", "<stack>"):
                if second not in of_stack | {""}:
                    unknown.add(f"{first} {second}")
            elif first not in of_host:
                unknown.add(first)
    return unknown


def unknown_settings(text: str) -> set[str]:
    """`section.key` in code that is no setting. Files (config.py) and units are none."""
    unknown = set()
    for piece in code(text):
        for section, key in re.findall(r"(?<![\w./-])([a-z]+)\.([a-z_]+)(?![\w(/.-])", piece):
            if section not in SECTIONS or key in ("py", "json", "service", "env", "io", "lan"):
                continue
            if key not in SECTIONS[section].model_fields:
                unknown.add(f"{section}.{key}")
    return unknown


def strange_sites(text: str) -> set[str]:
    """Hosts of links and addresses that are neither well known nor private."""
    hosts = {host.partition(":")[0] for host in re.findall(r"https?://([\w.:-]+)", text)}
    return {host for host in hosts if host not in SITES and not PRIVATE.match(host)}


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


@each_page
def test_every_script_exists(page: Path) -> None:
    assert unknown_scripts(page.read_text(encoding="utf-8")) == set()


@each_page
def test_every_verb_of_stack_manage_exists(page: Path) -> None:
    assert unknown_verbs(page.read_text(encoding="utf-8")) == set()


# The generated page lists the settings that are gone.
@pytest.mark.parametrize("page", [one for one in PAGES if one.name != "settings.md"], ids=name_of)
def test_every_setting_exists(page: Path) -> None:
    assert unknown_settings(page.read_text(encoding="utf-8")) == set()


@each_page
def test_no_page_names_a_package_index_or_a_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert strange_sites(text) == set()
    assert not re.search(r"(?<![\w.])/(work|home)/", text)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_example_of_settings_is_accepted(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^ *```toml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        # What an example says of backups may ask for the password of their repository.
        key = {"wireguard_private_key": settings_house.KEY}
        secrets = {"gluetun": key, "backup": {"repository_password": "given"}}
        settings_house.load(tmp_path, block, secrets)


def test_the_python_examples_are_python() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for indent, block in re.findall(
            r"^( *)```python\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL
        ):
            ast.parse("\n".join(line.removeprefix(indent) for line in block.splitlines()))


def test_the_table_of_the_readme_is_the_catalog() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("| zone |")[2].partition("\n\n")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("|")]
    named = [name for row in rows for name in re.findall(r"`([\w-]+)`", row[-2])]
    assert sorted(named) == sorted(name for name, one in SERVICES.items() if one.enabled)
    for row in rows[1:]:
        for name in re.findall(r"`([\w-]+)`", row[-2]):
            assert SERVICES[name].owner or SERVICES[name].zone == row[1].strip(), name


def test_the_numbers_of_services_are_right() -> None:
    enabled = [one for one in SERVICES.values() if one.enabled]
    assert f"{len(enabled)} services in three stacks" in (ROOT / "README.md").read_text()
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"{len(SERVICES)} services in the stacks" in changelog
    assert f"{len(enabled)} of them on" in changelog


def test_planted_mistakes_are_found() -> None:
    page = ROOT / "README.md"
    assert broken_links(page, "[a](docs/nowhere.md) [b](docs/deploy.md#no-such-heading)") != []
    assert unknown_scripts("run scripts/launch") == {"launch"}
    assert unknown_verbs("`stack-manage.sh media explode` and `stack-manage.sh fly`") == {
        "media explode",
        "fly",
    }
    assert unknown_settings("`network.colour` and `host.puid`") == {"network.colour"}
    assert strange_sites("https://packages.example.net/simple") == {"packages.example.net"}
