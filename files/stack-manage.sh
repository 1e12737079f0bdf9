#!/usr/bin/env bash
# Usage: stack-manage.sh <stack|all> <verb> [service ...]
#        stack-manage.sh <verb of the whole host> [...]
# Summary: Look after the media stacks of this host.
#
# A stack is a directory of /opt/mediastack/stacks (downloads, media, ops);
# "all" means every one of them. Verbs of a stack:
#
#   up [service ...]
#       Start the stack, or only these services. What was stopped with "down"
#       stays stopped, across deploys and reboots, until "up" starts it again.
#   down [service ...]
#       Stop the stack, or only these services, and remember that you wanted it.
#   restart [service ...]
#       Restart the stack, or only these services. Restarting gluetun takes its
#       dependents along: they live in its network namespace.
#   pull [service ...]
#       Fetch the images that the stack should run. Starts and stops nothing.
#   logs [docker compose logs options] [service ...]
#       Show logs ("-f" follows, one stack at a time). Secrets are masked.
#   ps [docker compose ps options] [service ...]
#       List the containers.
#   config [docker compose config options]
#       Print the compose project as Docker sees it. Secrets are masked.
#   exec [docker compose exec options] <service> <command> [argument ...]
#       Run a command inside the container of a service.
#
# Verbs of the whole host:
#   status [--json]
#       Every service: zone, state, health, namespace, image, address, intent.
#   doctor [--json] [--notify]
#       Check the host and say how to mend what is wrong; exit 1 if anything is.
#   drift [--json] [--notify]
#       List what differs from what the last deploy wanted; exit 1 if anything does.
#   leaktest [--drill] [--json]
#       Try whether anything gets out of the vpn zone beside the tunnel, with --drill also while
#       that is stopped for a moment. Exit 0 safe, 1 LEAK, 3 inconclusive.
#   monitor status [--json]
#       Whether Gluetun's services are watched over, where each is, and what was done for
#       them; exit 1 while nobody watches or healing is paused.
#   cascade [--dry-run]
#       Stop all services in Gluetun's network and bring them back into its present one. What
#       the monitor does by itself when it has to; your own hand is not counted.
#   resume
#       Lift a pause of the monitor: it heals again, and counts anew.
#   history [-n <count>] [--subject <name>] [--json]
#       What happened here: deploys, restarts, updates, alerts. Newest last.
#   rotate wireguard [--from <file> | --back]
#       Give Gluetun a new WireGuard key: typed unseen, piped in, or from a file. Without a
#       tunnel after it the old one comes back; --back undoes a rotation that was killed.
#   update [service] [--dry-run] [--major]
#       Look for newer images now and take what policy allows; back, with the config of before,
#       when the new one does not do well. --major: a new major version of that service, too.
#   rollback <service> [--yes]
#       Image and config of before its last update, as one pair; what it wrote since is lost.
#   pause-updates [--hours <n> | --off]
#       No update begins by itself, for so long or until --off.
#   version
#       Release of this stack, and the versions of Docker and Compose.
#   notify-test
#       Send a test message through the notification path.
#   uninstall [--purge] [--dry-run] [--yes]
#       Remove the stack. Media stay; app state, backups and secrets go only with --purge.
#   help [verb]
#       This text, or what it says about one verb.
#
# Options before everything else: --debug traces each command with file and line.
# Exit codes: 0 done, 1 failed, 2 wrong usage. "exec" passes on its command's.

set -euo pipefail; shopt -s extglob

# Tests work in a throwaway tree; on a host this is empty.
readonly ROOT="${MEDIASTACK_ROOT:-}"
readonly STACKS_DIRECTORY="$ROOT/opt/mediastack/stacks"
readonly MEDIASTACK="$ROOT/opt/mediastack/bin/mediastack"
readonly STACK_VERBS=(up down restart pull logs ps config exec)
readonly HOST_VERBS=(status doctor drift leaktest monitor cascade resume history rotate update
  rollback pause-updates version notify-test uninstall help)

main() {
  if [[ "${1:-}" == --debug ]]; then
    shift
    PS4='+ ${BASH_SOURCE##*/}:${LINENO}: '
    set -x
  fi
  case "${1:-}" in
    '') usage_error "nothing to do; say what (stack-manage.sh help)" ;;
    -h | --help) help ;;
    help) shift && help "$@" ;;
    --complete) shift && offer "$@" ;;
    -*) usage_error "unknown option '$1' (stack-manage.sh help)" ;;
    *) if contains "$1" "${HOST_VERBS[@]}"; then host_verb "$@"; else stack_verb "$@"; fi ;;
  esac
}

