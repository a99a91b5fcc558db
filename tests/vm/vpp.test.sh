# VPP's sFlow plug-in, as a program that sends what it sends: packets to the kernel's psample group, messages to the group of
# programs. The agent runs as nobody with CAP_NET_ADMIN alone. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up
ip link add lcp0 type dummy
modprobe psample

mkdir -m 777 /tmp/agent
conf() { echo "sflow { polling = 20 agentIP = 192.0.2.1 collector { ip = 127.0.0.1 udpport = 6343 } vpp { $1 } }" > /tmp/agent/conf; }
conf ""
catch 6343
setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_admin --ambient-caps=+net_admin --bounding-set=-all,+net_admin \
  /bin-under-test/hsflowd -d -f /tmp/agent/conf -o /tmp/agent/auto --socket /tmp/agent/socket 2>/tmp/agent/log &
agent=$!
state() { /bin-under-test/hsflowctl status --socket /tmp/agent/socket; }
within 20 "it listens" eval 'state | grep "^component  vpp .*running"' || { state; cat /tmp/agent/log; }

plugin=/tmp/plugin; mkfifo $plugin
python3 $here/vpp.py < $plugin 2>/tmp/plugin.err &
exec 9> $plugin
vpp() { echo "$*" >&9; }
flows() { echo "[.[].samples[] | select(.tag == 3 and .source == \"0:$1\")]"; }
counters() { echo "[.[].samples[] | select(.tag == 4 and .source == \"0:$1\")]"; }
lcp0=$(index lcp0) own=1000000007

# ---- a packet of an interface that was not told of is no sample
unknown() { /bin-under-test/hsflowctl status --socket /tmp/agent/socket --json | jq -e ".telemetry.flow_samples_unknown == $1"; }
vpp packet 3 1 7 8 1000 3; vpp status 40
within 10 "they are counted" unknown 3
vpp interface 7 - GigabitEthernet0/8/0 10000000000 12345 100
within 10 "its counters are a sample at once" seen "$(counters $own) | last | .records[\"1005\"] == \"GigabitEthernet0/8/0\" and .records[\"1\"].inOctets == 12345 and .records[\"1\"].ifSpeed == 10000000000"
check "and no packet was one" seen "$(flows $own) == []"

# ---- both directions; one end has Linux's number
vpp interface 8 "$lcp0" tap1 1000000000 5 5
within 10 "counters by Linux's number" seen "$(counters "$lcp0") | last.records[\"1005\"] == \"tap1\""
vpp packet 3 4 7 8 1000 5
within 10 "packets that arrive" seen "$(flows $own) | length == 5"
vpp packet 4 1 7 8 500 2
within 10 "packets that leave" seen "$(flows "$lcp0") | length == 2"
check "with VPP's rate, input and output" seen "$(flows $own) | all(.rate == 1000 and .input == $own and .output == $lcp0 and .records[\"1\"].protocol == 1 and .records[\"1\"].frameLength == 104)"
check "and of those that leave" seen "$(flows "$lcp0") | all(.rate == 500 and .input == $own and .output == $lcp0)"
equal "none was lost" "$(last "$(flows $own) | last.drops")" 0

# ---- losses: gaps in psample's numbers, and VPP's total, once
vpp packet 3 12 7 8 1000 1
within 10 "a gap of 3 is a loss of 3" seen "$(flows $own) | last.drops == 3"
vpp status 50
vpp packet 3 13 7 8 1000 3
within 10 "10 more in VPP's total are 10 more" seen "$(flows $own) | length == 9 and ([.[].drops] | .[-3:]) == [13, 13, 13]"
vpp status 50; vpp packet 3 16 7 8 1000 1
within 10 "which are told once" seen "$(flows $own) | length == 10 and last.drops == 13"
check "the pool is what was sampled and lost" seen "$(flows $own) | last.pool == 1000 * (10 + 13)"

# ---- VPP starts again: its numbers, and those of its messages
vpp restart; vpp status 2; vpp packet 3 1 7 8 1000 1
within 10 "an interface that was not told of since is not known" unknown 4
vpp interface 7 - eth9 10000000000 1 1; vpp packet 3 2 7 8 1000 1
within 10 "until it is told of; then what was lost before counts too" seen "$(flows $own) | length == 11 and last.drops == 15"
check "samples are numbered on" seen "[.[].samples[] | [.tag, .source, .sequence]] | group_by(.[0:2]) | all(.[]; [.[][2]] == [range(1; length + 1)])"

# ---- what an operator sees
explain() { /bin-under-test/hsflowctl explain interface "$1" --socket /tmp/agent/socket; }
check "the interface is explained" eval 'explain eth9 | tee /tmp/explain; grep "1 in 1000 by vpp" /tmp/explain && grep "ifIndex 1000000007" /tmp/explain && grep "VPP tells them" /tmp/explain'

# ---- VPP's own numbers
: > $caught; conf "osIndex = off"; kill -HUP $agent
within 10 "reloaded" eval 'grep -q "reloaded, revision" /tmp/agent/log'
vpp interface 7 - eth9 1 1 1; vpp interface 8 "$lcp0" tap1 1 1 1
within 10 "counters" seen "$(counters 8) | length == 1"
vpp packet 3 3 7 8 1000 1
within 10 "and packets" seen "$(flows 7) | length == 1 and last.input == 7 and last.output == 8"
check "no other interface is told of" seen '[.[].samples[].source] | unique - ["0:7", "0:8", "2:1"] == []'

# ---- without psample
exec 9>&-
rmmod psample
within 10 "without psample the status says so" eval 'state | grep "^component  vpp .*CTRL_CMD_GETFAMILY"'
check "the collector has every datagram of the agent" seen '[.[].sequence] | . == [range(.[0]; .[0] + length)]'
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
check "the plug-in had no trouble" test ! -s /tmp/plugin.err || cat /tmp/plugin.err
kill $agent; wait $agent
equal "it ends cleanly" $? 0
sed 's/^/# /' /tmp/agent/log
finish
