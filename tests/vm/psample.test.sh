# Samples that the kernel takes: tc's sample action in both directions, on veth, VLAN, tun and GRE devices, and those of a
# simulated switch chip. The agent runs as nobody with CAP_NET_ADMIN alone. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up

mkdir -m 777 /tmp/agent
echo 'sflow { polling = 0 agentIP = 192.0.2.1 collector { ip = 127.0.0.1 udpport = 6343 } psample { group = 1 egress = on } }' > /tmp/agent/conf
catch 6343
setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_admin --ambient-caps=+net_admin --bounding-set=-all,+net_admin \
  /bin-under-test/hsflowd -d -f /tmp/agent/conf -o /tmp/agent/auto --socket /tmp/agent/socket 2>/tmp/agent/log &
agent=$!
state() { /bin-under-test/hsflowctl status --socket /tmp/agent/socket; }
reads() { state | grep "^component  psample" | grep -q "$1"; }

# ---- the module comes after the agent
within 20 "without the module the status says so" reads CTRL_CMD_GETFAMILY
refute "which the question did not load" grep -q psample /proc/modules
echo 'sflow { collector { ip = 127.0.0.1 } psample { } dent { switchport = ^sw } }' > /tmp/agent/other
doctor() { /bin-under-test/hsflowctl doctor --socket /tmp/agent/socket -f /tmp/agent/other "$@"; }
check "doctor says how to load it" eval 'doctor | grep -A1 "^? .* module act_sample: there, and not loaded" | grep -q "modprobe act_sample"' || doctor
modprobe act_sample
within 20 "the agent hears of the module at once" reads running || { state; cat /tmp/agent/log; }

# ---- a wire: v0 sends, v1 receives
ip link add v0 type veth peer name v1
for l in v0 v1; do ip link set $l up; tc qdisc add dev $l clsact; done
ip addr add 10.9.0.1/24 dev v0
ip neigh add 10.9.0.2 lladdr "$(cat /sys/class/net/v1/address)" dev v0
index() { cat "/sys/class/net/$1/ifindex"; }
packets() { cat "/sys/class/net/$1/statistics/${2}_packets"; }
sampled() { tc filter add dev "$1" "$2" matchall action sample rate "$3" group $(($([ "$2" = egress ]; echo $?) ? 1 : 2)) trunc 128; }
quiet() { for l in "$@"; do tc filter del dev "$l" ingress; tc filter del dev "$l" egress; done 2>/dev/null; }
send() { # count, bytes, address: UDP datagrams, not faster than a machine without KVM can follow
  python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(int(sys.argv[1])):
    s.sendto(bytes(int(sys.argv[2])), (sys.argv[3], 9))
    if n % 200 == 199: time.sleep(.02)' "$1" "$2" "${3:-10.9.0.2}"
}
generate() { # count: packets from the kernel itself; these pass no filter of v0
  modprobe pktgen
  echo rem_device_all > /proc/net/pktgen/kpktgend_0; echo add_device v0 > /proc/net/pktgen/kpktgend_0
  local c; for c in "count $1" "pkt_size 100" "dst_mac $(cat /sys/class/net/v1/address)" "dst 10.9.0.2" "delay ${2:-0}"; do echo "$c" > /proc/net/pktgen/v0; done
  echo start > /proc/net/pktgen/pgctrl
}
flows() { echo "[.[].samples[] | select(.tag == 3 and .source == \"0:$(index "$1")\")]"; }
count() { last "$(flows "$1") | length"; }
drops() { last "($(flows "$1") | last.drops) // 0"; }
settled() { local n=-1 m; while m=$(wc -c < $caught); [ "$m" != $n ]; do n=$m; sleep 1; done; } # the collector has all there is

