# A throwaway host: three stacks, fakes for docker, mediastack and id that write down each call.
# shellcheck shell=bash disable=SC2016,SC2154  # fakes expand later; bats sets status and output

setup() {
  REPOSITORY="$(cd "$BATS_TEST_DIRNAME/../.." && pwd)"
  export REPOSITORY
  export MEDIASTACK_ROOT="$BATS_TEST_TMPDIR/root"
  export CALLS="$BATS_TEST_TMPDIR/calls"
  STACKS="$MEDIASTACK_ROOT/opt/mediastack/stacks"
  make_stack downloads gluetun qbittorrent sonarr
  make_stack media plex seerr
  make_stack ops ntfy homepage
  mkdir -p "$MEDIASTACK_ROOT/opt/mediastack/bin" "$BATS_TEST_TMPDIR/bin"
  : >"$CALLS"
  fake "$BATS_TEST_TMPDIR/bin/id" 'echo "${FAKE_UID:-0}"'
  fake "$BATS_TEST_TMPDIR/bin/docker" '
    for word; do previous="$last"; last="$word"; [[ "$previous" != --project-directory ]] || directory="$word"; done
    if [[ "$previous $last" == "config --services" ]]; then cat "$directory/services"; exit; fi
    { printf "docker"; printf " <%s>" "$@"; echo; } >>"$CALLS"
    [[ -z "${FAKE_DOCKER_OUTPUT:-}" ]] || printf "%s\n" "$FAKE_DOCKER_OUTPUT"
    exit "${FAKE_DOCKER_EXIT:-0}"'
  fake "$MEDIASTACK_ROOT/opt/mediastack/bin/mediastack" '
    [[ "$1" != redact ]] || PYTHONPATH="$REPOSITORY/files" exec python3 -m mediastack "$@"
    { printf "mediastack"; printf " <%s>" "$@"; echo; } >>"$CALLS"
    [[ "$2" != "${FAKE_FAILING_STACK:-}" ]] || exit 1
    exit "${FAKE_MEDIASTACK_EXIT:-0}"'
  PATH="$BATS_TEST_TMPDIR/bin:$PATH"
}

# fake PATH BODY: an executable that runs BODY.
fake() {
  printf '#!/usr/bin/env bash\n%s\n' "$2" >"$1"
  chmod 755 "$1"
}

# make_stack NAME SERVICE...
make_stack() {
  mkdir -p "$STACKS/$1"
  echo "services: {}" >"$STACKS/$1/compose.yaml"
  printf '%s\n' "${@:2}" >"$STACKS/$1/services"
}

manage() {
  run "$REPOSITORY/files/stack-manage.sh" "$@"
}

# manage_split ARGUMENT...: like manage, with $output and $errors apart.
manage_split() {
  errors_file="$BATS_TEST_TMPDIR/errors"
  run bash -c '"$@" 2>"$0"' "$errors_file" "$REPOSITORY/files/stack-manage.sh" "$@"
  errors="$(cat "$errors_file")"
}

assert_status() {
  [[ "$status" == "$1" ]] || { echo "exit $status instead of $1: $output"; return 1; }
}

assert_output() {
  [[ "$output" == "$1" ]] || { printf 'output:\n%s\ninstead of:\n%s\n' "$output" "$1"; return 1; }
}

assert_has() {
  [[ "$output" == *"$1"* ]] || { printf 'no "%s" in:\n%s\n' "$1" "$output"; return 1; }
}

assert_calls() {
  local calls
  calls="$(cat "$CALLS")"
  [[ "$calls" == "$1" ]] || { printf 'calls:\n%s\ninstead of:\n%s\n' "$calls" "$1"; return 1; }
}

# Wrong usage: exit 2, a message of ours on stderr, nothing on stdout, nothing called.
assert_usage_error() {
  manage_split "$@"
  assert_status 2
  assert_output ""
  [[ "$errors" == "stack-manage.sh: "* ]] || { echo "stderr: $errors"; return 1; }
  assert_calls ""
}
