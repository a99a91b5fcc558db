# Sampling that the agent sets up by tc (dent { }): on bare ports, on ports with qdiscs and filters of others, in step with rates,
# speeds, ports that come and go, kills and meddling; and no trace of it afterwards. The agent runs as nobody with
# CAP_NET_ADMIN and CAP_NET_RAW. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up
# What it does with thousands of links takes minutes, and is none of this.
systemctl stop systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udevd 2>/dev/null

mkdir -m 777 /tmp/agent
config() { # the rest
  echo "sflow { polling = ${polling:-0} agentIP = 192.0.2.1 sampling = 400 collector { ip = 127.0.0.1 udpport = 6343 } dent { switchport = ${pattern:-^sw} } $1 }" > /tmp/agent/conf
}
start() {
  setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_admin,+net_raw --ambient-caps=+net_admin,+net_raw --bounding-set=-all,+net_admin,+net_raw \
    /bin-under-test/hsflowd -d -f /tmp/agent/conf -o /tmp/agent/auto --socket /tmp/agent/socket 2>>/tmp/agent/log &
  agent=$!
}
ctl() { /bin-under-test/hsflowctl "$@" --socket /tmp/agent/socket; }
is() { ctl status | grep "^component  $1 " | grep -q "$2"; }
reload() { config "$1"; kill -HUP $agent; }
explains() { ctl explain interface "$1" | grep -q "$2"; }
stop() { kill "$agent"; wait "$agent"; }

filters() { tc filter show dev "$1" "$2" 2>/dev/null; }
ours() { filters "$1" "${2:-ingress}" | grep -c "cookie 6873666c6f77642d7273"; }   # "hsflowd-rs"
has() { # in the shell itself: it is asked again and again
  local shown
  shown=$(filters "$1" "${3:-ingress}")
  [[ $shown == *"cookie 6873666c6f77642d7273"* && $shown != *"cookie 6873666c6f77642d7273"*"cookie 6873666c6f77642d7273"* && $shown == *"rate 1/$2 "* ]]
}
all_have() { local rate=$1 way=$2 port; shift 2; for port in "$@"; do has "$port" "$rate" "$way" || return 1; done; }
action() { # the number of our action
  filters "$1" "${2:-ingress}" | awk '/action order/ {n = ""} $1 == "index" {n = $2} /cookie 6873666c6f77642d7273/ {print n; exit}'
}
kept() { # of these ports: qdiscs and filters of all hooks, as tc tells
  for l in "$@"; do
    tc qdisc show dev "$l"
    for way in root ingress egress; do echo "$l $way"; tc filter show dev "$l" $way; done
  done 2>/dev/null
}
frames() { # count, interfaces: so many broadcast frames leave each
  python3 -c '
import socket, sys, time
for name in sys.argv[2:]:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((name, 0))
    for n in range(int(sys.argv[1])):
        s.send(bytes.fromhex("ffffffffffff02000000000188b5") + bytes(86))
        if n % 200 == 199: time.sleep(.02)' "$@"
}
flows() { echo "[.[].samples[] | select(.tag == 3 and .source == \"0:$(index "$1")\")]"; }
count() { last "$(flows "$1") | length"; }
around() { # port: 2000 packets at 1 in 10; the last of what is settled may wait for its turn of the processor
  local got; got=$(count "$1"); echo "$got"; [ "$got" -ge 140 ] && [ "$got" -le 260 ]
}
settled() { local n=-1 m; while m=$(wc -c < $caught); [ "$m" != $n ]; do n=$m; sleep .5; done; }

# ---- ports: swN here, pN at the other end; what users have made of them
tap() { # name: a tap that has a reader, so that its link is up
  python3 -c '
import fcntl, os, signal, struct, sys
t = os.open("/dev/net/tun", os.O_RDWR); fcntl.ioctl(t, 0x400454ca, struct.pack("16sH", sys.argv[1].encode(), 0x1002)); signal.pause()' "$1" &
  tap=$!
  disown
  within 10 "a tap $1" test -d /sys/class/net/$1
  ip link set $1 up; ethtool -s $1 speed 1000 duplex full
}
for n in 0 1 2 3; do ip link add sw$n type veth peer name p$n; ip link set p$n up; ip link set sw$n up; done
tap sw4

# ---- without the qdisc's module, which the kernel would look for at each port
echo 'install sch_ingress echo asked >> /tmp/asked; /bin/false' > /etc/modprobe.d/none.conf
: > /tmp/asked
config; start
within 20 "without the qdisc's module the status says what mends it" is dent "modprobe sch_ingress" || { ctl status; cat /tmp/agent/log; }
check "the kernel looked for it at one port" test "$(wc -l < /tmp/asked)" -le 2
stop
rm /etc/modprobe.d/none.conf

