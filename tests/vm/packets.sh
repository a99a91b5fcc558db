# What the tests of packet sources under a real systemd share: the agent installed, a container behind v0, the world behind
# w0, and a collector. Sourced after lib.sh.
install_service
systemd-sysusers hsflowd.conf; systemd-tmpfiles --create hsflowd.conf; systemctl daemon-reload
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 net.ipv4.ip_forward=1

# ---- a container behind v0, and the world behind w0
for n in box world; do ip netns add $n; ip -n $n link set lo up; done
ip link add v0 type veth peer name eth0 netns box && ip link add w0 type veth peer name eth0 netns world
ip addr add 10.9.0.1/24 dev v0 && ip addr add 10.8.0.1/24 dev w0 && ip link set v0 up && ip link set w0 up
ip -n box addr add 10.9.0.2/24 dev eth0 && ip -n box link set eth0 up && ip -n box route add default via 10.9.0.1
ip -n world addr add 10.8.0.2/24 dev eth0 && ip -n world link set eth0 up && ip -n world route add default via 10.8.0.1

flows="[.[].samples[] | select(.tag == 3 and .source == \"0:$(index v0)\")]"
send() { # count, address: UDP datagrams of 100 bytes, not faster than a machine without KVM can follow
  python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(int(sys.argv[1])):
    s.sendto(bytes(100), (sys.argv[2], 9)); time.sleep(.002)' "$1" "${2:-10.9.0.2}"
}
talk() { # a connection from the container to the world that sends for a second
  ip netns exec box python3 -c '
import socket, time
for _ in range(100):
    try: s = socket.create_connection(("10.8.0.2", 5001), timeout=9); break
    except ConnectionRefusedError: time.sleep(.1) # its listener is being started
for n in range(20): s.sendall(bytes(500)); time.sleep(.05)'
}
conf() { echo "sflow { polling = 2 agentIP = 10.9.0.1 collector { ip = 127.0.0.1 udpport = 6343 } $* }" > /etc/hsflowd.conf; }
sampled() { send 50; within 15 "$1" seen "${2:-$flows | length >= 50}" || { hsflowctl status; last "$flows | length"; }; }
drop_in() { install -D -m 644 "/src/systemd/$1" "/etc/systemd/system/hsflowd.service.d/$1"; systemctl daemon-reload; }
drop_out() { rm -r /etc/systemd/system/hsflowd.service.d; systemctl daemon-reload; }
filters() { for hook in ingress egress; do tc filter show dev v0 $hook; done | grep -c 'bpf.*hsflowd'; }
rule() { iptables "-$1" OUTPUT -o v0 -p udp -m statistic --mode random --probability 1 -j NFLOG --nflog-group 5; }
restart() { : > $caught; check "restarts $1" systemctl restart hsflowd; }
catch 6343

