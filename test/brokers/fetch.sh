#!/usr/bin/env bash
# Brings brokers and the libraries they need from Debian's packages into .cache/brokers/NAME, without installing anything.
#   fetch.sh [mosquitto] [nats] [rabbitmq] [ejabberd] [haproxy]        without a name: all of them
#
# Only what this system lacks is downloaded (apt resolves that), and `dpkg -x` unpacks it into one folder for each broker: programs of it
# run with LD_LIBRARY_PATH (see packages.ts). No root is needed. apt's own state is only read: where the package lists are missing
# or too old to download from, fresh ones go into the cache folder.
set -euo pipefail
cd "$(dirname "$0")/../.."

declare -A packages=(
  [mosquitto]='mosquitto mosquitto-clients' [nats]='nats-server' [haproxy]='haproxy'
  [rabbitmq]='rabbitmq-server' [ejabberd]='ejabberd'
)
# What must be there in the end, as a pattern.
declare -A proof=(
  [mosquitto]='usr/sbin/mosquitto' [nats]='usr/sbin/nats-server' [haproxy]='usr/sbin/haproxy'
  [rabbitmq]='usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server' [ejabberd]='usr/lib/*/ejabberd-*/ebin/mod_mqtt.beam'
)

is_there() { [ "$(cat ".cache/brokers/$1/stamp" 2>/dev/null)" = "${packages[$1]}" ]; }
apt() { apt-get -q -y -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Dir::Cache="$work/apt" "$@"; }
download() { # BROKER [apt's options]
  # shellcheck disable=SC2086
  apt "${@:2}" install --download-only --reinstall --no-install-recommends ${packages[$1]}
}
fail() { cat "$work/log" >&2; echo "brokers: $1" >&2; exit 1; }

fetch() { # BROKER. Built beside the target and renamed at the end: whoever sees the target sees all of it.
  local name=$1 count=0 package target=.cache/brokers/$1
  local fresh=(-o Dir::State::lists="$work/lists")
  rm -rf "$work/apt/archives" "$work/root"
  mkdir -p "$work/lists/partial" "$work/apt/archives/partial" "$work/root"
  {
    download "$name" || { apt "${fresh[@]}" update && download "$name" "${fresh[@]}"; }
  } >"$work/log" 2>&1 </dev/null || fail "could not download ${packages[$name]}"
  for package in "$work"/apt/archives/*.deb; do
    dpkg -x "$package" "$work/root"
    count=$((count + 1))
  done
  compgen -G "$work/root/${proof[$name]}" >/dev/null || fail "apt brought no ${proof[$name]}"
  echo "${packages[$name]}" >"$work/root/stamp"
  if ! is_there "$name"; then # another run may have been faster: then its files are in use
    rm -rf "$target"
    mv -T "$work/root" "$target"
  fi
  echo "brokers: $count packages of $name unpacked into $target"
}

missing=()
[ $# -gt 0 ] || set -- mosquitto nats haproxy ejabberd rabbitmq
for name in "$@"; do
  [ -n "${packages[$name]:-}" ] || { echo "brokers: no broker is called $name: ${!packages[*]}" >&2; exit 1; }
  if is_there "$name"; then echo "brokers: ${packages[$name]} is in .cache/brokers/$name"; else missing+=("$name"); fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null && command -v dpkg >/dev/null || { echo "brokers: no apt-get here, so no ${missing[*]}" >&2; exit 1; }
mkdir -p .cache/brokers
work=$(mktemp -d "$PWD/.cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
for name in "${missing[@]}"; do fetch "$name"; done
