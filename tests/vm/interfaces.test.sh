# Every kind of interface, against the kernel's own figures: bonds of netdevsim cards, a VLAN on a bond, a bridge, a VRF,
# veth into a namespace. The agent runs as nobody, without any capability. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1   # a machine at rest stays at rest
modprobe netdevsim && modprobe bonding max_bonds=0
echo "1 2" > /sys/bus/netdevsim/new_device
nsim=$(ls /sys/bus/netdevsim/devices/netdevsim1/net); set -- $nsim
equal "two simulated cards" $# 2

# bond0: the cards, with a VLAN on top; bond1: LACP without a partner
ip link add bond0 type bond mode active-backup miimon 100
for card in $nsim; do ip link set "$card" master bond0; done
ip link add link bond0 name bond0.100 type vlan id 100
ip link add bond1 type bond mode 802.3ad miimon 100
for d in d1 d2; do ip link add $d type dummy; ip link set $d master bond1; done
# br0: the VLAN and one end of a veth pair, the other in a namespace; red: a VRF with a dummy; off: not up
ip netns add n1
ip link add v0 type veth peer name v1 netns n1
ip link add br0 type bridge
ip link set bond0.100 master br0; ip link set v0 master br0
ip link add red type vrf table 10
ip link add d3 type dummy; ip link set d3 master red
ip link add off type dummy
ip addr add 192.0.2.1/24 dev bond0; ip addr add 198.51.100.1/24 dev br0
ip -n n1 addr add 198.51.100.2/24 dev v1; ip -n n1 link set v1 up; ip netns exec n1 ip link set lo up
for l in $nsim bond0 bond0.100 bond1 br0 v0 red d3; do ip link set "$l" up; done
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev bond0

traffic() { # address, packets
  python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[2])): s.sendto(bytes(1000), (sys.argv[1], 9))' "$1" "$2"
}
traffic 192.0.2.9 300; traffic 198.51.100.2 200

mkdir -m 777 /tmp/agent
echo 'sflow { polling = 2 interfaceCounters = all agent = bond0 collector { ip = 127.0.0.1 udpport = 6343 } }' > /tmp/agent/conf
check "the file is fine" /bin-under-test/hsflowctl check /tmp/agent/conf
catch 6343
setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all \
  /bin-under-test/hsflowd -d -f /tmp/agent/conf -o /tmp/agent/auto --socket /tmp/agent/socket 2>/tmp/agent/log &
agent=$!
samples() { echo "[.[].samples[] | select(.source == \"0:$(cat "/sys/class/net/$1/ifindex")\")]"; }
within 20 "samples of bond0" seen "$(samples bond0) | length > 0"
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
equal "agent address" "$(last '.[].agent')" 192.0.2.1

# bond1 and what belongs to it never rest: LACP
rested() { : > $caught; within 10 "two more polls" seen "($(samples bond0) | length > 1) and ([$host] | length > 1)"; }
rested
# a stray packet may fall between a sample and the look at the kernel: the next samples must agree then
within 20 "all interfaces agree with ip -s link" python3 $here/interfaces.py $caught bond1 d1 d2
check "bond0 has carried the packets" seen "$(samples bond0) | last.records[\"1\"].outOctets > 300000"
refute "an interface in another namespace is not reported" seen 'any(.[].samples[].records; .["1005"] == "v1")'

# ---- the host's network figures: what goes through a bond counts once
ip link set bond1 down; ip link set v0 down; rested
tx() { ip -j -s link | jq "[.[] | select($1) | .stats64.tx.bytes] | add"; }
cards=".ifname == \"${nsim/$'\n'/\" or .ifname == \"}\""
before=$(last "$host.records[\"2006\"].bytesOut"); kernel=$(tx "$cards")
traffic 192.0.2.9 500
rested
equal "bytes out through the bond" $(($(last "$host.records[\"2006\"].bytesOut") - before)) $(($(tx "$cards") - kernel))
check "which are the packets' size" test $(($(tx "$cards") - kernel)) = $((500 * (1000 + 28 + 14)))
ip link set v0 up

