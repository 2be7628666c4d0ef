#!/bin/sh
# The web page in Debian's Chromium, against a running phone and the lab's servers. Needs node, npm and
# chromium; without them it says what it skips, but with CI=true that is a failure.
# SURELINE names the program [default: target/release/sureline]. Screenshots go to artefacts/web.
set -u
cd "$(dirname "$0")" || exit 1
root=$(cd ../../../.. && pwd)
SURELINE=${SURELINE:-$root/target/release/sureline}
ARTEFACTS=${ARTEFACTS:-$root/artefacts/web}
export SURELINE ARTEFACTS

for tool in node npm chromium; do
    command -v "$tool" >/dev/null && continue
    echo "skipped: the tests of the web page in a browser, since $tool is not there"
    [ "${CI:-}" != true ]
    exit
done
[ -x "$SURELINE" ] || { echo "$SURELINE is not there: cargo build --release -p sureline"; exit 1; }
if [ ! -d node_modules/playwright-core ] || [ ! -d node_modules/axe-core ]; then
    npm ci --no-audit --no-fund --ignore-scripts --loglevel=error || {
        echo 'skipped: the tests of the web page in a browser, since npm could not install them'
        [ "${CI:-}" != true ]
        exit
    }
fi
mkdir -p "$ARTEFACTS"
exec node --test --test-concurrency=1 page.test.js
