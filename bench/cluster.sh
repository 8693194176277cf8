#!/usr/bin/env bash
# A cluster of a real broker on loopback, as large as NODES says: what `mqtt-scale search --nodes 1,2,3 --each 'bench/cluster.sh nats'` runs before each size.
#   bench/cluster.sh nats | rabbitmq | mosquitto     begins anew, without data; node I listens on 127.0.0.1:700I, and tells of itself on port 710I
#   bench/cluster.sh stop
# NODES=1. CPU=25: the percentage of a core that each node gets (root and cgroup v1; CPU=0: as much as it likes), since a machine with two cores holds
# three nodes and a generator. Brokers are those that test/brokers/fetch.sh unpacks; files and process ids are in CLUSTER_DIR.
set -euo pipefail
cd "$(dirname "$0")/.."
NODES=${NODES:-1} CPU=${CPU:-25} dir=${CLUSTER_DIR:-${TMPDIR:-/tmp}/mqtt-scale-cluster}
kind=${1:?nats, rabbitmq, mosquitto or stop}
root=$PWD/.cache/brokers/$kind

stop() {
  local file pid
  for file in "$dir"/*.pid; do
    [ -e "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null && timeout 20 tail --pid="$pid" -f /dev/null || kill -9 "$pid" 2>/dev/null || true
  done
  rm -rf "$dir"
}
libraries() { find "$1/usr/lib" "$1/lib" -maxdepth 1 -mindepth 1 -type d 2>/dev/null | paste -sd:; }

start() { # NAME PROGRAM ARGS…  in the background, beyond the end of this script
  local name=$1
  shift
  (
    echo "$BASHPID" >"$dir/$name.pid"
    LD_LIBRARY_PATH=$(libraries "$root") exec setsid "$@" >"$dir/$name.log" 2>&1 </dev/null
  ) &
}

limit() { # I  when it has started, which takes far more than its work
  local group=/sys/fs/cgroup/cpu/mqtt-scale-node-$1
  mkdir -p "$group"
  # Twenty milliseconds a period: with the usual hundred a node that has used up its share would pause for most of them. A quota is 1 ms at least: CPU=5.
  echo 20000 >"$group/cpu.cfs_period_us"
  echo $((CPU * 200)) >"$group/cpu.cfs_quota_us"
  cat "$dir/node-$1.pid" >"$group/cgroup.procs"
}

ready() { # I  until a message of QoS 1 is acknowledged
  local tools=$PWD/.cache/brokers/mosquitto try
  for try in $(seq 300); do
    if LD_LIBRARY_PATH=$(libraries "$tools") timeout 5 "$tools/usr/bin/mosquitto_pub" -h 127.0.0.1 -p "700$1" -q 1 -i "ready-$1" -t ready -m "$try" 2>/dev/null; then return; fi
    kill -0 "$(cat "$dir/node-$1.pid")" || break
    sleep 0.2
  done
  tail -n 20 "$dir/node-$1.log" >&2
  echo "node $1 of $kind is not ready" >&2
  exit 1
}

mosquitto() {
  printf '%s\n' "user $(id -un)" "listener 700$1 127.0.0.1" 'allow_anonymous true' 'set_tcp_nodelay true' 'sys_interval 1' 'max_queued_messages 0' >"$dir/node-$1.conf"
  start "node-$1" "$root/usr/sbin/mosquitto" -c "$dir/node-$1.conf"
}

nats() {
  local routes
  routes=$(seq -s, -f '"nats://127.0.0.1:730%g"' "$NODES")
  {
    printf '%s\n' "server_name: node-$1" "listen: \"127.0.0.1:720$1\"" "http: \"127.0.0.1:710$1\"" "jetstream { store_dir: \"$dir/node-$1\" }" "mqtt { listen: \"127.0.0.1:700$1\" }"
    [ "$NODES" = 1 ] || echo "cluster { name: bench, listen: \"127.0.0.1:730$1\", routes: [$routes] }"
  } >"$dir/node-$1.conf"
  start "node-$1" env GOMAXPROCS=1 "$root/usr/sbin/nats-server" -c "$dir/node-$1.conf"
}

rabbitmq() {
  local home erlang=$root/usr/lib/erlang own=$dir/node-$1 bin i
  [ -e "$erlang/bin/start.boot" ] || erlang=/usr/lib/erlang
  home=$(echo "$root"/usr/lib/rabbitmq/lib/*) bin=$(echo "$erlang"/erts-*/bin)
  mkdir -p "$own"
  # The port mapper that nodes find each other by: without one a node starts its own, which nobody ends.
  [ -e "$dir/epmd.pid" ] || start epmd "$bin/epmd" -port 7400 -address 127.0.0.1
  {
    printf '%s\n' "listeners.tcp.1 = 127.0.0.1:720$1" "mqtt.listeners.tcp.1 = 127.0.0.1:700$1" 'prometheus.tcp.ip = 127.0.0.1' "prometheus.tcp.port = 710$1"
    printf '%s\n' 'mqtt.allow_anonymous = true' 'mqtt.default_user = guest' 'mqtt.default_pass = guest' 'loopback_users = none' 'log.console = true' 'log.file = false'
    printf '%s\n' 'vm_memory_high_watermark.absolute = 2GB' 'disk_free_limit.absolute = 50MB' 'cluster_formation.peer_discovery_backend = classic_config'
    for i in $(seq "$NODES"); do echo "cluster_formation.classic_config.nodes.$i = node-$i@127.0.0.1"; done
  } >"$own/rabbitmq.conf"
  echo '[rabbitmq_mqtt,rabbitmq_prometheus].' >"$own/enabled_plugins"
  start "node-$1" env ROOTDIR="$erlang" BINDIR="$bin" EMU=beam PROGNAME=erl HOME="$own" ERL_LIBS="$home/plugins:$root/usr/lib/erlang/lib" ERL_CRASH_DUMP_SECONDS=0 ERL_MAX_PORTS=32000 \
    ERL_MAX_ETS_TABLES=50000 ERL_EPMD_PORT=7400 ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_HOME="$home" RABBITMQ_NODENAME="node-$1@127.0.0.1" RABBITMQ_USE_LONGNAME=true RABBITMQ_DIST_PORT="730$1" RABBITMQ_CONF_ENV_FILE="$own/none" \
    RABBITMQ_CONFIG_FILE="$own/rabbitmq.conf" RABBITMQ_ADVANCED_CONFIG_FILE="$own/none" RABBITMQ_ENABLED_PLUGINS_FILE="$own/enabled_plugins" RABBITMQ_MNESIA_BASE="$own/mnesia" \
    RABBITMQ_LOG_BASE="$own/log" RABBITMQ_PID_FILE="$own/pid" RABBITMQ_GENERATED_CONFIG_DIR="$own/generated" \
    "$bin/erlexec" -noinput +K true +S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -start_epmd false -name "node-$1@127.0.0.1" -setcookie bench \
    -kernel inet_dist_use_interface '{127,0,0,1}' inet_dist_listen_min "730$1" inet_dist_listen_max "730$1" \
    -s rabbit boot -boot start_sasl +W w -syslog logger '[]' -syslog syslog_error_logger false -kernel prevent_overlapping_partitions false
  # Nodes that form a cluster at the same time can leave one without the leader of the client ids for good.
  ready "$1"
}

stop
[ "$kind" = stop ] && exit
case $kind in nats | rabbitmq | mosquitto) ;; *) echo "$kind: nats, rabbitmq, mosquitto or stop" >&2 && exit 2 ;; esac
bash test/brokers/fetch.sh mosquitto "$kind" >&2
mkdir -p "$dir"
for i in $(seq "$NODES"); do "$kind" "$i"; done
for i in $(seq "$NODES"); do ready "$i"; done
[ "$CPU" = 0 ] || for i in $(seq "$NODES"); do limit "$i"; done
