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
#   backup [list | check | prune | export <file>] [...]
#       Back up now, list what there is, verify it, or write a plain archive (backup --help).
#   restore [--snapshot <id>] [--service <name> ...] [--dry-run] [--yes] [...]
#       Bring state back from a backup, verified before anything is touched (restore --help).
#   restore-drill
#       Restore the newest backup into a scratch place and start the apps on it. Changes nothing.
#   recovery-kit <file> | --confirm
#       Write what a restore needs when this host is gone; say that you keep it elsewhere.
#   adopt [--from <project>] [--service <name> ...] [--dry-run] [--yes] [...]
#       Take the state of a stack you made by hand into this one, by copy (adopt --help).
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
readonly MEDIASTACK="$ROOT/opt/mediastack/bin/mediastack"
readonly STACK_VERBS=(up down restart pull logs ps config exec)
readonly HOST_VERBS=(status doctor drift leaktest monitor cascade resume history rotate update
  rollback pause-updates backup restore restore-drill recovery-kit adopt version notify-test
  uninstall help)
# Their programs look at the words themselves.
readonly KNOWING_VERBS=(backup restore restore-drill recovery-kit adopt)

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
    *)
      if contains "$1" "${HOST_VERBS[@]}"; then host_verb "$@"; else beside stacks && stack_verb "$@"; fi ;;
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

# Everything but help needs Docker, or files that only root reads.
require_root_and_programs() {
  [[ "$(id -u)" == 0 ]] || fail "needs root; try: sudo stack-manage.sh $*"
  [[ -x "$MEDIASTACK" ]] || fail "$MEDIASTACK is missing; run the deploy to install it"
}

host_verb() {
  local verb="$1" word given typed=("$@") names=0
  shift && given=("$@")
  ! contains "$verb" "${KNOWING_VERBS[@]}" || set --
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

# Completion is typed at, not run: its answers are in a file beside this one.
offer() {
  beside stacks words
  complete_words "$@"
}

# The rest of this program, read when it is needed.
beside() {
  local part
  for part in "$@"; do
    # shellcheck source=/dev/null
    source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/stack-manage.$part.sh"
  done
}

main "$@"
