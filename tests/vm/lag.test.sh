# Bonds of switch ports: members are sampled and not the bond, both have counters, of one moment; and a bond that is sampled by
# name. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
modprobe bonding max_bonds=0
ip link set lo up

# bond0 of swp1 and swp2, bond1 of their other ends; swp3 is in none
ip netns add n1
ip link add bond0 type bond mode balance-rr miimon 100
ip -n n1 link add bond1 type bond mode balance-rr miimon 100
for n in 1 2; do
  ip link add swp$n type veth peer name r$n netns n1
  ip link set swp$n master bond0; ip -n n1 link set r$n master bond1
done
ip link add swp3 type veth peer name r3 netns n1; ip link set swp3 up; ip -n n1 link set r3 up
ip link set bond0 up; ip -n n1 link set bond1 up
ip addr add 198.51.100.1/24 dev bond0
ip neigh add 198.51.100.2 lladdr "$(ip -n n1 -j link show bond1 | jq -r '.[].address')" dev bond0

mkdir -m 777 /tmp/agent
conf() { echo "sflow { polling = 2 agentIP = 198.51.100.1 collector { ip = 127.0.0.1 udpport = 6343 } cumulus { } $1 }" > /tmp/agent/conf; }
conf 'pcap { dev.pattern = ^swp|^bond sampling = 1 }'
catch 6343
/bin-under-test/hsflowd -d -f /tmp/agent/conf -o /tmp/agent/auto --socket /tmp/agent/socket 2>/tmp/agent/log &
agent=$!
send() { python3 -c '
import os, socket, sys
os.sched_setaffinity(0, {0}) # a bond takes its members in turn on each processor
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[1])): s.sendto(bytes(100), ("198.51.100.2", 9))' "$1"; }
of() { echo "[.[].samples[] | select(.tag == $2 and .source == \"0:$(index "$1")\")]"; }
counters() { of "$1" 4; }
flows() { echo "[$(of "$1" 3)[] | select(.records[\"1\"].frameLength == 146)]"; } # of what is sent below
explain() { /bin-under-test/hsflowctl explain interface "$1" --socket /tmp/agent/socket; }
sampled() { explain "$1" | grep -q "sampled 1 in 1 by"; }

# ---- members are sampled, and the bond is not
for port in swp1 swp2 swp3; do within 20 "$port is sampled" sampled $port; done
refute "the bond is not" sampled bond0
within 10 "which is explained" eval 'explain bond0 | grep "its packets pass another interface too"'
send 100
within 10 "each packet of the bond is one sample" seen "(($(flows swp1) | length) + ($(flows swp2) | length)) == 100"
check "of both members, and none of the bond" seen "($(flows swp1) | length) == 50 and ($(flows bond0) | length) == 0"
equal "both ends are ports, not the bond" "$(last "[$(flows swp1)[].output] | unique | tojson")" "[$(index swp1)]"

# ---- counters of both, of one moment
within 10 "counters of all" seen "[$(counters bond0), $(counters swp1), $(counters swp2)] | all(length > 3)"
check "those of a bond and its members leave together" seen "
  [.[] | {uptime, source: .samples[] | select(.tag == 4) | .source}] | group_by(.source) | map({(.[0].source): map(.uptime)}) | add
  | .[\"0:$(index bond0)\"][1:3] == .[\"0:$(index swp1)\"][1:3] and .[\"0:$(index bond0)\"][1:3] == .[\"0:$(index swp2)\"][1:3]"
check "a member tells which bond it is in, the bond none" seen "($(counters swp1) | last.records[\"7\"].aggregate == $(index bond0)) and ($(counters bond0) | last.records | has(\"7\") | not)"
ip link set swp3 down; ip link set swp3 master bond0
within 10 "so do those of one that joins" seen "$(counters swp3) | length > 1 and (last.records[\"7\"].aggregate == $(index bond0))"

# ---- a bond that is named is sampled, and its members are not, once more
: > $caught
conf 'pcap { dev.pattern = ^swp sampling = 1 } pcap { dev = bond0 sampling = 1 }'; kill -HUP $agent
within 10 "the bond is sampled" sampled bond0
within 10 "its members are not" eval '! sampled swp1 && ! sampled swp2'
within 10 "which is explained" eval 'explain swp1 | grep "its bond is sampled by name"'
check "the members send their counters" eval 'explain swp1 | grep "It sends its counters"'
send 100
within 10 "each packet is one sample" seen "$(flows bond0) | length == 100"
check "and none of a member" seen "[$(flows swp1), $(flows swp2)] == [[], []]"
ip link set swp1 nomaster; ip link set swp1 up
within 10 "one that leaves the bond is sampled again" sampled swp1

refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
kill $agent; wait $agent
equal "it ends cleanly" $? 0
sed 's/^/# /' /tmp/agent/log
finish
