#!/bin/bash
# fuzz.sh SECONDS|build [TARGET ...]: builds the fuzzer once, on the stable toolchain, and runs each target of
# fuzz/targets.rs for so long, from its corpus, as many at a time as there are processors. The flags are what cargo-fuzz
# sets, less the address sanitizer, which stable lacks: the code is safe Rust, and what is looked for are panics and
# broken laws. New inputs are kept in fuzz/target/corpus, findings in fuzz/artifacts; what is worth keeping goes to
# fuzz/corpus/TARGET.
set -eu
cd "$(dirname "$0")/fuzz"
seconds=${1:-10}; shift || true
[ $# -gt 0 ] || set -- corpus/*   # a folder for each target; tests/fuzz_corpus.rs holds that
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1" \
  cargo build --release --locked --target "$host"
[ "$seconds" != build ] || exit 0
fuzz() { # target
  local log=target/log.$1
  mkdir -p artifacts "target/corpus/$1"
  if FUZZ_TARGET=$1 "target/$host/release/hsflow-fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
      -artifact_prefix="artifacts/$1-" "target/corpus/$1" "corpus/$1" >"$log" 2>&1; then
    echo "PASS fuzz $1 ($(sed -n 's/^Done \([0-9]* runs\).*/\1/p' "$log") in $seconds s)"
  else
    tail -n 60 "$log"; echo "FAIL fuzz $1"; return 1
  fi
}
failed=0 running=0
for target; do
  name=${target#corpus/}
  [ -d "corpus/$name" ] || { echo "fuzz.sh: no target $name; there are: $(ls corpus | xargs)" >&2; exit 2; }
  # each keeps one processor busy
  if [ $running -lt "$(nproc)" ]; then running=$((running + 1)); else wait -n || failed=1; fi
  fuzz "$name" &
done
while [ $running -gt 0 ]; do wait -n || failed=1; running=$((running - 1)); done
exit $failed
