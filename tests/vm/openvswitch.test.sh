# Open vSwitch as Debian's services, with the kernel's datapath: the agent under its own user and sandbox, let in by the drop-in.
# Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
install_service
systemd-sysusers hsflowd.conf; systemd-tmpfiles --create hsflowd.conf; systemctl daemon-reload
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
socket=/run/openvswitch/db.sock
list() { ovs-vsctl --columns=agent,header,polling,sampling,targets list sflow; }
ours() { ovs-vsctl --bare --columns=name find bridge "sflow=$(ovs-vsctl --bare --columns=_uuid find sflow external_ids:owner=hsflowd-rs)" | sort | xargs; }

ip link add mgmt type dummy && ip addr add 10.1.1.1/24 dev mgmt && ip link set mgmt up
cat > /etc/hsflowd.conf <<C
sflow { agent = mgmt polling = 2 sampling = 2 headerBytes = 100 subAgentId = 4711
  collector { ip = 127.0.0.1 udpport = 6343 }
  ovs { }
}
C
catch 6343

# ---- the agent is there first
check "starts without an Open vSwitch" systemctl start hsflowd
within 10 "which is told" state ovs 'unavailable.*no Open vSwitch here'
refute "and makes the status say no, as the file names it" hsflowctl status
check "Open vSwitch starts" systemctl start openvswitch-switch
check "a bridge" ovs-vsctl add-br br0
equal "no record" "$(list)" ""
equal "its socket is root's" "$(stat -c '%U:%G %a' $socket)" "root:root 750"
within 40 "which shuts the agent out, and the cure is told" state ovs 'DEGRADED.*Permission denied.*open-vswitch.conf'

# ---- the drop-in
install -D -m 644 /src/systemd/open-vswitch.conf /etc/systemd/system/ovsdb-server.service.d/open-vswitch.conf
systemctl daemon-reload
check "restarts Open vSwitch with the drop-in" systemctl restart openvswitch-switch
equal "its socket is the agent's, too" "$(stat -c '%U:%G %a' $socket)" "root:hsflowd 770"
within 60 "which lets the agent in" state ovs running || component ovs
equal "the record" "$(list | tr -s ' \n' ' ')" 'agent : mgmt header : 100 polling : 2 sampling : 2 targets : ["127.0.0.1:6343"] '
equal "the agent holds no capability" "$(all_sets)" 0000000000000000
check "a later bridge" ovs-vsctl add-br br1
within 20 "has it" eval '[ "$(ours)" = "br0 br1" ]'

# ---- the kernel's datapath samples
for n in 1 2; do
  ip netns add h$n; ip link add p$n type veth peer name eth0 netns h$n; ip link set p$n up
  ip -n h$n addr add 10.9.0.$n/24 dev eth0; ip -n h$n link set eth0 up; ovs-vsctl add-port br0 p$n
done
equal "the datapath is the kernel's" "$(ovs-vsctl get bridge br0 datapath_type)" '""'
ip netns exec h1 python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(200):
    try: s.sendto(bytes(300), ("10.9.0.2", 9))
    except OSError: pass
    time.sleep(.005)'
samples="[.[] | select(.subAgent != 4711 and .subAgent != 4712) | .samples[] | select(.tag == 1 and .input == $(index p1) and .output == $(index p2))]"
within 20 "samples of what h1 sends h2, with the ports it takes" seen "$samples | length > 20" || last .
check "at our rate" seen "$samples | all(.rate == 2)"

# ---- ends
check "stops" systemctl stop hsflowd
equal "no record is left" "$(list)" ""
systemctl start hsflowd
within 20 "its record again" eval '[ "$(ours)" = "br0 br1" ]'
kept=$(ovs-vsctl --bare --columns=_uuid list sflow)
kill -9 "$(pid)"
within 20 "restarted after kill -9" eval 'systemctl is-active hsflowd && state ovs running'
equal "the same record" "$(ovs-vsctl --bare --columns=_uuid list sflow)" "$kept"
finish
