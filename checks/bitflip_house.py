"""A small house whose state lies in a real repository of 50 MB; only Docker is on paper.

Its two services are stopped by the user, so a restore exchanges their trees and starts nobody. What
is in the repository: the backup that is restored, older ones, and data that no backup needs any
more, as in any that has been in use for a while. Everything is read by means of this module's own.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from checks.framework import CheckError
from mediastack import intent
from mediastack.backup import restic, run, settings
from mediastack.backup.settings import Target
from mediastack.restore import work

HOST = "here"
PASSWORD = "of a repository that is flipped"  # noqa: S105 - of a test's repository
MEBIBYTE = 1 << 20
# Together 50 MB of data that cannot be compressed, much of it in a few files, some in many.
BIG_MEBIBYTES, SMALL_FILES, SMALL_BYTES, OLD_MEBIBYTES = 22, 200, 60_000, 15
DATABASE_ROWS = 20_000
SERVICES = ("sonarr", "plex")
KINDS = ("config", "keys", "snapshots", "index", "needed", "spare", "end of a pack")
ANYWHERE = ""
LAST_BYTES = 200


class Paper:
    """A Docker without a container; whoever wants more of it is told that there is none."""

    def containers(self, *_: Any, **__: Any) -> list[Any]:
        return []

    def inspect(self, _name: str) -> None:
        return None


class Outcome(NamedTuple):
    """What a restore answered, and said."""

    code: int
    said: str


class House:
    """`saved`, `present`: the configs as in the backup, and as they are when a restore begins."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        # No secret: what is in the files.
        self.random = random.Random(seed)  # noqa: S311
        self.docker: Any = Paper()
        self.config = _configuration(root)
        self.target: Target = settings.targets(self.config)[0]
        self.repository = Path(self.target.repository)
        self.spare: list[Path] = []
        self.saved: dict[str, str] = {}
        self.present: dict[str, str] = {}

    def furnish(self) -> None:
        """Fill it, back it up three times, and then lose what was saved last."""
        intent.stop(SERVICES, "check")
        for name in SERVICES:
            (self.configs / name).mkdir(parents=True)
        old = self.configs / "plex/old"
        old.write_bytes(self.random.randbytes(OLD_MEBIBYTES * MEBIBYTE))
        self._back_up()
        before = set(self.packs())
        old.unlink()
        self.fill()
        self._back_up()
        (self.configs / "sonarr/config.xml").write_text("<ApiKey>newest</ApiKey>")
        self._back_up()
        self.spare = sorted(before)
        self.saved = digests(self.configs)
        (self.configs / "sonarr/config.xml").write_text("<ApiKey>lost</ApiKey>")
        (self.configs / "plex/added").write_text("since then")
        with contextlib.closing(sqlite3.connect(self.configs / "sonarr/sonarr.db")) as connection:
            connection.execute("DELETE FROM entries WHERE id % 2")
            connection.commit()
        self.present = digests(self.configs)
        self.present_times = times(self.configs)
        shutil.copytree(self.configs, self.root / "present", symlinks=True)

    def fill(self) -> None:
        """What the newest backup has: large files, small ones, a database."""
        (self.configs / "plex/big").write_bytes(self.random.randbytes(BIG_MEBIBYTES * MEBIBYTE))
        (self.configs / "sonarr/covers").mkdir()
        for number in range(SMALL_FILES):
            path = self.configs / f"sonarr/covers/{number}"
            path.write_bytes(self.random.randbytes(SMALL_BYTES))
        with contextlib.closing(sqlite3.connect(self.configs / "sonarr/sonarr.db")) as connection:
            connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, text TEXT)")
            rows = ((self.random.randbytes(20).hex(),) for _ in range(DATABASE_ROWS))
            connection.executemany("INSERT INTO entries (text) VALUES (?)", rows)
            connection.commit()

    @property
    def configs(self) -> Path:
        """Where the configs of all services are."""
        return Path(self.config["paths"]["config"])

    def packs(self) -> list[Path]:
        """Every file of data, in an order that is always the same."""
        return sorted(path for path in (self.repository / "data").rglob("*") if path.is_file())

    def files(self) -> list[Path]:
        """Every file of the repository."""
        return sorted(path for path in self.repository.rglob("*") if path.is_file())

    def size(self) -> int:
        """Bytes in the repository."""
        return sum(path.stat().st_size for path in self.files())

    def place(self, kind: str, choice: random.Random) -> tuple[Path, int]:
        """A random byte of a file of this kind, or of the whole repository."""
        if kind == ANYWHERE:
            number = choice.randrange(self.size())
            for path in self.files():
                if number < path.stat().st_size:
                    return path, number
                number -= path.stat().st_size
        known: dict[str, list[Path]] = {
            "config": [self.repository / "config"],
            # Large ones: what is in them is the newest backup's but for their ends.
            "needed": [path for path in self.packs()
                       if path not in self.spare and path.stat().st_size > 4 * MEBIBYTE],
            "spare": self.spare,
            "end of a pack": self.packs(),
        }  # fmt: skip
        files = known.get(kind) or sorted((self.repository / kind).iterdir())
        path = choice.choice(files)
        size = path.stat().st_size
        first = max(0, size - LAST_BYTES) if kind == "end of a pack" else 0
        return path, choice.randrange(first, size)

    def restored(self, *, despite_damage: bool = False, cold: bool = False) -> Outcome:
        """Restore the newest backup as the verb does; `cold`: without what restic has kept."""
        if cold:
            shutil.rmtree(restic.CACHE, ignore_errors=True)
        said = io.StringIO()
        asked = work.Asked(despite_damage=despite_damage)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = work.restore(lambda: self.config, self.docker, asked)
        return Outcome(code, said.getvalue())

    def is_untouched(self) -> bool:
        """Whether every config is what it was before, to the time of each file."""
        return digests(self.configs) == self.present and times(self.configs) == self.present_times

    def is_restored(self) -> bool:
        """Whether every config is as in the backup: contents, and of databases the rows."""
        return digests(self.configs) == self.saved

    def put_back(self) -> None:
        """Have everything as it was before the restore."""
        for path in self.configs.iterdir():
            shutil.rmtree(path)
        shutil.copytree(self.root / "present", self.configs, symlinks=True, dirs_exist_ok=True)
        self.present_times = times(self.configs)

    def _back_up(self) -> None:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = run.backup(self.config, self.docker, [self.target])
        if code:
            raise CheckError(f"a backup of the house fails: {said.getvalue()}")


