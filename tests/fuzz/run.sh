#!/bin/sh
# Fuzzes one target on a stable toolchain, without cargo-fuzz: run.sh TARGET SECONDS
# New inputs go to tests/fuzz/target/corpus, crashes to tests/fuzz/artifacts; move what is worth keeping to corpus/TARGET.
set -eu
[ $# -eq 2 ] || { echo "usage: $0 TARGET SECONDS" >&2; exit 2; }
cd "$(dirname "$0")"
[ -d "corpus/$1" ] || { echo "no target $1; there are: $(ls corpus | tr '\n' ' ')" >&2; exit 2; }
triple=$(rustc -vV | sed -n 's/^host: //p')
# The coverage pass of LLVM by hand: what `-Zsanitizer` would switch on is not on stable.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=1" \
    cargo build --release --target "$triple"
mkdir -p "target/corpus/$1" artifacts
FUZZ_TARGET=$1 exec "target/$triple/release/hsflow-fuzz" \
    -max_total_time="$2" -artifact_prefix="artifacts/$1-" -print_final_stats=1 "target/corpus/$1" "corpus/$1"