tc qdisc add dev sw1 clsact
tc filter add dev sw1 ingress pref 1 protocol ip flower dst_ip 10.0.0.9 action drop
tc filter add dev sw1 ingress pref 3 protocol all matchall action sample rate 5 group 9
tc filter add dev sw1 egress pref 2 protocol ip u32 match ip dst 10.0.0.9/32 action drop
tc filter add dev sw1 egress pref 49000 protocol all matchall action ok
tc qdisc add dev sw2 ingress
tc filter add dev sw2 ingress pref 7 protocol ip u32 match ip dst 10.0.0.9/32 action drop
tc qdisc add dev sw3 root handle 1: prio
tc filter add dev sw3 parent 1: pref 1 protocol ip u32 match ip dst 10.0.0.9/32 flowid 1:1
ports="sw0 sw1 sw2 sw3"
kept $ports > /tmp/before

# ---- without the module: a tap in its place
# (the user's own filter has loaded it: it is taken away, and put back)
unloaded() { # the kernel frees a filter's action a moment after the filter
  rmmod act_sample psample cls_matchall; ! grep -E '^(act_sample|psample|cls_matchall) ' /proc/modules
}
tc filter del dev sw1 ingress pref 3; tc filter del dev sw1 egress pref 49000
within 20 "its modules can be taken away" unloaded
echo 'install act_sample /bin/false' > /etc/modprobe.d/none.conf
catch 6343
config 'sampling.10G = 20 pcap { dev.pattern = ^sw }'
start
within 20 "without the module the status says so" is dent "lacks a module" || { ctl status; cat /tmp/agent/log; }
within 20 "a port is tapped meanwhile" explains sw0 "1 in 20 by pcap"
check "and why is told" explains sw0 "modprobe"
check "the kernel was asked about one port, not about each" test "$(for l in $ports; do tc qdisc show dev $l; done | grep -c clsact)" -le 2
rm /etc/modprobe.d/none.conf
# another wish is tried at once
reload 'sampling.10G = 10 pcap { dev.pattern = ^sw }'
within 20 "when the module is there, tc samples" all_have 10 ingress sw0 sw1 sw2 sw3 || { ctl status; cat /tmp/agent/log; }
within 20 "and the tap is closed" explains sw0 "1 in 10 by tc"
within 20 "the component runs" is dent running
tc filter add dev sw1 ingress pref 3 protocol all matchall action sample rate 5 group 9
tc filter add dev sw1 egress pref 49000 protocol all matchall action ok

# ---- samples
within 10 "psample is heard" is psample running
check "the port's driver cannot, which is told" explains sw0 "by the kernel: the port's driver cannot"
equal "preference behind a user's filter" "$(filters sw1 ingress | grep -c 'pref 2 matchall')" 2
frames 2000 p0 p1 p2 p3; settled
for n in 0 1 2 3; do within 10 "sw$n: 200 +- 60 samples of 2000 packets" around sw$n; done
check "with the rate, and the port as the input" seen "$(flows sw2) | all(.rate == 10 and .input == $(index sw2) and .inputFormat == 0)"
check "cut at 128 bytes or less" seen "$(flows sw2) | all(.records[\"1\"].bytes | length == 200)"

# ---- rates: in place
tc monitor > /tmp/monitor & monitor=$!
before=$(for n in 0 1 2 3; do action sw$n; done)
reload 'sampling.10G = 50 headerBytes = 200'
within 10 "another rate on all ports" all_have 50 ingress sw0 sw1 sw2 sw3
equal "by the same actions" "$(for n in 0 1 2 3; do action sw$n; done | xargs)" "$(echo $before)"
check "and the same bytes" eval 'filters sw0 ingress | grep -q "trunc_size 200"'
within 10 "a tap of 1 Gb/s" has sw4 1000
one=$(action sw4)
ethtool -s sw4 speed 2500 duplex full
within 20 "that has 2.5 Gb/s" has sw4 2500
equal "by the same action" "$(action sw4)" "$one"
ip link set sw4 carrier off
within 10 "a port that is down" eval 'ctl status | grep -q "the link is down: .*sw4"'
ip link set sw4 carrier on
check "has kept its filter" has sw4 2500
kill $monitor
refute "no filter was removed in all that" grep -i "deleted.*filter" /tmp/monitor

