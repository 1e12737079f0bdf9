# Bash completion of stack-manage.sh: the program itself answers (--complete), so what is offered is
# what this host has. Installed as /etc/bash_completion.d/stack-manage.
# shellcheck shell=bash

_stack_manage() {
  local current="${COMP_WORDS[COMP_CWORD]}" candidates
  candidates="$("${COMP_WORDS[0]}" --complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)"
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$current")
}

complete -F _stack_manage stack-manage.sh
