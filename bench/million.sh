#!/usr/bin/env bash
# A million clients of this machine on a sink on it: some five minutes. Root, 16 GiB, and a build are needed. Flags of `run` may follow.
#
# In a network namespace of its own, whose connection table is as large as it takes: the system's, often of 262,144 lists, makes every packet look for its
# connection among eight. No sentinel: its two ends would come to two processes of the sink. Prints the report, and what of the machine's memory was gone when it was least.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" != --inside ]; then
  before=$(sysctl -n net.ipv4.tcp_child_ehash_entries)
  trap 'sysctl -qw "net.ipv4.tcp_child_ehash_entries=$before"' EXIT
  sysctl -qw net.ipv4.tcp_child_ehash_entries=2097152
  unshare --net "$PWD/bench/million.sh" --inside "$@"
  exit
fi
shift
ip link set lo up
available() { awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo; }
first=$(available)
log=$(mktemp -d)
node bin/mqtt-scale.js sink --processes 54 >"$log/sink" &
sink=$!
while sleep 5; do available; done >"$log/memory" &
watch=$!
trap 'kill "$watch" "$sink" 2>/dev/null || true; rm -r "$log"' EXIT
until grep -q '^sink on' "$log/sink"; do
  kill -0 "$sink"
  sleep 0.5
done
status=0
node bin/mqtt-scale.js run 1m --broker mqtt://127.0.0.1:1883 --set sentinel=false "$@" || status=$?
kill -INT "$sink"
wait "$sink" || true
cat "$log/sink"
echo "memory gone: $((first - $(sort -n "$log/memory" | head -n 1))) MiB"
exit $status
