# A Cumulus Linux switch whose chip is the kernel: portsamp is a script that has `tc` sample the port and, like the real one,
# writes files of root's. Under a real systemd, with nothing configured but a collector. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
install_service
systemd-sysusers hsflowd.conf; systemd-tmpfiles --create hsflowd.conf; systemctl daemon-reload
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
modprobe act_sample; modprobe cls_matchall; modprobe nfnetlink_log

# ---- the switch
printf 'NAME="Cumulus Linux"\nID=cumulus-linux\nVERSION_ID=4.3.0\n' > /tmp/os-release
mount --bind /tmp/os-release "$(readlink -f /etc/os-release)"
mkdir -p /usr/lib/cumulus /cumulus/switchd
touch /cumulus/switchd/calls; chmod 600 /cumulus/switchd/calls
cat > /usr/lib/cumulus/portsamp <<'SCRIPT'
#!/bin/sh
echo "$*" >> /cumulus/switchd/calls || exit 1
tc qdisc replace dev $1 clsact || exit 1
tc filter del dev $1 ingress pref 1 2>/dev/null
n=$2; [ ! -e /run/chip ] || n=$(cat /run/chip)
[ $2 = 0 ] || tc filter add dev $1 ingress pref 1 matchall action sample rate $n group 1 trunc 128
SCRIPT
chmod 755 /usr/lib/cumulus/portsamp
ip netns add world
ip link add swp1 type veth peer name eth0 netns world # a veth says 10 Gb/s
ip link add swp2 type veth peer name eth1 netns world
ip addr add 10.9.0.1/24 dev swp1; ip link set swp1 up; ip link set swp2 up
ip -n world addr add 10.9.0.2/24 dev eth0; ip -n world link set eth0 up; ip -n world link set eth1 up
flows="[.[].samples[] | select(.tag == 3 and .source == \"0:$(index swp1)\")]"
packets() { cat /sys/class/net/swp1/statistics/rx_packets; }
send() { # count: UDP datagrams that arrive at swp1
  ip netns exec world python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(int(sys.argv[1])):
    s.sendto(bytes(100), ("10.9.0.1", 9))
    if n % 200 == 199: time.sleep(.02)' "$1"
}
settled() { local n=-1 m; while m=$(wc -c < $caught); [ "$m" != $n ]; do n=$m; sleep 1; done; }
calls() { sort /cumulus/switchd/calls | tr '\n' ',' ; }
called() { [ "$(calls)" = "$1" ]; }
rates() { tc filter show dev swp1 ingress | grep -o 'rate 1/[0-9]*'; }
sampling_at() { [ "$(rates)" = "rate 1/$1" ]; } # portsamp was called a moment before
catch 6343

# ---- nothing but a collector
echo 'sflow { collector { ip = 127.0.0.1 } }' > /etc/hsflowd.conf
check "starts" systemctl start hsflowd
within 20 "without the drop-in the state says what is missing" state cumulus 'DEGRADED.*ermission denied.*cumulus.conf' || { hsflowctl status; cat /cumulus/switchd/calls; }
install -D -m 644 /src/systemd/cumulus.conf /etc/systemd/system/hsflowd.service.d/cumulus.conf
took=$SECONDS
check "stops" systemctl stop hsflowd
took=$((SECONDS - took)) # it gives itself 6 s
check "and does not try for long what is denied: $took s" [ $took -lt 6 ]
check "the drop-in is taken" eval 'systemctl daemon-reload && systemctl start hsflowd'
within 20 "every port has the rate of its speed" called 'swp1 10000 0 1,swp2 10000 0 1,' || { calls; hsflowctl status; }
within 10 "and the state is good" state cumulus running
equal "user" "$(stat -c %U "/proc/$(pid)")" hsflowd
within 20 "the kernel samples" sampling_at 10000
within 10 "psample and nflog run" eval 'state psample running && state nflog running' || hsflowctl status
check "the settings say where they come from" eval 'hsflowctl config show | grep -q "^psample.group = 1 .*# platform Cumulus Linux"'

# ---- another rate, end to end
: > /cumulus/switchd/calls; : > $caught
echo 'sflow { collector { ip = 127.0.0.1 } polling = 0 sampling.10G = 10 }' > /etc/hsflowd.conf
check "is reloaded" systemctl reload hsflowd
within 20 "the ports are set again" called 'swp1 10 0 1,swp2 10 0 1,'
within 20 "and the kernel samples so" sampling_at 10
in=$(packets); send 10000; settled
got=$(last "$flows | length") sent=$(($(packets) - in))
check "1:10 of $sent packets: $got samples" awk "BEGIN {z = ($got - $sent/10) / sqrt($sent*.09); exit !(z*z <= 4.5*4.5)}"
check "told with their rate and input" seen "$flows | all(.rate == 10 and .input == $(index swp1))"
check "explained" eval 'hsflowctl explain interface swp1 | grep -q "sampled 1 in 10 by psample"' || hsflowctl explain interface swp1

# ---- a chip that samples more often than was asked for
check "stops" systemctl stop hsflowd
equal "and sets all ports back" "$(calls)" 'swp1 0 0 1,swp1 10 0 1,swp2 0 0 1,swp2 10 0 1,'
equal "the kernel samples no more" "$(rates)" ""
: > /cumulus/switchd/calls; : > $caught
echo 4 > /run/chip
check "starts" systemctl start hsflowd
within 20 "the ports are set" called 'swp1 10 0 1,swp2 10 0 1,'
within 20 "at the chip's rate" sampling_at 4
send 4000; settled
check "three samples of 1:4 are one of 1:12" seen "$flows | length > 200 and all(.rate == 12)"
check "and no packet is forgotten by the pool" seen "$flows | to_entries | all(.value.pool == (.key + 1) * 12)" || last "$flows[0:3]"
rm /run/chip

# ---- a chip that hands over samples as firewall packets
check "the kernel forgets its filter" tc filter del dev swp1 ingress pref 1
iptables -A INPUT -i swp1 -p udp --dport 9 -j NFLOG --nflog-group 1
: > $caught
send 20
within 20 "every one is a sample at the rate that was set" seen "$flows | length == 20 and all(.rate == 10)" || last "$flows[0:3]"
iptables -F INPUT

# ---- nobody is left sampling, and switchd takes the agent along
: > /cumulus/switchd/calls
sed -i 's/^Restart=.*/Restart=no/' /lib/systemd/system/hsflowd.service
printf '[Service]\nExecStart=/bin/sleep infinity\n' > /etc/systemd/system/switchd.service
mkdir -p /etc/cumulus; echo 'interface.swp2.sflow.enable = FALSE' > /etc/cumulus/switchd.conf
check "an agent is killed" eval 'systemctl daemon-reload; systemctl start switchd; systemctl kill -s KILL hsflowd'
within 20 "its chip is set back, but for what is not ours" called 'swp1 0 0 1,' || calls
check "starts" systemctl start hsflowd
before=$(pid)
check "switchd starts again" systemctl restart switchd
within 20 "and the agent" eval '[ "$(pid)" != 0 ] && [ "$(pid)" != $before ] && state cumulus running'
took=$SECONDS
check "stops" systemctl stop hsflowd
equal "it took no more than its time" "$(show Result) $((SECONDS - took < 6))" "success 1"
finish
