#!/usr/bin/env bash
# Compiles the C programs of the benches into .cache/bench.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v gcc >/dev/null || { echo 'bench: there is no gcc here: apt-get install gcc libc6-dev' >&2; exit 1; }
mkdir -p .cache/bench
for name in sink flood pace; do
  [ ".cache/bench/$name" -nt "bench/$name.c" ] && [ ".cache/bench/$name" -nt bench/client.h ] || gcc -O2 -Wall -Wextra -o ".cache/bench/$name" "bench/$name.c"
done
