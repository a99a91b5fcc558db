# A switch whose collectors are behind a management VRF, and which stands in for another one: its agent address is its own.
# The agent runs as the service does. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up
install_service
systemctl daemon-reload; systemd-sysusers; systemd-tmpfiles --create >/dev/null 2>&1

# eth0 of the switch in the VRF mgmt; the collector at its other end, in a namespace
ip netns add far
ip link add mgmt type vrf table 1001; ip link set mgmt up
ip link add mgmt0 type veth peer name c0 netns far
ip link set mgmt0 master mgmt; ip addr add 192.168.200.5/24 dev mgmt0; ip link set mgmt0 up
ip -n far addr add 192.168.200.9/24 dev c0; ip -n far link set c0 up; ip -n far link set lo up
# the collector's network is known in the VRF alone
ip route add 203.0.113.0/24 via 192.168.200.9 table 1001
ip -n far addr add 203.0.113.7/32 dev lo
# another namespace, reached by its name
ip netns add other; ip -n other link set lo up
# a port with an address, a VLAN with the gateway's, which its twin has too
ip link add swp1 type veth peer name x1; ip addr add 192.168.100.1/31 dev swp1; ip link set swp1 up; ip link set x1 up
ip link add br0 type bridge; ip link set br0 up
ip link add swp2 type veth peer name x2; ip link set swp2 master br0; ip link set swp2 up; ip link set x2 up
ip link add link br0 name vlan10 type vlan id 10; ip addr add 10.10.10.2/24 dev vlan10; ip link set vlan10 up
ip link add link vlan10 name vlan10-v0 address 00:00:5e:00:01:0a type macvlan mode private
ip addr add 8.8.4.1/24 dev vlan10-v0; ip link set vlan10-v0 up

catch_in() { # namespace, file
  : > "$2"; ip netns exec "$1" python3 $here/sflow5.py 6343 0.0.0.0 >> "$2" 2>"$2.err" & disown
  within 20 "a collector listens in $1" grep -q listening "$2.err"
}
catch_in far /tmp/far; catch_in other /tmp/other
cat > /etc/hsflowd.conf <<'END'
sflow {
  polling = 2
  cumulus { }
  collector { ip = 203.0.113.7 dev = mgmt }
  collector { ip = 127.0.0.1 namespace = other }
}
END
mkdir -p /etc/systemd/system/hsflowd.service.d
cp /src/systemd/collector-namespace.conf /etc/systemd/system/hsflowd.service.d/
systemctl daemon-reload
check "the service starts" systemctl start hsflowd
far() { jq -s -e "$1" /tmp/far; }
within 30 "datagrams come through the VRF" far 'length > 2'
within 20 "and in the namespace" jq -s -e 'length > 2' /tmp/other
refute "the main table knows no way there" eval 'ip route get 203.0.113.7 | grep mgmt0'
equal "the agent address is its own, in the management VRF" "$(auto agentIP)" 192.168.200.5
equal "as collectors see it" "$(jq -s -r 'last.agent' /tmp/far)" 192.168.200.5
check "which is explained" eval 'hsflowctl explain agent-address | tee /tmp/why; grep "on mgmt0" /tmp/why && grep "1 of virtual routers passed over" /tmp/why'

# ---- the gateway's address alone names no switch while another is there
ip addr del 192.168.200.5/24 dev mgmt0
within 10 "without it the port's is next" eval '[ "$(auto agentIP)" = 192.168.100.1 ]'
ip addr add 192.168.200.5/24 dev mgmt0
ip addr del 192.168.100.1/31 dev swp1
within 10 "and when that goes the management address again" eval '[ "$(auto agentIP)" = 192.168.200.5 ]'
ip route replace 203.0.113.0/24 via 192.168.200.9 table 1001   # the kernel took it away with the address
: > /tmp/far
within 10 "the way through the VRF is found again" far 'length > 0'
ip addr del 192.168.200.5/24 dev mgmt0
within 10 "a VLAN's own before the gateway's" eval '[ "$(auto agentIP)" = 10.10.10.2 ]'
ip addr del 10.10.10.2/24 dev vlan10
within 10 "the gateway's where there is no other" eval '[ "$(auto agentIP)" = 8.8.4.1 ]'
check "which is said" eval 'hsflowctl explain agent-address | grep "other switches have it too"'
check "nothing is degraded but collectors, and psample, whose module is not loaded" eval '! hsflowctl status | grep "^component" | grep DEGRADED | grep -Ev "^component  (collector|psample) "'
finish
