#!/bin/sh
# A Ray cluster of plain machines that asks for a token. Options are those of Ray 2.60; docs/cluster.md tells the rest.
#
#   sh deploy/ray-start.sh head                  on the first machine
#   sh deploy/ray-start.sh worker HEAD:6379      on every other one; HEAD is the first one's address
#
# On every machine: the same Python, Ray and shardlearn, and the head's token in ~/.ray/auth_token (mode 0600).
# `ray stop` ends what was started here.

set -eu
export RAY_AUTH_MODE=token

# Fixed ports, so that a firewall can name them.
ports="--node-manager-port=6380 --object-manager-port=6381 --runtime-env-agent-port=6382
  --dashboard-agent-grpc-port=6383 --dashboard-agent-listen-port=6384 --metrics-export-port=6385
  --min-worker-port=10002 --max-worker-port=19999"

case "${1:-}" in
head)
  ray get-auth-token --generate > /dev/null # makes one where there is none
  ray start --head --port=6379 $ports --include-dashboard=false --disable-usage-stats
  ;;
worker)
  if [ ! -s "$HOME/.ray/auth_token" ]; then
    echo "copy ~/.ray/auth_token of the head to this machine first, readable by you alone" >&2
    exit 1
  fi
  ray start --address="${2:?the address of the head, as HEAD:6379}" $ports --disable-usage-stats
  ;;
*)
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
