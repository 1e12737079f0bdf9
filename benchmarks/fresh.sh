#!/bin/sh
# Usage: fresh.sh DIRECTORY
# Summary: What our deploy does with a bare box, as somebody would write it by hand, once: no look
# at what is there already, no second run. DIRECTORY is what benchmarks/export.py wrote.
set -eu
cd "$1"
# shellcheck source=/dev/null
. ./wanted.sh
export DEBIAN_FRONTEND=noninteractive

tar --extract --gzip --directory / --file tree.tar.gz
install -m 0644 daemon.json /etc/docker/daemon.json
apt-get -qq update
# shellcheck disable=SC2154,SC2086
apt-get -qq install -y --no-install-recommends $host_packages
# shellcheck disable=SC2154
{
  groupadd --gid "$host_gid" "$host_group"
  useradd --uid "$host_uid" --gid "$host_gid" --no-create-home --home-dir /nonexistent \
    --shell /usr/sbin/nologin "$host_user"
  systemctl enable --quiet --now docker.service
  docker network create --driver bridge --label io.mediastack.network=bridge \
    --subnet "$bridge_subnet" --gateway "$bridge_gateway" "$bridge_name"
  python3 -m venv "$program/$environment_name"
  "$program/$environment_name/bin/python" -m pip --quiet --disable-pip-version-check install \
    --no-index --find-links "$program/wheels" --require-hashes -r "$program/requirements.lock"
  touch "$program/$environment_name/complete"
  ln -s "$environment_name" "$program/venv"
  "$program/bin/mediastack" secrets-apply <secrets.json
  systemctl daemon-reload
  # shellcheck disable=SC2086
  systemctl enable --quiet --now $units
  "$program/bin/mediastack" apply --actor deploy --lock-wait 1800
}