# ---- every packet, both directions: none missing, none twice
sampled v1 ingress 1; sampled v0 egress 1
in=$(packets v1 rx) out=$(packets v0 tx)
send 2000 100
settled
equal "1:1 arriving: samples and lost ones are the packets" $(($(count v1) + $(drops v1))) $(($(packets v1 rx) - in))
equal "1:1 leaving" $(($(count v0) + $(drops v0))) $(($(packets v0 tx) - out))
equal "none was lost" "$(drops v1) $(drops v0)" "0 0"
check "what arrives has this input, what leaves this output, and the length on the wire" seen "
  [$(flows v1)[] | [.rate, .input, .inputFormat, .records[\"1\"].protocol, .records[\"1\"].frameLength]] == [range(2000) | [1, $(index v1), 0, 1, 146]]
  and ([$(flows v0)[] | [.rate, .output, .outputFormat, .records[\"1\"].protocol, .records[\"1\"].frameLength]] == [range(2000) | [1, $(index v0), 0, 1, 146]])"
check "a header is cut at 128 bytes and has the packet's addresses" seen "
  $(flows v1) | all(.records[\"1\"].bytes | length == 256 and .[52:68] == \"0a0900010a090002\")"
quiet v0 v1

# ---- one in N
for n in 10 100; do
  : > $caught; in=$(packets v1 rx)
  sampled v1 ingress $n; generate $((n * 2000)); settled; quiet v1
  got=$(($(count v1) + $(drops v1))) sent=$(($(packets v1 rx) - in))
  check "1:$n of $sent packets: $got samples, z = $(echo | awk "{printf \"%.2f\", ($got - $sent/$n) / sqrt($sent/$n*(1-1/$n))}")" \
    awk "BEGIN {z = ($got - $sent/$n) / sqrt($sent/$n*(1-1/$n)); exit !(z*z <= 4.5*4.5)}"
  check "and the rate is told" seen "$(flows v1) | all(.rate == $n)"
done

# ---- a reader that does not come: what did not fit into the socket's buffer is counted
: > $caught; in=$(packets v1 rx)
sampled v1 ingress 1; send 1 100; kill -STOP $agent; generate 60000; kill -CONT $agent; settled; send 1 100; settled
lost=$(drops v1)
equal "after $lost lost samples: samples and lost ones are the packets" $(($(count v1) + lost)) $(($(packets v1 rx) - in))
check "some had to be lost" test "$lost" -gt 1000
quiet v1

# ---- a group that is made again counts from 0, which is no loss
: > $caught
sampled v1 ingress 1; send 5 100; quiet v1; sampled v1 ingress 1; send 5 100; settled
equal "two lives of a group" "$(count v1) $(($(drops v1)))" "10 $lost"
quiet v1

# ---- whole packets, larger than the room for one
: > $caught
ip link set v0 mtu 9000; ip link set v1 mtu 9000
tc filter add dev v1 ingress matchall action sample rate 1 group 1
in=$(packets v1 rx)
large() { send 3 8000; settled; seen "[$(flows v1)[] | select(.records[\"1\"].frameLength == 8046)] | length >= 3"; }
send 1 100; within 20 "packets of 8000 bytes are sampled" large
equal "and those that were too large at first are counted" $(($(count v1) + $(drops v1) - lost)) $(($(packets v1 rx) - in))
quiet v1

# ---- VLAN: the kernel has taken the tag out; on the VLAN's own interface there is none
: > $caught
for l in v0 v1; do ip link add link $l name $l.7 type vlan id 7; ip link set $l.7 up; tc qdisc add dev $l.7 clsact; done
ip addr add 10.8.0.1/24 dev v0.7; ip neigh add 10.8.0.2 lladdr "$(cat /sys/class/net/v1/address)" dev v0.7
for l in v0 v0.7; do sampled $l egress 1; done; for l in v1 v1.7; do sampled $l ingress 1; done
send 3 100 10.8.0.2; settled
for l in v0 v0.7 v1 v1.7; do
  check "$l: untagged frames of 142 bytes" seen "[$(flows $l)[] | [.records[\"1\"].frameLength, .records[\"1\"].bytes[24:28]]] == [range(3) | [146, \"0800\"]]"
done
quiet v0 v1 v0.7 v1.7

# ---- no link layer: tun and GRE
: > $caught
ip link add gre1 type gre local 10.9.0.1 remote 10.9.0.2; ip link set gre1 up; ip addr add 10.6.0.1/24 dev gre1
tc qdisc add dev gre1 clsact; sampled gre1 egress 1
send 3 100 10.6.0.2
check "a tun device sends and receives" python3 -c '
import fcntl, os, struct, subprocess, socket
t = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(t, 0x400454ca, struct.pack("16sH", b"tun0", 0x1001))
run = lambda line: subprocess.run(line, shell=True, check=True)
run("ip link set tun0 up; ip addr add 10.7.0.1/24 dev tun0; tc qdisc add dev tun0 clsact")
for number, way in enumerate(("ingress", "egress"), 1):
    run("tc filter add dev tun0 %s matchall action sample rate 1 group %d" % (way, number))
os.write(t, bytes.fromhex("4500006400000000401100000800000a0a070001") + bytes(80))   # from 8.0.0.10: reads like an EtherType
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(bytes(72), ("10.7.0.9", 9))
open("/tmp/tun", "w").write(open("/sys/class/net/tun0/ifindex").read())'
settled
check "GRE: packets start with IPv4" seen "[$(flows gre1)[] | [.records[\"1\"].protocol, .records[\"1\"].frameLength, .records[\"1\"].bytes[0:2]]] == [range(3) | [11, 128, \"45\"]]" || last "$(flows gre1)" | head -c 2000
check "tun: both ways, packets start with IPv4" seen "[.[].samples[] | select(.source == \"0:$(cat /tmp/tun)\")] | map([.records[\"1\"].protocol, .records[\"1\"].frameLength, .records[\"1\"].bytes[0:2]]) == [[11, 100, \"45\"], [11, 100, \"45\"]]"
ip link del gre1

# ---- the module goes and comes again
quiet v0 v1
for l in v0 v1; do tc qdisc del dev $l clsact; done
within 20 "the module can be unloaded under the agent" eval 'rmmod act_sample; rmmod psample; ! grep -q "^psample" /proc/modules'
within 20 "and the status says so" reads CTRL_CMD_GETFAMILY
modprobe act_sample
within 20 "loaded again, it is joined again" reads running
: > $caught
tc qdisc add dev v1 clsact; sampled v1 ingress 1; send 5 100; settled
equal "and samples come" "$(count v1)" 5

# ---- a switch chip's samples: queue, depth, transit delay
modprobe netdevsim; echo "1 1" > /sys/bus/netdevsim/new_device
chip=/sys/kernel/debug/netdevsim/netdevsim1/psample
: > $caught
echo 1 > $chip/group_num; echo 7 > $chip/out_tc; index v0 > $chip/in_ifindex; index v1 > $chip/out_ifindex; echo 250 > $chip/rate; echo 1 > $chip/enable
within 10 "samples of the chip" seen "$(flows v0) | length > 3"
echo 0 > $chip/enable; settled
check "each has queue, depth and transit delay in their bounds" seen "$(flows v0) | all(.rate == 250 and .output == $(index v1) and .records[\"1036\"].queue == 7 and .records[\"1040\"].depth < 10000 and .records[\"1039\"].delay < 50)" || last "$(flows v0)" | head -c 1500

check "the collector has every datagram of the agent" seen '[.[].sequence] | . == [range(.[0]; .[0] + length)]'
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
check "the agent still runs" kill -0 $agent

# ---- doctor: the module, and the samplers on known traffic, tc's too, in a namespace that goes away
check "doctor sees the module" eval 'doctor | grep -q "^ok .* module act_sample: loaded"'
spaces() { ls -l /proc/[0-9]*/ns/net 2>/dev/null | sed 's/.*-> //' | sort -u | wc -l; }
before=$(spaces) filters=$(tc qdisc show | grep -c clsact)
doctor --calibrate > /tmp/calibrated
for sampler in pcap epcap psample; do
  for rate in '1 in 1' '1 in 10'; do
    check "calibrated: $sampler $rate" grep -Eq "^ok +calibration $sampler $rate: [0-9]+ samples of" /tmp/calibrated || grep calibration /tmp/calibrated
  done
done
equal "network namespaces and filters as before" "$(spaces) $(tc qdisc show | grep -c clsact)" "$before $filters"

# ---- nobody feeds psample: packets pass, and the status says so; with a filter it is over
kill $agent; wait $agent
echo 1 > /sys/bus/netdevsim/del_device # or its port would be this host's traffic
for l in $(ls /sys/class/net); do tc qdisc del dev "$l" clsact; done 2>/dev/null
ip netns add far; ip link add u0 type veth peer name u1 netns far; ip link set u0 up; ip -n far link set u1 up
ip addr add 10.5.0.1/24 dev u0; ip neigh add 10.5.0.2 lladdr 02:00:00:00:00:09 dev u0
echo 'sflow { polling = 1 agentIP = 192.0.2.1 sampling = 1 sampling.10G = 1 collector { ip = 127.0.0.1 udpport = 6343 } psample { egress = on } }' > /tmp/agent/conf
setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_admin --ambient-caps=+net_admin --bounding-set=-all,+net_admin \
  /bin-under-test/hsflowd -d -f /tmp/agent/conf -o /tmp/agent/auto --socket /tmp/agent/socket 2>/tmp/agent/log &
agent=$!
within 20 "psample runs" reads running
within 20 "nobody feeds it" eval 'send 200 100 10.5.0.2; state | grep -A1 "^DEGRADED   packet-samples: psample: .* no tc filter" | grep -q "do: tc filter show"' || state
refute "which makes the status say no" state
tc qdisc add dev u0 clsact; sampled u0 egress 1; send 50 100 10.5.0.2
within 20 "with a filter all is well" state
finish
