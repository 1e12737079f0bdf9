# shellcheck shell=bash
# The verbs of a stack; read by stack-manage.sh, whose names it uses.

readonly STACKS_DIRECTORY="$ROOT/opt/mediastack/stacks"

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
