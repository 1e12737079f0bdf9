"""Faults of files, secrets and the machine, and the check that must name each."""

from __future__ import annotations

from tests.smoke import (
    expect_files as F,
)
from tests.smoke import (
    expect_host as H,
)
from tests.smoke import (
    expect_secrets as S,
)
from tests.unit.smoke_faults import (
    COMPOSE,
    KEEPER,
    LINK,
    OVERRIDE,
    SECRET,
    SEED,
    SENTINEL,
    TIMER,
    Fault,
    setting,
    together,
)

NAME = "gluetun/wireguard_private_key"
COPY = "/etc/mediastack/secrets/unpackerr/sonarr_api_key"
FILLED = "/etc/mediastack/secrets/gluetun/config.toml"
GUARDED = ("disk_guard", "report", "disks", 0)
FAULTS = (
    Fault(F.managed_path, (COMPOSE,), setting(None, "files", COMPOSE), "absent"),
    Fault(F.managed_path, (COMPOSE,), setting("x", "files", COMPOSE, "sha256"), "changed"),
    Fault(F.managed_path, (COMPOSE,), setting("0666", "files", COMPOSE, "mode"), "mode 0666"),
    Fault(F.managed_path, (COMPOSE,), setting(1000, "files", COMPOSE, "uid"), "1000:0"),
    Fault(F.managed_path, (COMPOSE,), setting(7, "files", COMPOSE, "gid"), "0:7"),
    Fault(F.managed_path, (COMPOSE,), setting("directory", "files", COMPOSE, "kind"), "directory"),
    Fault(F.managed_path, (LINK,), setting("/tmp/x", "files", LINK, "target"), "/tmp/x"),
    Fault(F.managed_path, ("/data/media",), setting(None, "files", "/data/media"), "absent"),
    Fault(F.environment, (), setting(None, "files", "/opt/mediastack/venv"), "None"),
    Fault(F.environment, (), setting(False, "environment_complete"), "not complete"),
    Fault(
        F.left_behind,
        (),
        together(
            lambda o: o["left"].append("/opt/mediastack/old"),
            setting({"keep": False}, "record", "/opt/mediastack/old"),
        ),
        "no longer wanted",
    ),
    Fault(F.left_behind, (), setting(None, "record"), "record"),
    Fault(F.overrides, ("downloads",), setting("", "overrides", OVERRIDE), "image lock"),
    Fault(F.overrides, ("downloads",), setting("{", "overrides", OVERRIDE), "image lock"),
    Fault(S.declared, (SECRET,), lambda o: o["secrets"].pop(SECRET), "absent"),
    Fault(S.declared, (SECRET,), setting("0644", "secrets", SECRET, "mode"), "mode 0644"),
    Fault(S.declared, (SECRET,), setting(33, "secrets", SECRET, "uid"), "belongs to 33"),
    Fault(S.declared, (SECRET,), setting(0, "secrets", SECRET, "size"), "empty"),
    Fault(S.declared, (SECRET,), setting("link", "secrets", SECRET, "kind"), "no file"),
    Fault(S.seeded, (SEED,), setting(None, "seeds", SEED), "absent"),
    Fault(
        S.seeded,
        (SEED,),
        together(
            setting("0644", "seeds", SEED, "mode"),
            setting("0755", "files", "/srv/mediastack/config/sonarr", "mode"),
        ),
        "open to every",
    ),
    Fault(S.seeded, (SEED,), setting(0, "seeds", SEED, "uid"), "uid 0"),
    Fault(
        S.private, (), setting({"kind": "file", "mode": "0604"}, "secrets", "/x"), "open to others"
    ),
    Fault(S.not_shown, (), setting(["a/b in docker inspect"], "shown_secrets"), "a/b"),
    Fault(H.package, ("docker.io",), setting("config-files", "packages", "docker.io"), "config"),
    Fault(H.package, ("docker.io",), lambda o: o["packages"].clear(), "not installed"),
    Fault(H.account, (), setting("", "user"), "no user"),
    Fault(H.account, (), setting("", "group"), "no group"),
    Fault(H.monitor, (), setting("", "monitor", "passwd"), "does not exist"),
    Fault(
        H.monitor,
        (),
        setting("mediastack-monitor:x:998:998::/:/bin/bash", "monitor", "passwd"),
        "/bin/bash",
    ),
    Fault(
        H.monitor,
        (),
        setting("mediastack-monitor:x:0:0::/:/usr/sbin/nologin", "monitor", "passwd"),
        "is 0",
    ),
    Fault(
        H.monitor,
        (),
        setting(["mediastack-monitor", "docker"], "monitor", "groups"),
        "docker",
    ),
    Fault(H.monitor, (), setting(None, "monitor", "directory"), "absent"),
    Fault(H.monitor, (), setting("0755", "monitor", "directory", "mode"), "0755"),
    Fault(H.monitor, (), setting(None, "monitor", "socket"), "healer.sock is absent"),
    Fault(H.monitor, (), setting("file", "monitor", "socket", "kind"), "file instead"),
    Fault(H.monitor, (), setting("0666", "monitor", "socket", "mode"), "0666"),
    Fault(H.monitor, (), setting(0, "monitor", "socket", "uid"), "0's"),
    Fault(H.door, (), setting("", "door", "passwd"), "does not exist"),
    Fault(H.door, (), setting(["mediastack-updater", "docker"], "door", "groups"), "docker"),
    Fault(H.door, (), setting("0755", "door", "directory", "mode"), "0755"),
    Fault(H.door, (), lambda o: o["listeners"].clear(), "no address"),
    Fault(H.door, (), setting("0.0.0.0", "listeners", 0, "address"), "0.0.0.0"),
    Fault(H.door, (), setting(202, "door", "answers", "POST /hooks/wud"), "202"),
    Fault(H.door, (), setting("refused", "door", "answers", "GET /healthz"), "refused"),
    Fault(H.door, (), setting("timed out", "door", "reach"), "timed out"),
    Fault(H.disk_guard, (), setting(None, "disk_guard", "report"), "says nothing"),
    Fault(H.disk_guard, (), setting(500.0, "disk_guard", "age"), "says nothing"),
    Fault(H.disk_guard, (), setting(["/data"], *GUARDED, "paths"), "see /srv/mediastack/config"),
    Fault(H.disk_guard, (), setting(1, *GUARDED, "pause"), "another disk.pause"),
    Fault(H.unit, (KEEPER,), lambda o: o["units"].clear(), "unknown"),
    Fault(H.unit, (KEEPER,), setting("masked", "units", KEEPER, "LoadState"), "unmask"),
    Fault(H.unit, (KEEPER,), setting("not-found", "units", KEEPER, "LoadState"), "not-found"),
    Fault(H.unit, (KEEPER,), setting("disabled", "units", KEEPER, "UnitFileState"), "disabled"),
    Fault(H.unit, (KEEPER,), setting("failed", "units", KEEPER, "ActiveState"), "failed"),
    Fault(H.unit, (KEEPER,), setting("yes", "units", KEEPER, "NeedDaemonReload"), "reload"),
    Fault(H.unit, (KEEPER,), setting("0.0.1", "units", KEEPER, "release"), "0.0.1"),
    Fault(H.unit, (TIMER,), setting("", "units", TIMER, "NextElapseUSecRealtime"), "never fire"),
    Fault(
        H.helpers,
        (),
        setting("masked", "units", "mediastack-doctor.service", "LoadState"),
        "masked",
    ),
    Fault(H.docker_configuration, (), setting(None, "docker"), "does not answer"),
    Fault(H.docker_configuration, (), setting(False, "docker", "LiveRestoreEnabled"), "live"),
    Fault(H.docker_configuration, (), setting("syslog", "docker", "LoggingDriver"), "syslog"),
    Fault(H.docker_configuration, (), setting({}, "docker", "RegistryConfig"), "registry.lan"),
    Fault(H.data, (), setting(False, "data", "answers"), "does not answer"),
    Fault(H.data, (), setting(True, "data_record", "is_mount"), "is not mounted"),
    Fault(H.data, (), setting(None, "data_record"), "unlike at the deploy"),
    Fault(H.data, (), setting(False, "data", "sentinel"), SENTINEL),
    Fault(H.data, (), setting(["/data/media"], "data", "inside"), "another file system"),
    Fault(H.hardlinks, (), setting("cross-device", "data", "hardlink"), "cross-device"),
    Fault(H.release, (), setting("mediastack 0.0.1\n", "version"), "0.0.1"),
    Fault(H.release, (), setting("", "version"), "nothing"),
    Fault(S.value, (SECRET,), setting("0", "given", NAME), "secrets.toml"),
    Fault(S.value, (SECRET,), lambda o: o["digests"].pop(NAME), "secrets.toml"),
    Fault(S.value, (COPY,), setting("0", "digests", "unpackerr/sonarr_api_key"), "its original"),
    Fault(S.value, (FILLED,), setting("differs", "unfilled", FILLED), "its template"),
)
