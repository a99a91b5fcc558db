#!/bin/bash
# long.sh [STEP...]: all tests at full size, or the named steps again, and their dated result in tests/RESULTS.md. Long cargo
# tests are marked #[ignore]; scripts look at HSFLOW_LONG.
set -euo pipefail
cd "$(dirname "$0")/.."
export HSFLOW_LONG=1
features=$(pkg-config --exists libvirt && echo --features libvirt || true) # as in the Makefile
log=$(mktemp); others=$(mktemp); trap 'rm -f "$log" "$others"' EXIT
failed=0
version="$(git rev-parse --short HEAD)$(git diff --quiet HEAD -- . ':!tests/RESULTS.md' || echo ' and changes')"
wanted=("$@")
step() { # name, command: runs it, notes its result and the lines that count in the place of what was noted before
  local name=$1 start=$SECONDS result=passed; shift
  [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" ${name%%,*} "* ]] || return 0
  echo "== $name"
  "$@" 2>&1 | tee "$log" || { result=FAILED; failed=1; }
  awk -v name="$name: " '/^[^ ].*: (passed|FAILED), /{old = index($0, name) == 1} !old' tests/RESULTS.md | cat -s > "$others"
  { cat "$others"
    printf '\n%s: %s, %d s, %s\n\n' "$name" $result $((SECONDS - start)) "$(date -u +%F), commit $version"
    grep -E '^(test result:|PASS|FAIL|packages: |ok   [a-z0-9-]+/hsflow.* is the same|     Running|idle|start|[0-9]+ (ports|containers|services|reactions|attacks|samples: [0-9]+ alarms)|cells?|pool|.*packets, [0-9]+ samples, |[0-9]+ taps)|... cell |[0-9]+ acts: |(TBF|HTB) .*: wanted ' "$log" | sed 's/^test .* \.\.\. \(cell\|[0-9]* acts\|TBF\|HTB\)/\1/; s/^ */    /; s/ (target.*//' || true; } | cat -s > tests/RESULTS.md
}
[ $# -gt 0 ] || cat > tests/RESULTS.md <<HEAD
# Results of \`make test-long\`

$(. /etc/os-release; echo "$PRETTY_NAME"), Linux $(uname -r), $(nproc) cores, $(rustc --version | cut -d' ' -f1,2).
HEAD
step "lints" make --no-print-directory lint
# shellcheck disable=SC2086  # two words, or none
step "tests" cargo test --locked --no-fail-fast $features -- --include-ignored --skip long_samples --skip long_five_hundred --skip long_shape
# shellcheck disable=SC2086
step "500 containers" cargo test --locked $features --test agent long_five_hundred -- --include-ignored --nocapture
# shellcheck disable=SC2086
step "packet samples" cargo test --locked $features --test packets long_samples -- --include-ignored --nocapture --test-threads=1
# shellcheck disable=SC2086
step "shaping" cargo test --locked $features --test policy long_shape -- --include-ignored --nocapture --test-threads=1
step "detection" cargo test --release --locked $features --test policy -- --include-ignored --nocapture --test-threads=1 rate:: react:: odds::
step "fuzzing, 20 s for a target" tests/fuzz.sh 20
step "footprint, beside its floor" make --no-print-directory footprint
step "guests, beside their floor" make --no-print-directory guests
step "benchmarks" make --no-print-directory bench-check
step "packages" make --no-print-directory test-packages
step "programs" make --no-print-directory test-programs
step "orchestration" make --no-print-directory test-orchestration
step "machines" make --no-print-directory test-vm
exit $failed
