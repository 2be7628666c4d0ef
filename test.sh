#!/bin/sh
# All that has to hold before a change lands: format, lints, tests. Each stage is named and timed,
# and the first that fails ends the run with its name.
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

stage format 20 cargo fmt --all --check
stage lints 420 cargo clippy --workspace --all-targets --locked -- -D warnings
stage tests 1060 cargo test --release --workspace --locked

printf '\n== all stages passed in %s s\n' "$(($(date +%s) - began))"
