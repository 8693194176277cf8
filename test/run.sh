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
need ip iproute2
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

# Most tests wait most of the time: four parts that take about as long run side by side.
mkdir -p .cache
rm -f .cache/vitest*.json
part() { npx vitest run --project "$1" --outputFile.json=".cache/vitest-$1.json" >".cache/$1.log" 2>&1 </dev/null; }
part brokers &
brokers=$!
part clusters &
clusters=$!
part cli &
cli=$!
trap 'kill $brokers $clusters $cli 2>/dev/null || true' EXIT
status=0
npx vitest run --project pure --project others --project workflows || status=$?
wait $brokers || status=$?
wait $clusters || status=$?
wait $cli || status=$?
trap - EXIT
for name in brokers clusters cli; do
  echo "test: with $name"
  cat ".cache/$name.log"
done

# What failed beside three other parts may have lacked a core. The machine is quiet now: such files run once more, alone, and that counts.
# Where more than a few fail, something is wrong, and the second time would only take long.
if [ $status != 0 ] && failed=$(node test/count.mjs --failed-files 6); then
  echo "test: once more, with the machine to themselves:" $failed
  status=0
  # shellcheck disable=SC2086
  npx vitest run $failed --outputFile.json=.cache/vitest-again.json </dev/null || status=$?
fi
exit $status
