# stack-manage.sh status|doctor|drift|leaktest|monitor|cascade|resume|history|rotate|update|
# rollback|pause-updates|backup|restore|restore-drill|recovery-kit|adopt|version|notify-test|uninstall
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

@test "leaktest is handed on with its options, and its exit code comes through" {
  manage leaktest --drill --json
  FAKE_MEDIASTACK_EXIT=3 manage leaktest --json
  assert_status 3
  assert_calls "mediastack <leaktest> <--drill> <--json>
mediastack <leaktest> <--json>"
}

@test "rotate takes what to rotate and a file, and a key only on its standard input" {
  manage rotate wireguard --from /root/wg.conf
  manage rotate wireguard --back
  manage rotate wireguard <<<"a key"
  assert_calls "mediastack <rotate> <wireguard> <--from> </root/wg.conf>
mediastack <rotate> <wireguard> <--back>
mediastack <rotate> <wireguard>"
}

@test "backup, restore and their kin are handed on with all words, which they know best" {
  manage backup export /root/all.tar.zst --snapshot 1a2b
  manage restore --service sonarr --dry-run
  FAKE_MEDIASTACK_EXIT=2 manage adopt --strange
  assert_status 2
  assert_calls "mediastack <backup> <export> </root/all.tar.zst> <--snapshot> <1a2b>
mediastack <restore> <--service> <sonarr> <--dry-run>
mediastack <adopt> <--strange>"
}

@test "update, rollback and pause-updates are handed on" {
  manage update
  manage update sonarr --dry-run
  manage update sonarr --major
  manage rollback sonarr --yes
  manage pause-updates
  manage pause-updates --hours 12
  manage pause-updates --off
  assert_calls "mediastack <update>
mediastack <update> <sonarr> <--dry-run>
mediastack <update> <sonarr> <--major>
mediastack <rollback> <sonarr> <--yes>
mediastack <pause-updates>
mediastack <pause-updates> <--hours> <12>
mediastack <pause-updates> <--off>"
}

@test "what update, rollback and pause-updates do not take is wrong usage" {
  assert_usage_error update sonarr radarr
  assert_usage_error update --yes
  assert_usage_error rollback
  assert_usage_error rollback --yes
  assert_usage_error rollback sonarr radarr
  assert_usage_error rollback sonarr --dry-run
  assert_usage_error pause-updates sonarr
  assert_usage_error pause-updates --hours
  assert_usage_error pause-updates --hours soon
}

@test "cascade, resume and the monitor's status are handed on" {
  manage cascade
  manage cascade --dry-run
  manage resume
  manage monitor status
  manage monitor status --json
  assert_calls "mediastack <cascade>
mediastack <cascade> <--dry-run>
mediastack <resume>
mediastack <monitor-status>
mediastack <monitor-status> <--json>"
}

@test "the monitor's status alone is a verb of the monitor" {
  assert_usage_error monitor
  assert_usage_error monitor --json
  assert_usage_error monitor restart
  assert_usage_error cascade --force
  assert_usage_error resume now
  FAKE_UID=1000 manage monitor status --json
  assert_output "stack-manage.sh: needs root; try: sudo stack-manage.sh monitor status --json"
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
  assert_usage_error leaktest --drills
  assert_usage_error rotate
  assert_usage_error rotate openvpn
  assert_usage_error rotate --back
  assert_usage_error rotate wireguard --from
  assert_usage_error rotate wireguard YQ==
}

@test "without root they say so" {
  FAKE_UID=1000 manage status --json
  assert_status 1
  assert_output "stack-manage.sh: needs root; try: sudo stack-manage.sh status --json"
}
