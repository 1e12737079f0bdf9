"""A rebuild out of a real repository: nothing faked but the host."""

from __future__ import annotations

import copy
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import restic_house
import tomli_w
from repository_house import PASSWORD
from restic_house import tree
from skips import needs_restic

from mediastack.backup import databases
from mediastack.backup.restic import ResticError
from mediastack.restore import rebuild, rebuild_state

pytestmark = [
    needs_restic,
    pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others, as root does"),
]
THERE, HERE = 1000, 2000


class Bare(NamedTuple):
    """A host that nothing was restored to yet, and what the deploy orders."""

    root: Path
    order: dict[str, Any]


@pytest.fixture(scope="module")
def burnt(tmp_path_factory: pytest.TempPathFactory) -> restic_house.House:
    """A house of which nothing but its repository is left."""
    house = restic_house.furnish(tmp_path_factory.mktemp("burnt"))
    sonarr = house.manifest["services"]["sonarr"]
    database = Path(house.manifest["paths"]["stage"]) / "databases/sonarr/sonarr.db"
    sonarr["databases"] = {"sonarr.db": {**databases_record(database), "uid": THERE, "gid": THERE}}
    sonarr.update(uid=THERE, gid=THERE)
    for directory, names, files in os.walk(house.root / "config/sonarr"):
        for path in (directory, *(os.path.join(directory, one) for one in (*names, *files))):
            mode = os.lstat(path).st_mode
            os.chown(path, THERE, THERE, follow_symlinks=False)
            if not os.path.islink(path):
                os.chmod(path, mode & 0o7777)
    house = restic_house.saved(house)
    before = tree(house.root / "config/sonarr")
    for name in ("config", "etc", "state"):
        shutil.rmtree(house.root / name)
    return house._replace(manifest={**house.manifest, "seen": before})


def databases_record(path: Path) -> dict[str, Any]:
    """What a backup notes of a database."""
    copied = path.with_suffix(".copy")
    record = databases.copy(str(path), str(copied))
    os.replace(copied, path)
    return record


@pytest.fixture
def bare(burnt: restic_house.House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bare:
    paths = {name: str(tmp_path / name) for name in ("config", "etc", "state", "runtime")}
    for path in (*paths.values(), f"{paths['config']}/sonarr", f"{paths['etc']}/secrets"):
        os.mkdir(path, 0o700)
    toml = tmp_path / "etc/mediastack.toml"
    toml.write_text(tomli_w.dumps({"schema": 1, "paths": paths}))
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(toml))
    monkeypatch.setattr("mediastack.backup.restic.CACHE", str(tmp_path / "cache"))
    config = {
        "release": "1.0.0",
        "host": {"name": "new"},
        "paths": paths,
        "services": {"sonarr": {"uid": HERE, "gid": HERE, "config": f"{paths['config']}/sonarr"}},
        "secrets": [{"service": "sonarr", "name": "api_key", "uid": HERE, "gid": HERE}],
        "secret_files": [],
        "files": [],
    }
    order = {"config": config, "repository": burnt.target.repository, "password": PASSWORD}
    return Bare(tmp_path, order)


def test_the_house_comes_back_with_its_rows_and_other_owners(
    burnt: restic_house.House, bare: Bare
) -> None:
    rebuild.rebuild(bare.order)
    found, before = tree(bare.root / "config/sonarr"), copy.deepcopy(burnt.manifest["seen"])
    connection = sqlite3.connect(f"file:{bare.root}/config/sonarr/sonarr.db?immutable=1", uri=True)
    assert connection.execute("SELECT count(*) FROM entries").fetchone() == (7,)
    connection.close()
    assert found.pop("sonarr.db")[1:3] == (HERE, HERE)
    # Its directory's time is kept although a database was laid into it.
    assert found == {
        path: (mode, HERE, HERE, *rest) for path, (mode, _, _, *rest) in before.items()
    }
    key = bare.root / "etc/secrets/sonarr/api_key"
    assert (key.read_text(), key.stat().st_uid, oct(key.stat().st_mode)) == (
        "k", HERE, "0o100400",
    )  # fmt: skip
    assert (bare.root / "config/qbittorrent/qBittorrent/state").read_text() == "torrents"
    assert (bare.root / "state/updater/refused.json").read_text() == "{}"
    assert rebuild_state.look(bare.order["config"]).kind == "done"


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"password": "wrong"}, "password"), ({"repository": "/nowhere/at/all"}, "absent")],
)
def test_what_cannot_be_opened_leaves_a_bare_host_and_is_said(
    bare: Bare, change: dict[str, str], kind: str
) -> None:
    with pytest.raises(ResticError, match="; fix: ") as error:
        rebuild.rebuild({**bare.order, **change})
    assert error.value.kind == kind
    assert rebuild_state.look(bare.order["config"]).kind == "bare"
    assert os.listdir(bare.root / "etc/secrets") == []
    assert os.listdir(bare.root / "runtime") == []
