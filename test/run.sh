#!/usr/bin/env bash
# What `npm test` runs: brings what the tests need beside npm's packages, builds, checks, tests. The first failure ends it.
# On a laptop, what can't be brought is said, and its tests skip themselves loudly; with CI=true they fail instead.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { [ -x "$(command -v "$1")" ] || missing+=("${@:2}"); } # PROGRAM PACKAGE…
need chromium chromium fonts-dejavu-core
need openssl openssl
need gcc gcc libc6-dev
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "test: installing ${missing[*]}"
    install() { DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}"; }
    mkdir -p .cache
    { install || { apt-get -q update && install; }; } >.cache/apt.log 2>&1 </dev/null || { tail -n 20 .cache/apt.log; exit 1; }
  else
    echo "test: these packages are missing, and the tests that need them will not run: ${missing[*]}" >&2
  fi
fi
bash test/brokers/fetch.sh || [ -z "${CI:-}" ]

npm run --silent build
npm run --silent check

# Real brokers and clusters take as long as all the rest, and mostly wait: the two halves run side by side.
mkdir -p .cache
rm -f .cache/vitest*.json
npx vitest run test/brokers --outputFile.json=.cache/vitest-brokers.json >.cache/brokers.log 2>&1 </dev/null &
brokers=$!
trap 'kill $brokers 2>/dev/null || true' EXIT
status=0
npx vitest run --exclude 'test/brokers/**' || status=$?
echo 'test: with brokers'
wait $brokers || status=$?
trap - EXIT
cat .cache/brokers.log
exit $status
