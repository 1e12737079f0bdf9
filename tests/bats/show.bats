# stack-manage.sh STACK logs|ps|config
load helper

compose_call() {
  echo "docker <compose> <-p> <mediastack-$1> <--project-directory> <$STACKS/$1> <-f> <$STACKS/$1/compose.yaml>$2"
}

@test "ps asks Compose for the right project, directory and file" {
  manage media ps
  assert_status 0
  assert_calls "$(compose_call media " <ps>")"
}

@test "the image lock's override file is used when it is there" {
  touch "$STACKS/media/images.yaml"
  manage media ps -a
  assert_calls "$(compose_call media " <-f> <$STACKS/media/images.yaml> <ps> <-a>")"
}

@test "logs passes options and services on" {
  manage downloads logs --tail 5 sonarr
  assert_calls "$(compose_call downloads " <logs> <--tail> <5> <sonarr>")"
}

@test "logs of all show each stack under its name" {
  FAKE_DOCKER_OUTPUT="hello" manage all logs
  assert_output "# downloads
hello
# media
hello
# ops
hello"
}

@test "following the logs of all stacks is wrong usage" {
  assert_usage_error all logs -f
}

@test "logs are masked" {
  FAKE_DOCKER_OUTPUT="sonarr | GET /api?apikey=canary123&x=1" manage downloads logs
  assert_output "sonarr | GET /api?apikey=REDACTED&x=1"
}

@test "config is masked, whatever form a secret has" {
  FAKE_DOCKER_OUTPUT='services:
  sonarr:
    command:
      - --api-key
      - canary1
      - --token=canary2
    environment:
      SONARR__AUTH__APIKEY: canary3
      TZ: Europe/Berlin
      WIREGUARD_PRIVATE_KEY: |
        canary4
        canary5
      url: http://user:canary6@host/
    labels:
      homepage.widget.key: "canary7"
    secrets:
      - source: token
        target: /run/secrets/token' manage downloads config
  assert_status 0
  [[ "$output" != *canary* ]] || { echo "$output"; return 1; }
  assert_has "TZ: Europe/Berlin"
  assert_has "SONARR__AUTH__APIKEY: REDACTED"
  assert_has "target: /run/secrets/token"
}

@test "config that would write a file is wrong usage, as the file would not be masked" {
  assert_usage_error downloads config -o /tmp/x
  assert_usage_error downloads config --output=/tmp/x
  assert_usage_error downloads config -qo /tmp/x
}

@test "a failing docker fails config although its output goes through the mask" {
  FAKE_DOCKER_EXIT=14 manage downloads config
  assert_status 1
}

@test "without root ps says so" {
  FAKE_UID=1000 manage downloads ps
  assert_status 1
  assert_has "needs root"
}