# ---- changes while it runs
ip link add fresh type dummy; ip link set fresh up
within 10 "a new interface is reported" seen "$(samples fresh) | length > 0"
index=$(cat /sys/class/net/fresh/ifindex)
ip link set fresh down; ip link set fresh name renamed
within 10 "its new name too" seen "$(samples renamed) | last.records[\"1005\"] == \"renamed\" and last.records[\"1\"].ifStatus == 0"
ip link del renamed
rested; rested
equal "a removed one no longer" "$(whole | jq -s "[.[].samples[] | select(.source == \"0:$index\")] | length")" 0
within 20 "the rest still agrees" python3 $here/interfaces.py $caught bond1 d1 d2
check "sequence numbers of each source rise by one" seen '[.[].samples[] | [.source, .sequence]] | group_by(.[0]) | all(.[]; [.[][1]] as $n | $n == [range($n[0]; $n[0] + ($n | length))])'

# ---- link aggregation: two links to a bond in the namespace, by LACP; beside them the members of bond0
ip link add bond2 type bond mode 802.3ad miimon 100 lacp_rate fast
ip -n n1 link add bond3 type bond mode 802.3ad miimon 100 lacp_rate fast
for n in 1 2; do
  ip link add l$n type veth peer name r$n netns n1
  ip link set l$n master bond2; ip -n n1 link set r$n master bond3
done
ip link set bond2 up; ip -n n1 link set bond3 up
lacp() { echo "$(samples "$1") | last.records[\"7\"]"; }
counts() { ip -j stats show dev l1 group xstats_slave subgroup bond suite 802.3ad | jq "[.. | objects | .$1? | select(. != null)][0]"; }
within 30 "both sides of a link pass packets" seen "$(lacp l1).state == \"073f003f\""
within 10 "and of the other" seen "$(lacp l2).state == \"073f003f\""
equal "its own name is that of the bond" "$(last "$(lacp l1).actor")" "$(ip -j link show bond2 | jq -r '.[].address')"
equal "its partner's that of the other bond" "$(last "$(lacp l1).partner")" "$(ip -n n1 -j link show bond3 | jq -r '.[].address')"
equal "it belongs to the bond" "$(last "$(lacp l1).aggregate")" "$(cat /sys/class/net/bond2/ifindex)"
for way in rx tx; do
  before=$(counts lacpdu_$way); rested
  told=$(last "$(lacp l1).lacp${way^}"); after=$(counts lacpdu_$way)
  check "LACP messages, $way: $before <= $told <= $after" test "$before" -le "$told" -a "$told" -le "$after" -a "$told" -gt 0
done
ip -n n1 link set r2 down
within 10 "a link that is cut passes none" seen "$(lacp l2).state | test(\"^..[01245689acde]\")"
check "which is explained" eval '/bin-under-test/hsflowctl explain interface l2 --socket /tmp/agent/socket | grep "a member of bond2: it waits"'
check "one card of bond0 passes packets and the other waits" eval '[ "$(for card in $nsim; do last "$(lacp $card).state"; done | sort | tr "\n" " ")" = "04040000 043c0000 " ]'
ip link del bond2

# ---- the operator's tool
within 10 "status names every interface" eval "[ \"\$(/bin-under-test/hsflowctl status --socket /tmp/agent/socket --json | jq -c '[.interfaces[].name] | sort')\" = \"\$(ip -j link | jq -c '[.[].ifname] | sort')\" ]"
check "once prints a sample of every interface" eval "[ \"\$(/bin-under-test/hsflowctl once --json -f /tmp/agent/conf | grep -o '\"name\":\"[^\"]*\"' | sort -u | wc -l)\" -ge \$((\$(ip -j link | jq length) - 1)) ]"
check "the agent address is explained" eval '/bin-under-test/hsflowctl explain agent-address --socket /tmp/agent/socket | grep 192.0.2.1'

kill $agent; wait $agent
equal "it ends cleanly" $? 0
sed 's/^/# /' /tmp/agent/log
finish
