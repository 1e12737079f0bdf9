# stack-manage.sh help, --help, wrong usage, --debug
load helper

comment_block() {
  sed -n '2,/^$/p' "$REPOSITORY/files/stack-manage.sh" | sed -e '/^$/d' -e 's/^#$//' -e 's/^# //'
}

@test "help is the comment block of the file itself" {
  manage help
  assert_status 0
  assert_output "$(comment_block)"
}

@test "--help and -h are help, and none of them needs root" {
  FAKE_UID=1000 manage --help
  assert_status 0
  assert_output "$(comment_block)"
  FAKE_UID=1000 manage -h
  assert_output "$(comment_block)"
}

@test "help works through the link it is installed as" {
  ln -s "$REPOSITORY/files/stack-manage.sh" "$BATS_TEST_TMPDIR/bin/linked"
  run linked help
  assert_output "$(comment_block)"
}

@test "help knows every verb that completion offers, by its first words" {
  for verb in $("$REPOSITORY/files/stack-manage.sh" --complete help); do
    manage help "$verb"
    assert_status 0
    [[ "${lines[0]}" == "$verb" || "${lines[0]}" == "$verb "* ]] || { echo "$output"; return 1; }
    [[ "${#lines[@]}" -ge 2 ]]
  done
}

@test "help of one verb says nothing of the next" {
  manage help version
  assert_output "version
    Release of this stack, and the versions of Docker and Compose."
}

@test "help of an unknown verb is wrong usage" {
  assert_usage_error help dance
  assert_usage_error help up down
}

@test "no argument, unknown stack, unknown verb, missing verb, unknown option: wrong usage" {
  assert_usage_error
  assert_usage_error photos up
  assert_usage_error downloads dance
  assert_usage_error downloads
  assert_usage_error --dance
}

@test "a verb typed before the stack is told the order" {
  assert_usage_error up downloads
  [[ "$errors" == *"the stack comes first: stack-manage.sh <downloads media ops all> up"* ]]
}

@test "a host without stacks is told to deploy" {
  rm -r "$STACKS"
  manage downloads up
  assert_status 1
  assert_has "run the deploy"
}

@test "--debug traces with file and line and changes nothing else" {
  manage_split --debug downloads up
  assert_status 0
  assert_output ""
  [[ "$errors" =~ \+\ stack-manage.sh:[0-9]+:\  ]]
  assert_calls "mediastack <up> <downloads>"
}
