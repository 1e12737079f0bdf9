# stack-manage.sh status|doctor|drift|history|version|notify-test
load helper

@test "status, doctor, drift, version and notify-test are handed on" {
  manage status
  manage status --json
  manage doctor --json --notify
  manage drift --json
  manage drift --notify
  manage version
  manage notify-test
  assert_calls "mediastack <status>
mediastack <status> <--json>
mediastack <doctor> <--json> <--notify>
mediastack <drift> <--json>
mediastack <drift> <--notify>
mediastack <version>
mediastack <notify-test>"
}

@test "uninstall is handed on with its options" {
  manage uninstall --purge --dry-run
  manage uninstall --yes
  assert_calls "mediastack <uninstall> <--purge> <--dry-run>
mediastack <uninstall> <--yes>"
}

@test "history takes a count, a subject and --json" {
  manage history -n 5 --subject "a b" --json
  assert_calls "mediastack <history> <-n> <5> <--subject> <a b> <--json>"
}

@test "the exit code of doctor comes through" {
  FAKE_MEDIASTACK_EXIT=1 manage doctor
  assert_status 1
}

@test "options that these verbs do not have are wrong usage" {
  assert_usage_error status --jason
  assert_usage_error version --json
  assert_usage_error drift --mend
  assert_usage_error history -n
  assert_usage_error history -n many
  assert_usage_error history --subject
  assert_usage_error notify-test now
  assert_usage_error uninstall --everything
}

@test "without root they say so" {
  FAKE_UID=1000 manage status --json
  assert_status 1
  assert_output "stack-manage.sh: needs root; try: sudo stack-manage.sh status --json"
}
