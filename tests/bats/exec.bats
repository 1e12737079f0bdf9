# stack-manage.sh STACK exec SERVICE COMMAND [ARGUMENT ...]
load helper

@test "exec passes arguments with blanks, quotes and stars as they are" {
  manage downloads exec sonarr ls -l "a  b" "it's" '*'
  assert_status 0
  [[ "$(cat "$CALLS")" == *"<exec> <-T> <sonarr> <ls> <-l> <a  b> <it's> <*>" ]]
}

@test "exec passes its command's exit code on" {
  FAKE_DOCKER_EXIT=42 manage downloads exec sonarr false
  assert_status 42
}

@test "exec in all finds the stack that has the service" {
  manage all exec plex true
  assert_status 0
  [[ "$(cat "$CALLS")" == "docker <compose> <-p> <mediastack-media> "*"<plex> <true>" ]]
  [[ "$(wc -l <"$CALLS")" == 1 ]]
}

@test "exec hands options before the service to Compose" {
  manage downloads exec -u 1000 sonarr id
  [[ "$(cat "$CALLS")" == *"<exec> <-T> <-u> <1000> <sonarr> <id>" ]]
}

@test "exec without a command is wrong usage" {
  assert_usage_error downloads exec sonarr
  assert_usage_error downloads exec
}

@test "exec in a service that the stack has not is wrong usage" {
  assert_usage_error downloads exec plex true
}

@test "exec with options in all is wrong usage" {
  assert_usage_error all exec -u 1000 plex true
}
