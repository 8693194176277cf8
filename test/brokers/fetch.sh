#!/usr/bin/env bash
# Brings mosquitto and the libraries it needs from Debian's packages into .cache/brokers, without installing anything.
#
# Only what this system lacks is downloaded (apt resolves that), and `dpkg -x` unpacks it into one folder: programs of it run
# with LD_LIBRARY_PATH (see mosquitto.ts). No root is needed. apt's own state is only read: where the package lists are missing
# or too old to download from, fresh ones go into the cache folder.
set -euo pipefail
cd "$(dirname "$0")/../.."

packages='mosquitto mosquitto-clients'
target=.cache/brokers
is_there() { [ "$(cat $target/stamp 2>/dev/null)" = "$packages" ]; }
if is_there; then
  echo "brokers: $packages are in $target"
  exit 0
fi
command -v apt-get >/dev/null && command -v dpkg >/dev/null || { echo "brokers: no apt-get here, so no $packages" >&2; exit 1; }

# Built beside the target and renamed at the end: whoever sees the target sees all of it.
mkdir -p .cache
work=$(mktemp -d "$PWD/.cache/brokers.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/root"
apt() { apt-get -q -y -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Dir::Cache="$work/apt" "$@"; }
download() { # shellcheck disable=SC2086
  apt "$@" install --download-only --reinstall --no-install-recommends $packages
}
fresh=(-o Dir::State::lists="$work/apt/lists")
{
  download || { apt "${fresh[@]}" update && download "${fresh[@]}"; }
} >"$work/log" 2>&1 </dev/null || { cat "$work/log" >&2; echo "brokers: could not download $packages" >&2; exit 1; }

count=0
for package in "$work"/apt/archives/*.deb; do
  dpkg -x "$package" "$work/root"
  count=$((count + 1))
done
test -x "$work/root/usr/sbin/mosquitto" || { cat "$work/log" >&2; echo "brokers: apt brought no mosquitto" >&2; exit 1; }
echo "$packages" >"$work/root/stamp"
if ! is_there; then # another run may have been faster: then its files are in use
  rm -rf "$target"
  mv -T "$work/root" "$target"
fi
echo "brokers: $count packages unpacked into $target"
