# The ports of sampled packets over every kind of device, VLANs, VLAN-aware bridges and GRE among them: the table of
# tests/packets/topology.rs, for taps and for programs (by clsact on this kernel). The tests must have been built
# (cargo test --no-run --test packets). Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
program=$(ls -t /src/target/debug/deps/packets-* | grep -v '\.d$' | head -n 1)
check "the tests are built" test -x "$program"
cp "$program" /tmp/packets
# where the tests look for the programs
mkdir -p "$HSFLOW_ROOT/target/debug" && ln -sf /bin-under-test/* "$HSFLOW_ROOT/target/debug/"
modprobe -a veth tun bridge 8021q vxlan macvlan ip_gre sch_ingress cls_bpf cls_matchall
table() { # test, what it prints as the last line
  check "$1" /tmp/packets --exact "$1" --nocapture
  cp /tmp/check.out /tmp/table.out; sed 's/^/# /' /tmp/table.out
  check "  with every topology" grep -qx "$2" /tmp/table.out
}
table topology::taps_know_the_ports_of_every_kind_of_device "pcap: .* of 10 topologies"
table topology::programs_know_the_ports_of_every_kind_of_device "epcap: .* of 10 topologies"
finish
