# stack-manage.sh STACK up|down|restart|pull
load helper

@test "up hands the stack to the program that takes the lock" {
  manage downloads up
  assert_status 0
  assert_calls "mediastack <up> <downloads>"
}

@test "restart of one service names the service" {
  manage downloads restart sonarr
  assert_status 0
  assert_calls "mediastack <restart> <downloads> <sonarr>"
}

@test "pull of several services names them in the order given" {
  manage downloads pull sonarr gluetun
  assert_calls "mediastack <pull> <downloads> <sonarr> <gluetun>"
}

@test "all goes up from the stack that others lean on" {
  manage all up
  assert_calls "mediastack <up> <downloads>
mediastack <up> <media>
mediastack <up> <ops>"
}

@test "all goes down in the opposite order" {
  manage all down
  assert_calls "mediastack <down> <ops>
mediastack <down> <media>
mediastack <down> <downloads>"
}

@test "all with services touches only the stacks that have them" {
  manage all restart plex sonarr
  assert_calls "mediastack <restart> <downloads> <sonarr>
mediastack <restart> <media> <plex>"
}

@test "a stack that fails keeps no other from its turn and is told by the exit code" {
  FAKE_FAILING_STACK=media manage all up
  assert_status 1
  assert_calls "mediastack <up> <downloads>
mediastack <up> <media>
mediastack <up> <ops>"
}

@test "a service of another stack is wrong usage and nothing is done" {
  assert_usage_error downloads restart sonarr plex
  [[ "$errors" == *"no service 'plex' in downloads"* ]]
}

@test "an option that a verb does not know is wrong usage" {
  assert_usage_error downloads up --force
  [[ "$errors" == *"unknown option '--force'"* ]]
}

@test "a stack that a later release adds is known without an edit" {
  make_stack photos immich
  manage photos up immich
  assert_status 0
  assert_calls "mediastack <up> <photos> <immich>"
}

@test "without root it says so, how to get it, and does nothing" {
  FAKE_UID=1000 manage_split downloads up sonarr
  assert_status 1
  assert_output ""
  [[ "$errors" == "stack-manage.sh: needs root; try: sudo stack-manage.sh downloads up sonarr" ]]
  assert_calls ""
}

@test "without the programs it says what to do" {
  rm "$MEDIASTACK_ROOT/opt/mediastack/bin/mediastack"
  manage downloads up
  assert_status 1
  assert_has "run the deploy"
}