usage_error() { printf 'stack-manage.sh: %s\n' "$1" >&2; exit 2; }
fail() { printf 'stack-manage.sh: %s\n' "$1" >&2; exit 1; }

# The comment block above is the only help text, so it cannot drift from itself.
help() {
  (($# <= 1)) || usage_error "help takes one verb"
  local block
  block="$(awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}")"
  (($#)) || { printf '%s\n' "$block" && return; }
  contains "$1" "${STACK_VERBS[@]}" "${HOST_VERBS[@]}" || unknown_verb "$1"
  awk -v verb="$1" '
    /^  [a-z]/ || !/^  / { inside = ($1 == verb && /^  /) }
    inside { sub(/^  /, ""); print }
  ' <<<"$block"
}

unknown_verb() {
  usage_error "unknown verb '$1'; known are: ${STACK_VERBS[*]} ${HOST_VERBS[*]}"
}

contains() {
  local wanted="$1" word
  shift
  for word in "$@"; do [[ "$word" != "$wanted" ]] || return 0; done
  return 1
}

# A directory with a compose file is a stack: a stack that a later release adds needs no edit here.
stacks() {
  local file
  for file in "$STACKS_DIRECTORY"/*/compose.yaml; do
    [[ ! -e "$file" ]] || basename "${file%/compose.yaml}"
  done
}

services_of() { compose "$1" config --services; }

compose() {
  local stack="$1" directory="$STACKS_DIRECTORY/$1"
  shift
  local command=(docker compose -p "mediastack-$stack" --project-directory "$directory"
    -f "$directory/compose.yaml")
  [[ ! -e "$directory/images.yaml" ]] || command+=(-f "$directory/images.yaml")
  "${command[@]}" "$@"
}

# Everything but help needs Docker, or files that only root reads.
require_root_and_programs() {
  [[ "$(id -u)" == 0 ]] || fail "needs root; try: sudo stack-manage.sh $*"
  [[ -x "$MEDIASTACK" ]] || fail "$MEDIASTACK is missing; run the deploy to install it"
}

host_verb() {
  local verb="$1" word given typed=("$@") names=0
  shift && given=("$@")
  while (($#)); do
    word="$1" && shift
    case "$verb $word" in
      'status --json' | 'doctor --json' | 'drift --json' | 'history --json' | 'leaktest --json') ;;
      'doctor --notify' | 'drift --notify' | 'leaktest --drill' | 'monitor status') ;;
      'monitor --json' | 'cascade --dry-run' | 'uninstall --'@(purge|dry-run|yes)) ;;
      'rollback --yes' | 'pause-updates --off') ;;
      'update '[!-]* | 'rollback '[!-]*) names=$((names + 1)) ;;
      'rotate wireguard' | 'rotate --back' | 'update --'@(dry-run|major)) ;;
      'rotate --from' | 'history --subject') (($#)) || usage_error "$verb $word needs a name"; shift ;;
      'history -n' | 'pause-updates --hours')
        [[ "${1:-}" =~ ^[0-9.]+$ ]] || usage_error "$verb $word needs a number"; shift ;;
      *) usage_error "$verb does not take '$word' (stack-manage.sh help $verb)" ;;
    esac
  done
  [[ "$verb $names" != @('rollback 0'|*' '[2-9]*) ]] || usage_error "$verb takes one service"
  [[ "$verb" != rotate || "${given[0]:-}" == wireguard ]] ||
    usage_error "what should be rotated? stack-manage.sh rotate wireguard"
  if [[ "$verb" == monitor ]]; then
    [[ "${given[0]:-}" == status ]] || usage_error "monitor what? stack-manage.sh monitor status"
    verb=monitor-status given=("${given[@]:1}")
  fi
  require_root_and_programs "${typed[@]}"
  exec "$MEDIASTACK" "$verb" "${given[@]}"
}

stack_verb() {
  local target="$1" verb="${2:-}" known
  known="$(stacks)"
  [[ -n "$known" ]] || fail "no stacks in $STACKS_DIRECTORY; run the deploy first"
  mapfile -t known <<<"$known"
  ! contains "$target" "${STACK_VERBS[@]}" ||
    usage_error "the stack comes first: stack-manage.sh <${known[*]} all> $target"
  contains "$target" all "${known[@]}" ||
    usage_error "unknown stack or verb '$target'; stacks are: ${known[*]} all"
  [[ -n "$verb" ]] || usage_error "what should be done with '$target'? One of: ${STACK_VERBS[*]}"
  contains "$verb" "${STACK_VERBS[@]}" || unknown_verb "$verb"
  shift 2
  check_options "$target" "$verb" "$@"
  require_root_and_programs "$target" "$verb" "$@"
  local chosen=("$target")
  [[ "$target" != all ]] || chosen=("${known[@]}")
  case "$verb" in
    up | down | restart | pull) change "$verb" "${chosen[*]}" "$@" ;;
    exec) run_inside "${chosen[*]}" "$@" ;;
    *) show "$verb" "${chosen[*]}" "$@" ;;
  esac
}

check_options() {
  local target="$1" verb="$2" word words=0
  shift 2
  for word in "$@"; do
    case "$verb $word" in
      # Written by Docker itself, such a file would hold what we mask.
      'config -o'* | 'config -'[!-]*o* | 'config --output'*)
        usage_error "config prints only masked text; redirect its output instead" ;;
      'logs -f' | 'logs --follow')
        [[ "$target" != all ]] || usage_error "logs $word follows one stack; name it" ;;
    esac
    [[ $words == 0 && "$word" == -* ]] || words=$((words + 1))
  done
  [[ "$verb" != exec ]] || ((words >= 2)) ||
    usage_error "exec needs a service and a command (stack-manage.sh help exec)"
}

# Given a verb that changes containers, the stacks meant and maybe services, hand each stack with its
# share of the services to the program that takes the lock and records what the user wants. A stack
# that fails does not keep the next from its turn.
change() {
  local verb="$1" chosen stack service share known failed=0 unknown work=()
  read -ra chosen <<<"$2"
  shift 2
  unknown=" $* "
  for stack in "${chosen[@]}"; do
    share="$stack"
    if (($#)); then
      known="$(services_of "$stack")" || fail "cannot read the services of '$stack'"
      for service in "$@"; do
        grep -qxF -e "$service" <<<"$known" || continue
        share+=" $service"
        unknown="${unknown/ $service / }"
      done
      [[ "$share" != "$stack" ]] || continue
    fi
    work+=("$share")
  done
  read -r unknown _ <<<"$unknown"
  [[ -z "$unknown" ]] || unknown_service "$unknown" "${chosen[*]}"
  # The stack that others lean on comes first in the alphabet; "down" goes the other way.
  [[ "$verb" != down ]] || mapfile -t work < <(printf '%s\n' "${work[@]}" | tac)
  for stack in "${work[@]}"; do
    read -ra share <<<"$stack"
    "$MEDIASTACK" "$verb" "${share[@]}" || failed=1
  done
  return "$failed"
}

unknown_service() {
  [[ "$1" != -* ]] || usage_error "unknown option '$1' (stack-manage.sh help)"
  usage_error "no service '$1' in $2 (stack-manage.sh status lists them)"
}

# Given logs, ps or config, print it for each stack; several stacks get a heading each.
show() {
  local verb="$1" chosen stack failed=0
  read -ra chosen <<<"$2"
  shift 2
  # Behind the pipe that masks secrets Docker cannot see a terminal.
  [[ ! -t 1 || -n "${NO_COLOR:-}" ]] || export COMPOSE_ANSI=always
  for stack in "${chosen[@]}"; do
    ((${#chosen[@]} == 1)) || printf '# %s\n' "$stack"
    case "$verb" in
      config) compose "$stack" config "$@" | "$MEDIASTACK" redact config || failed=1 ;;
      logs) compose "$stack" logs "$@" | "$MEDIASTACK" redact text || failed=1 ;;
      *) compose "$stack" "$verb" "$@" || failed=1 ;;
    esac
  done
  return "$failed"
}

run_inside() {
  local chosen stack known terminal=()
  read -ra chosen <<<"$1"
  shift
  # Without a terminal on both sides Docker refuses to make one inside.
  [[ -t 0 && -t 1 ]] || terminal=(-T)
  # An option may have a value, so with options first nobody here knows which word is the service.
  if [[ "$1" == -* ]]; then
    ((${#chosen[@]} == 1)) || usage_error "exec with options needs the stack's name, not 'all'"
    compose "${chosen[0]}" exec "${terminal[@]}" "$@"
    return
  fi
  for stack in "${chosen[@]}"; do
    known="$(services_of "$stack")"
    grep -qxF -e "$1" <<<"$known" || continue
    compose "$stack" exec "${terminal[@]}" "$@"
    return
  done
  unknown_service "$1" "${chosen[*]}"
}

# Completion is typed at, not run: its answers are in a file beside this one.
offer() {
  # shellcheck source=/dev/null
  source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/stack-manage.words.sh"
  complete_words "$@"
}

main "$@"
