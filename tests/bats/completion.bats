# stack-manage.sh --complete, and the Bash completion that asks it
load helper

# What Bash would offer for these words, the last one being typed; one line, in order.
completed() {
  PATH="$REPOSITORY/files:$PATH" bash -c '
    source "$0/files/stack-manage.completion.bash"
    COMP_WORDS=(stack-manage.sh "$@")
    COMP_CWORD=$#
    _stack_manage
    echo "${COMPREPLY[*]}"
  ' "$REPOSITORY" "$@"
}

@test "first come the stacks and the verbs of the host" {
  manage --complete
  assert_output "downloads
media
ops
all
status
doctor
drift
leaktest
monitor
cascade
resume
history
rotate
update
rollback
pause-updates
backup
restore
restore-drill
recovery-kit
adopt
version
notify-test
uninstall
help"
}

@test "after a stack come its verbs" {
  manage --complete media
  assert_output "up
down
restart
pull
logs
ps
config
exec"
}

@test "after the monitor comes its one verb, and its option" {
  manage --complete monitor
  assert_output "status"
  manage --complete monitor status
  assert_output "--json"
  manage --complete resume
  assert_status 0
  assert_output ""
}

@test "after backup comes what it does beside backing up" {
  manage --complete backup
  assert_output "list
check
prune
export"
}

@test "after update and rollback come the services, then the options" {
  manage --complete rollback
  assert_has "gluetun"
  assert_has "homepage"
  manage --complete rollback sonarr
  assert_output "--yes"
  manage --complete update sonarr
  assert_output "--dry-run
--major"
  manage --complete pause-updates
  assert_output "--hours
--off"
}

@test "completion works through the link it is installed as" {
  ln -s "$REPOSITORY/files/stack-manage.sh" "$BATS_TEST_TMPDIR/bin/linked"
  run linked --complete cascade
  assert_output "--dry-run"
}

@test "after a verb come the services of that stack" {
  manage --complete media restart
  assert_output "plex
seerr"
}

@test "after all and a verb come the services of every stack" {
  manage --complete all up
  assert_output "gluetun
qbittorrent
sonarr
plex
seerr
ntfy
homepage"
}

@test "after exec and its service nothing is offered" {
  manage --complete media exec plex
  assert_status 0
  assert_output ""
}

@test "completion asks for no root and never fails" {
  export FAKE_UID=1000
  manage --complete nonsense
  assert_status 0
  assert_output ""
  rm -r "$STACKS"
  manage --complete
  assert_status 0
}

@test "Bash completes a stack, a verb, a service and an option by their beginnings" {
  [[ "$(completed dow)" == downloads ]]
  [[ "$(completed downloads re)" == restart ]]
  [[ "$(completed downloads restart s)" == sonarr ]]
  [[ "$(completed downloads restart sonarr q)" == qbittorrent ]]
  [[ "$(completed history --j)" == --json ]]
  [[ "$(completed help notify)" == notify-test ]]
  [[ "$(completed uninstall --p)" == --purge ]]
  [[ "$(completed leaktest --d)" == --drill ]]
  [[ "$(completed rotate w)" == wireguard ]]
  [[ "$(completed rotate wireguard --f)" == --from ]]
}
