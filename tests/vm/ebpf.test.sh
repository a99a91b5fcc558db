# The eBPF source on a kernel without tcx (6.1): the tests of tests/ebpf.rs, which attach by clsact there. They must have
# been built (cargo test --no-run --test ebpf). Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
program=$(ls -t /src/target/debug/deps/ebpf-* | grep -v '\.d$' | head -n 1)
check "the tests are built" test -x "$program"
equal "a kernel between the ring buffer and tcx" "$(uname -r | cut -d. -f1,2)" 6.1
cp "$program" /tmp/ebpf && modprobe -a veth tun bridge sch_ingress cls_bpf cls_matchall
# one at a time: the machine is slow, and a test that waits for silence must not be disturbed
for name in $(/tmp/ebpf --list | sed -n 's/: test$//p'); do
  check "$name" /tmp/ebpf --exact "$name" --nocapture
  sed 's/^/# /' /tmp/check.out | grep SKIP
done
check "by clsact, and not skipped" eval '/tmp/ebpf --exact probe_says_what_is_missing --nocapture | grep -q "SKIP.*by Tcx" && ! /tmp/ebpf --exact probe_says_what_is_missing --nocapture | grep -q "SKIP.*Clsact"'
finish