# ---- egress, where the user's ingress qdisc has no place for it
reload 'sampling.10G = 10 psample { egress = on }'
within 10 "both ways" all_have 10 egress sw0 sw1 sw3
within 20 "sw2 says why it cannot" is dent "sw2: an ingress qdisc" || ctl status
: > $caught; frames 2000 sw0; settled
within 10 "sw0: 200 +- 60 samples of 2000 leaving packets" around sw0
check "with the port as the output" seen "$(flows sw0) | all(.rate == 10 and .output == $(index sw0))"
check "sw2 is sampled in the other direction" has sw2 10 ingress

# ---- a kill, and a start
kill -9 $agent; wait $agent 2>/dev/null
check "a killed agent leaves its filters" all_have 10 ingress sw0 sw1 sw2 sw3
left=$(for n in 0 1 2 3; do action sw$n; done)
config 'sampling.10G = 10'
start
within 20 "the next takes them over" explains sw0 "1 in 10 by tc"
within 20 "those that are not wished go" eval '[ "$(ours sw0 egress)$(ours sw1 egress)$(ours sw3 egress)" = 000 ]'
equal "and the others are the same" "$(for n in 0 1 2 3; do action sw$n; done | xargs)" "$(echo $left)"

# ---- meddling
tc filter del dev sw0 ingress pref 1
within 20 "a filter that somebody deleted comes back" has sw0 10
tc qdisc del dev sw3 clsact
within 20 "and so does the qdisc" has sw3 10
for n in 1 2 3 4; do tc filter del dev sw0 ingress pref 1; within 20 "and again" has sw0 10; done
tc filter del dev sw0 ingress pref 1
within 20 "but not for ever" is dent "sw0: another program removes"
refute "then it is left alone" has sw0 10

# ---- ports come and go
kill $tap; tap sw4s0
within 10 "a new port" has sw4s0 1000
ip link set sw4s0 down; ip link set sw4s0 name other
within 10 "a port that is none any more" eval '[ -z "$(tc qdisc show dev other | grep clsact)" ]'
kill $tap

# ---- many ports at once
stop
many=${HSFLOW_LONG:+4000}; many=${many:-30}
modprobe dummy numdummies=0
for n in $(seq $many); do echo "link add swd$n up type dummy"; done > /tmp/batch
ip -batch /tmp/batch
used() { tc qdisc show | grep -c "clsact.* dev swd"; }
have() { tc filter show dev swd1 ingress | grep -q "rate 1/$1 " && tc filter show dev swd$many ingress | grep -q "rate 1/$1 "; }
filled() { have 400 && [ "$(used)" = $many ]; }
now() { echo $(($(date +%s%N) / 1000000)); }
busy() { awk -v hz="$(getconf CLK_TCK)" '{print ($14 + $15) * 1000 / hz}' /proc/$agent/stat; }
polling=${HSFLOW_LONG:+20}
config
begun=$(now); start
within 120 "$many ports have filters" filled || { ctl status | head -40; cat /tmp/agent/log; }
filled=$(($(now) - begun))
begun=$(now); reload 'sampling = 77'
within 120 "another rate on them" have 77
retuned=$(($(now) - begun))
if [ -n "${HSFLOW_LONG:-}" ]; then
  sleep 20; before=$(busy); sleep 20; used_ms=$(($(busy) - before))
  cost="; sampled, and counters every 20 s: $used_ms ms of processor time in 20 s, $(awk '/VmRSS/ {print $2}' /proc/$agent/status) kB resident"
fi
begun=$(now); stop
echo "$many ports: filters on all after $filled ms, another rate after $retuned ms, ended after $(($(now) - begun)) ms${cost:-}"
left=$(used)
if [ "$left" != 0 ]; then # the kernel takes its time for each, and systemd would not wait
  check "the end says on how many ports filters may be left" grep -q "filters may be left on $left ports" /tmp/agent/log
  pattern='^sw[0-9]'; config; begun=$(now); start
  within 120 "the next start removes them" eval '[ "$(used)" = 0 ]'
  echo "$left ports: all removed after $(($(now) - begun)) ms"; stop
fi
rmmod dummy
polling= pattern=

# ---- as a service, with what its unit permits
install_service
systemd-sysusers; systemd-tmpfiles --create
config 'sampling.10G = 10'; cp /tmp/agent/conf /etc/hsflowd.conf
systemctl daemon-reload; systemctl start hsflowd
within 20 "the service's filters" all_have 10 ingress sw0 sw1 sw2 sw3 || hsflowctl status
within 20 "its component runs" state dent running
systemctl stop hsflowd

# ---- no trace
kept $ports > /tmp/after
same() { diff <(sed 's/index [0-9]*//' /tmp/before) <(sed 's/index [0-9]*//' /tmp/after); }
check "qdiscs and filters are as before" same
finish
