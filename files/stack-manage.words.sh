#!/usr/bin/env bash
# What stack-manage.sh --complete offers; read by stack-manage.sh, whose functions and lists of verbs
# it uses. What is offered is what this host has.

# Given the words typed so far (without the one being typed), print what may come next.
complete_words() {
  local known
  mapfile -t known < <(stacks)
  case "${1:-}" in
    '') printf '%s\n' "${known[@]}" all "${HOST_VERBS[@]}" ;;
    status) echo --json ;;
    doctor | drift) printf '%s\n' --json --notify ;;
    leaktest) printf '%s\n' --drill --json ;;
    monitor) (($# > 1)) && echo --json || echo status ;;
    cascade) echo --dry-run ;;
    history) printf '%s\n' -n --subject --json ;;
    rotate) (($# > 1)) && printf '%s\n' --from --back || printf '%s\n' wireguard ;;
    update) (($# > 1)) || every_service; printf '%s\n' --dry-run --major ;;
    rollback) if (($# > 1)); then echo --yes; else every_service; fi ;;
    pause-updates) (($# > 1)) || printf '%s\n' --hours --off ;;
    backup) (($# > 1)) || printf '%s\n' list check prune export ;;
    restore) printf '%s\n' --snapshot --target --service --dry-run --yes --images ;;
    recovery-kit) echo --confirm ;;
    adopt) printf '%s\n' --from --container --directory --service --dry-run --yes ;;
    uninstall) printf '%s\n' --purge --dry-run --yes ;;
    help) (($# > 1)) || printf '%s\n' "${STACK_VERBS[@]}" "${HOST_VERBS[@]}" ;;
    *)
      contains "$1" all "${known[@]}" || return 0
      (($# > 1)) || printf '%s\n' "${STACK_VERBS[@]}"
      (($# == 1)) || complete_stack_verb "$@"
      ;;
  esac
}

every_service() {
  local stack
  for stack in $(stacks); do services_of "$stack" 2>/dev/null || true; done
}

complete_stack_verb() {
  local target="$1" verb="$2" chosen stack
  shift 2
  case "$verb" in
    up | down | restart | pull | ps) ;;
    logs) printf '%s\n' --follow --tail --since --timestamps ;;
    # After the service comes a command of the container, which nobody here can know.
    exec) (($# == 0)) || return 0 ;;
    config) printf '%s\n' --services --images --hash && return 0 ;;
    *) return 0 ;;
  esac
  chosen=("$target")
  [[ "$target" != all ]] || mapfile -t chosen < <(stacks)
  for stack in "${chosen[@]}"; do
    services_of "$stack" 2>/dev/null || true
  done
}