@contextlib.contextmanager
def flipped(path: Path, number: int, bit: int) -> Iterator[None]:
    """One bit of a file is another one."""
    status = path.stat()
    _write(path, number, bit)
    try:
        yield
    finally:
        _write(path, number, bit)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def digests(top: Path) -> dict[str, str]:
    """Every file below by its content, of databases by their rows; without our own beside them."""
    found = {}
    for path in sorted(top.rglob("*")):
        name = str(path.relative_to(top))
        if name.startswith(".mediastack-") or not path.is_file() or name.endswith(("-wal", "-shm")):
            continue
        content = _rows(path) if name.endswith(".db") else path.read_bytes()
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def times(top: Path) -> dict[str, tuple[int, int]]:
    """Every file and directory below by its inode and time."""
    return {
        str(path.relative_to(top)): (path.lstat().st_ino, path.lstat().st_mtime_ns)
        for path in sorted(top.rglob("*"))
        if not str(path.relative_to(top)).startswith(".mediastack-")
    }


def _rows(path: Path) -> bytes:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
            return repr(database.execute("SELECT * FROM entries ORDER BY id").fetchall()).encode()
    except sqlite3.DatabaseError as error:
        return f"damaged: {error}".encode()


def _write(path: Path, number: int, bit: int) -> None:
    os.chmod(path, 0o600)
    with path.open("r+b", buffering=0) as stream:
        stream.seek(number)
        found = stream.read(1)[0]
        stream.seek(number)
        stream.write(bytes([found ^ (1 << bit)]))


def _configuration(root: Path) -> dict[str, Any]:
    names = ("program", "state", "runtime", "config", "etc", "backups", "data")
    paths = {name: str(root / name) for name in names}
    paths["sentinel"] = str(root / "data/sentinel")
    for name in names:
        (root / name).mkdir()
    lines = "\n".join(f'{name} = "{path}"' for name, path in paths.items())
    (root / "etc/mediastack.toml").write_text(f"schema = 1\n[paths]\n{lines}\n")
    secrets = root / "etc/secrets/backup"
    secrets.mkdir(parents=True)
    (secrets / "repository_password").write_text(PASSWORD)
    return {
        "release": "0",
        "host": {"name": HOST, "timezone": "UTC"},
        "paths": paths,
        "backup": {"enabled": True, "local": True},
        "limits": {"lock_wait_seconds": 1},
        "monitor": {},
        "updates": {},
        "stacks": {"media": {"services": list(SERVICES)}},
        "services": {
            name: {
                "stack": "media", "zone": "bridge", "owner": False, "image": f"{name}:1",
                "config": f"{root}/config/{name}", "uid": os.getuid(), "gid": os.getgid(),
                "health": False, "data": False, "config_hash": "", "url": "",
            }
            for name in SERVICES
        },
    }  # fmt: skip
