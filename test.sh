#!/bin/sh
# All that has to hold before a change lands: packages, format, lints, tests. Each stage is named and
# timed, and the first that fails ends the run with its name.
#
# Tests against real servers and browsers need packages of Debian or Ubuntu (interop-packages.txt).
# Where they may be installed, they are; elsewhere the tests name what they skip. With CI=true nothing
# may be skipped.
set -u
cd "$(dirname "$0")" || exit 1
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"
began=$(date +%s)

# stage NAME BUDGET COMMAND…: runs the command; one and a half times its budget of seconds is a failure.
stage() {
    name=$1 budget=$2
    shift 2
    printf '\n== %s: %s\n' "$name" "$*"
    from=$(date +%s)
    "$@"
    code=$?
    took=$(($(date +%s) - from))
    if [ "$code" -ne 0 ]; then
        printf '== %s: FAILED (exit %s) after %s s\n' "$name" "$code" "$took"
        exit 1
    fi
    if [ "$took" -gt $((budget * 3 / 2)) ]; then
        printf '== %s: FAILED: took %s s of %s s\n' "$name" "$took" "$budget"
        exit 1
    fi
    printf '== %s: passed in %s s (budget %s s)\n' "$name" "$took" "$budget"
}

# The packages of the list that are not installed.
missing() {
    sed 's/#.*//' interop-packages.txt | while read -r package; do
        [ -n "$package" ] || continue
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
            printf '%s ' "$package"
    done
}

# Installs what the tests against real servers need, where that is permitted.
packages() {
    command -v dpkg-query >/dev/null || { echo 'not a Debian system: nothing is installed'; return 0; }
    wanted=$(missing)
    [ -n "$wanted" ] || { echo 'all packages are there'; return 0; }
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        sudo='sudo -n'
        $sudo true 2>/dev/null || sudo=no
    fi
    if [ "$sudo" = no ]; then
        echo "not permitted to install: $wanted"
        [ "${CI:-}" != true ]
        return
    fi
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -q >/dev/null 2>&1
    # shellcheck disable=SC2086 # the names are words of their own
    if $sudo apt-get install -y -q --no-install-recommends $wanted >/dev/null 2>&1; then
        echo "installed: $wanted"
        return 0
    fi
    echo "could not install: $(missing)"
    [ "${CI:-}" != true ]
}

stage packages 180 packages
stage format 20 cargo fmt --all --check
stage lints 420 cargo clippy --workspace --all-targets --locked -- -D warnings
stage tests 1060 cargo test --release --workspace --locked --no-fail-fast
stage browser 180 crates/web/tests/browser/run.sh

printf '\n== all stages passed in %s s\n' "$(($(date +%s) - began))"
