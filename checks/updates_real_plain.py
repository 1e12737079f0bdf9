"""The plain updater, as people write it, on a container of its own: stop, pull, remove, create."""

from __future__ import annotations

from checks import box
from checks.updates_crash_house import Version

OPTIONS = "--restart unless-stopped --env PUID=1000 --env PGID=1000"
# Long enough for every good version; then it is looked at a few times.
LATER_SECONDS = 14
LOOKS = 4
SCRIPT = """
name=plain-{case}; trap 'docker rm --force --volumes $name; docker volume rm $name' EXIT
state() {{ docker inspect -f '{{{{.State.Status}}}} {{{{if .State.Health}}}}{{{{.State.Health.Status}}}}{{{{end}}}}' $name; }}
docker run --detach --name $name {options} --volume $name:/config {old} || exit 1
for _ in $(seq 40); do [ "$(state)" = 'running healthy' ] && break; sleep 0.5; done
docker stop --time 10 $name && docker pull --quiet {new} && docker rm $name \\
  && docker create --name $name {options} --volume $name:/config {new} && docker start $name \\
  || exit 1
sleep {later}
for _ in $(seq {looks}); do echo "state: $(state)"; sleep 1; done
"""  # noqa: E501
GOOD = ("state: running healthy", "state: running ", "state: running")


def survives(host: box.Host, case: str, old: Version, new: Version) -> bool:
    """Whether the service works after it (without a health check: whether it runs)."""
    script = SCRIPT.format(
        case=case, options=OPTIONS, old=old.reference, new=new.image, later=LATER_SECONDS,
        looks=LOOKS,
    )  # fmt: skip
    told = box.run(host, "sh -s 2>&1", stdin=script, check=False, shared=False)
    states = [line for line in told.splitlines() if line.startswith("state:")]
    return len(states) == LOOKS and all(state in GOOD for state in states)
