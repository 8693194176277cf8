#!/usr/bin/env bash
# All benches, one after the other: some minutes. BENCH_PASSES and BENCH_SECONDS make it shorter or steadier.
set -euo pipefail
cd "$(dirname "$0")"
for bench in publish-qos0 publish-qos1 receive connect idle-memory steady workers; do node "$bench.mjs"; done
for bench in publish-qos0 publish-qos1 connect; do node "$bench.mjs" stream; done
