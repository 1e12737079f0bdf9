"""What nobody should be able to adopt, and what is to be said of it."""

from __future__ import annotations

from typing import NamedTuple

from checks.adopt_world import TOP

OURS = "/srv/mediastack/config/sonarr"
COPY = "/opt/hand-made-copy"
SONARR = "$(docker inspect --format '{{.Config.Image}}' sonarr)"
# Of a running program, but a damaged or odd one is wanted anyhow.
COPIED = f"rm -rf {COPY}; cp -a {TOP}/sonarr {COPY}"
GONE = f"rm -rf {COPY}"
MOST_BYTES = "8T"
PID = "/run/adopt-check.pid"
# All of a database in its one file.
WHOLE = (
    "python3 -c \"import sqlite3; d = sqlite3.connect('sonarr.db');"
    " d.execute('PRAGMA journal_mode=DELETE').fetchone()\""
)
# So much to compare that a file which is written all the time is never the same at the end of it.
LARGE = f"truncate -s 256M {COPY}/large; touch {COPY}/state"
WRITES = (
    f'import itertools; f=open("{COPY}/state","r+b",0); '
    '[(f.seek(0), f.write(b"%020d" % n)) for n in itertools.count()]'
)
# The very image, under a name that says that it is of years to come.
NEWEST = "elsewhere.example/sonarr:99.0.0"
TAG = f"docker tag $(docker inspect --format '{{{{.Image}}}}' sonarr) {NEWEST}"


class Situation(NamedTuple):
    """How it comes about, what is asked, and what is to be answered."""

    name: str
    arguments: str
    words: str
    code: int = 1
    before: str = "true"
    after: str = "true"


def with_container(
    name: str, words: str, called: str, options: str = "", *, asked: str = "", image: str = SONARR
) -> Situation:
    """With a container of theirs that was never started."""
    return Situation(
        name,
        f"{asked or f'--container sonarr={called}'} --yes",
        words,
        before=f"{TAG}; docker create --name {called} {options} {image} >/dev/null",
        after=f"docker rm --force {called} >/dev/null; docker rmi {NEWEST} >/dev/null",
    )


def with_copy(name: str, words: str, change: str) -> Situation:
    """With a copy of theirs that has something wrong in it."""
    asked = f"--directory sonarr={COPY} --yes"
    return Situation(name, asked, words, before=f"{COPIED}; cd {COPY}; {change}", after=GONE)


def beside(
    name: str, arguments: str, words: str, command: str, *, before: str = "true"
) -> Situation:
    """While a command runs."""
    return Situation(
        name,
        arguments,
        words,
        before=f"{before}; {command} >/dev/null 2>&1 & echo $! >{PID}; sleep 0.3",
        after=f"kill $(cat {PID}) 2>/dev/null; rm -f {PID}; {GONE}",
    )


def with_running(name: str, called: str, service: str, mount: str, options: str = "") -> Situation:
    """While a container of theirs runs."""
    image = f"$(docker inspect --format '{{{{.Config.Image}}}}' {service})"
    run = f"docker run --detach --name {called} --entrypoint sleep {options} -v {mount}:/config"
    return Situation(
        name,
        f"--container {service}={called} --yes",
        f"docker stop {called}",
        before=f"mkdir -p {COPY}; {run} {image} 60 >/dev/null",
        after=f"docker rm --force {called} >/dev/null; {GONE}",
    )


def situations() -> list[Situation]:
    """All of them."""
    mounted = f"-v {TOP}/sonarr:/config"
    return [
        Situation("a service of another name", "--service sonar --yes", "no service of this host"),
        Situation("a service without state", "--service unpackerr --yes", "has no state"),
        Situation("the tunnel", "--service gluetun --yes", "its settings make it what it is"),
        Situation("no such project", "--from nobodys --yes", "no compose project nobodys"),
        Situation("no such container", "--container sonarr=nobody --yes", "no container nobody"),
        Situation("ours as theirs", "--container sonarr=seerr --yes", "no container seerr of the"),
        with_container("two that fit", "2 containers fit", "tv", mounted,
                       asked="--service sonarr"),
        with_container("nothing mounted", "nothing mounted at /config", "bare"),
        with_container("a mount in the config", "further mounts", "nested",
                       f"{mounted} -v {TOP}/seerr:/config/asp"),
        with_container("a newer version", "update ours first", "newest", mounted, image=NEWEST),
        Situation("no directory", "--directory sonarr=/nowhere --yes", "is no directory"),
        Situation("a relative path", "--directory sonarr=opt --yes", "is no absolute path"),
        Situation("another service's config", f"--directory sonarr={TOP}/seerr --yes",
                  "is no config directory of it"),
        Situation("the directory above", f"--directory sonarr={TOP} --yes", "did you mean"),
        Situation("our own config", f"--directory sonarr={OURS} --yes", "is ours"),
        Situation("one directory twice", f"--directory sonarr={TOP}/sonarr --directory"
                  f" seerr={TOP}/sonarr/ --yes", "is sonarr's already"),
        with_copy("a damaged database", "mend it in theirs first",
                  f"{WHOLE}; dd if=/dev/urandom of=sonarr.db bs=4096 seek=1 count=2"
                  " conv=notrunc status=none"),
        with_copy("no database", "sonarr.db is not there, or is something else",
                  "rm -f sonarr.db-*; echo text >sonarr.db"),
        with_copy("a database elsewhere", "sonarr.db is not there, or is something else",
                  "mv sonarr.db other; ln -s other sonarr.db"),
        with_copy("PostgreSQL", "in PostgreSQL (db)",
                  "sed -i 's,</Config>,<PostgresHost>db</PostgresHost></Config>,' config.xml"),
        with_copy("no key", "holds no API key", "sed -i '/ApiKey/d' config.xml"),
        with_copy("no settings", "config.xml is no <Config>", "echo text >config.xml"),
        with_copy("no room", "MiB free", f"truncate -s {MOST_BYTES} large"),
        beside("never at rest", f"--directory sonarr={COPY} --yes", "is written again and again",
               f"nice -n -10 python3 -c '{WRITES}'", before=f"{COPIED}; {LARGE}"),
        beside("a backup at work", "--from hand-made --yes", "is at work",
               "flock --close /var/lib/mediastack/backup.lock sleep 60"),
        with_running("a torrent client that runs", "torrents", "qbittorrent", f"{TOP}/qbittorrent"),
        with_running("the same port", "films", "plex", COPY, "--network host"),
        Situation("nobody who agrees", "--from hand-made", "say --yes to go on", 2),
        Situation("half an option", "--container sonarr --yes", "is not SERVICE=", 2),
    ]  # fmt: skip
