#!/bin/bash
# fuzz.sh SECONDS: builds the fuzz targets on the stable toolchain and runs each for so long, from its corpus.
# The flags are what cargo-fuzz sets, less the address sanitizer, which stable lacks: the code is safe Rust, and what
# is looked for are panics and broken laws. A finding is kept in tests/fuzz/artifacts and makes this fail.
set -eu
cd "$(dirname "$0")/fuzz" 2>/dev/null || { echo "fuzz.sh: there is no fuzz target yet"; exit 0; }
seconds=${1:-10}
target=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1"
cargo build --release --locked --target "$target"
mkdir -p artifacts
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
for name in $(cargo metadata --format-version 1 --no-deps --locked | jq -r '.packages[].targets[] | select(.kind[] == "bin").name'); do
  mkdir -p "$work/$name"   # new inputs stay out of the repository
  corpus=(); [ ! -d "corpus/$name" ] || corpus=("corpus/$name")
  if ! "target/$target/release/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="artifacts/$name-" \
      "$work/$name" "${corpus[@]}" >"$work/log" 2>&1; then
    tail -n 60 "$work/log"; echo "FAIL fuzz $name"; exit 1
  fi
  echo "PASS fuzz $name ($(sed -n 's/^Done \([0-9]* runs\).*/\1/p' "$work/log") in ${seconds} s)"
done
