# Dropped packets by known causes, of the kernel and of a simulated switch chip, under their sFlow codes. The agent runs as
# nobody with the capabilities of its two steps. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up
mkdir -m 777 /tmp/agent
catch 6343
agent() { # settings of dropmon, capabilities
  local caps=${2:-+net_admin,+sys_admin}
  echo "sflow { polling = 0 agentIP = 192.0.2.1 collector { ip = 127.0.0.1 udpport = 6343 } dropmon { $1 } }" > /tmp/agent/conf
  setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,$caps --ambient-caps=$caps --bounding-set=-all,$caps \
    /bin-under-test/hsflowd -d -f /tmp/agent/conf -o /tmp/agent/auto --socket /tmp/agent/socket 2>/tmp/agent/log &
  agent=$!; disown
}
ended() { ! kill -0 $agent 2>/dev/null; }
stop() { kill -TERM $agent; within 10 "the agent ends" ended; }
reads() { /bin-under-test/hsflowctl status --socket /tmp/agent/socket | grep "^component  dropmon" | grep -q "$1"; }
feed_runs() { ! rmmod drop_monitor 2>/dev/null; }   # while it runs, its module cannot go
events='.[].samples[] | select(.tag == 5)'
of() { echo "[$events | select(.records[\"1\"].bytes | contains(\"$1\"))]"; } # those whose packet has these bytes

# ---- a far host in a namespace
ip netns add n; ip link add v0 type veth peer name v1 netns n
ip link set v0 up; ip -n n link set v1 up; ip -n n link set lo up
ip addr add 10.9.0.1/24 dev v0; ip -n n addr add 10.9.0.2/24 dev v1; ip -n n addr add 10.44.0.1/32 dev lo
ip -n n route add default via 10.9.0.1
index=$(cat /sys/class/net/v0/ifindex)
cat > /tmp/send.py <<'X'
import socket, sys
given = sys.argv[1:]
to, port, count, ttl, source = given + ['1', '64', ''][len(given) - 2:]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, int(ttl))
if source: s.bind((source, 0))
for _ in range(int(count)):
    try: s.sendto(b'A marked packet', (to, int(port)))
    except OSError: pass
X
far() { ip netns exec n python3 /tmp/send.py "$@"; }
near() { python3 /tmp/send.py "$@"; }
mark=41206d61726b6564
caused() { # what, code, reason, input
  within 15 "$1: code $2, $3" seen "$(of $mark) | any(.reason == $2 and .records[\"1042\"] == \"$3\" and .input == $4)" || last "$(of $mark)"
  : > $caught
}

# ---- causes
refute "nobody has asked for the module yet" grep -q drop_monitor /proc/modules
agent 'limit = 1000 rn = on'
within 20 "the feed runs, and the question for it loaded the module" reads running
check "really" feed_runs
far 10.9.0.1 9; within 15 "a closed port: length, header and function" seen "$(of $mark) | any(.reason == 3 and .records[\"1\"].protocol == 1 and (.records[\"1038\"] | startswith(\"__udp4_lib_rcv\")))"
caused "a closed port" 3 NO_SOCKET $index
tc qdisc add dev v0 clsact
tc filter add dev v0 ingress protocol ip u32 match ip dport 77 0xffff action drop
tc filter add dev v0 egress protocol ip u32 match ip dport 78 0xffff action drop
far 10.9.0.1 77; caused "tc, arriving" 365 TC_INGRESS $index
near 10.9.0.2 78; caused "tc, leaving" 366 TC_EGRESS 0
sysctl -qw net.ipv4.ip_forward=1
far 172.16.0.1 9; caused "no route" 0 IP_INNOROUTES $index
ip link add d0 type dummy; ip link set d0 up; ip route add 172.17.0.0/16 dev d0
far 172.17.0.1 9 1 1; caused "too many hops (this kernel calls it a bad header)" 313 IP_INHDR $index
sysctl -qw net.ipv4.conf.v0.rp_filter=1
far 10.9.0.1 9 1 64 10.44.0.1; caused "a source on the wrong side" 335 IP_RPFILTER $index
ip route add 172.19.0.0/16 via 10.9.0.77
far 172.19.0.1 9; caused "no such neighbour" 279 NEIGH_FAILED $index

# the firewall: a chain of nf_tables whose policy is to drop what is forwarded. (What this host itself sends has no link header
# yet there; such drops the kernel does not tell.)
python3 - <<'X'
import socket, struct
def attribute(kind, value, nested=0):
    return struct.pack('=HH', 4 + len(value), kind | nested) + value + bytes(-len(value) % 4)
def message(kind, flags, family, resource, body=b''):
    global sequence; sequence += 1
    body = struct.pack('!BBH', family, 0, resource) + body
    return struct.pack('=IHHII', 16 + len(body), kind, flags, sequence, 0) + body
sequence = 0
hook = attribute(1, struct.pack('!I', 2)) + attribute(2, struct.pack('!i', 0))              # forward
chain = attribute(1, b't\0') + attribute(3, b'c\0') + attribute(4, hook, 0x8000) + attribute(5, struct.pack('!I', 0)) + attribute(7, b'filter\0')
s = socket.socket(16, socket.SOCK_RAW, 12); s.bind((0, 0))
s.send(message(16, 1, 0, 10) + message(0xa00, 0x405, 2, 0, attribute(1, b't\0')) + message(0xa03, 0x405, 2, 0, chain) + message(17, 1, 0, 10))
for _ in range(2): assert struct.unpack_from('=i', s.recv(4096), 16) == (0,)
X
far 172.17.0.1 9
caused "the firewall" 258 NETFILTER_DROP $index
stop
refute "the feed was stopped with the agent" feed_runs

# ---- the agent stands still while packets are dropped: what found no room in the kernel is told, and nothing twice
cat > /tmp/unreported.py <<'X'
# Packets of which the kernel says that it could not report them: NET_DM_CMD_STATS_GET, and what had no room in a generic socket.
import socket, struct
def attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack_from('=HH', data)
        yield kind & 0x3fff, data[4:length]
        data = data[(length + 3) & ~3:]
def ask(kind, command, body=b''):
    body = struct.pack('=BBH', command, 1, 0) + body
    s.send(struct.pack('=IHHII', 16 + len(body), kind, 1, 1, 0) + body)
    return dict(attributes(s.recv(65536)[20:]))
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
family, = struct.unpack('=H', ask(16, 3, struct.pack('=HH', 11, 2) + b'NET_DM\0\0')[1])
queues, = struct.unpack('=Q', dict(attributes(ask(family, 8)[12]))[0])
print(queues + sum(int(line.split()[8]) for line in open('/proc/net/netlink') if line.split()[1] == '16'))
X
arrived() { cat /sys/class/net/v0/statistics/rx_packets; }
told() { last "$events | (.sequence + .drops)"; }
unreported() { echo $(($(python3 /tmp/unreported.py) - before)); }
same() { # the kernel may still be busy with what it had queued, and finds no room for that either
  /bin-under-test/hsflowctl status --json --socket /tmp/agent/socket | jq -ce "[.losses.drop_events, $(unreported)] | ., .[0] == .[1]"
}
accounted() { # all that arrived was dropped; a few are of others, such as a question for an address
  samples=$(($(told) - told)) packets=$(($(arrived) - arrived))
  echo "$samples of $packets"; [ $((samples - packets)) -ge -5 ] && [ $((samples - packets)) -le 5 ]
}
agent 'limit = 1000 max = 1000000'
within 20 "it runs before it stands still" reads running; : > $caught
far 10.9.0.1 77; within 15 "one drop is told" seen "$(of $mark) | length > 0"
told=$(told) arrived=$(arrived) before=$(python3 /tmp/unreported.py)
kill -STOP $agent
far 10.9.0.1 77 40000
check "the kernel could not report many of 40000 ($(unreported) by now)" test "$(unreported)" -gt 10000
kill -CONT $agent
within 20 "the agent tells the same number" same
# Until all is read the kernel has no room for a new one either.
all_read() { awk '$2 == 16 && $5 > 0 {waits = 1} END {exit waits}' /proc/net/netlink; }
within 20 "it has read what waited" all_read
far 10.9.0.1 77
within 15 "samples and their drops add up to the packets of the interface's counter" accounted
check "which are those that were sent ($samples, $packets)" test "$packets" -ge 40001 -a "$packets" -le 40010
stop

# ---- limit: 10 a tenth of a second, and the rest is counted
agent 'limit = 10'
within 20 "again" reads running; : > $caught
far 10.9.0.1 9 300; near 127.0.0.1 9; sleep 2; near 127.0.0.1 9
within 10 "drops are counted" seen "[$events] | length > 0 and last.drops > 0"
total() { last "[$events] | (length + last.drops)"; }
all_told() { local told; told=$(total); echo "$told"; [ "$told" -ge 302 ]; }
within 10 "each of 302 drops is an event or counted" all_told
check "at most 10 a second" test "$(last "[$events | (.records[\"1043\"].nanoseconds / 1e9 | floor)] | group_by(.) | map(length) | max")" -le 10

# ---- killed, the feed runs on; the next agent takes it over, and stops it
kill -9 $agent; within 20 "killed" ended
check "the feed runs on" feed_runs
agent 'hide = "NO_SOCK"'
within 20 "taken over" reads running; : > $caught
far 10.9.0.1 9; tc filter del dev v0 egress; far 10.9.0.1 77
within 15 "hide: another cause is reported" seen "$(of $mark) | any(.reason == 365)"
refute "hide: what matches is not" seen "$(of $mark) | any(.reason == 3)"
stop; refute "and stopped" feed_runs

# ---- one that somebody else started, without force: listened to, and left alone
agent ''; within 20 "started" reads running; kill -9 $agent; within 20 "killed" ended
agent 'force = off'; within 20 "listens" reads running; : > $caught
far 10.9.0.1 9; caused "a drop of a feed of others" 3 NO_SOCKET $index
stop; check "it still runs" feed_runs

# ---- a chip's traps (taking the feed over)
modprobe netdevsim; echo "1 1" > /sys/bus/netdevsim/new_device; nsim=$(ls /sys/bus/netdevsim/devices/netdevsim1/net); ip link set "$nsim" up
agent 'sw = off limit = 1000'; within 20 "hardware" reads running; : > $caught
devlink trap set netdevsim/netdevsim1 trap blackhole_route action trap
devlink trap set netdevsim/netdevsim1 trap ttl_value_is_too_small action trap
within 20 "a chip's drop has its trap and code" seen "[$events] | any(.reason == 269 and .records[\"1041\"] == [\"l3_drops\", \"blackhole_route\"])" || last "[$events]" | head -c 1500
refute "the kernel's own are not let in" seen "[$events] | any(.records | has(\"1042\"))"
stop

# ---- too many: the feed is stopped for good
agent 'hw = off max = 20 max_trip = 1'; within 20 "once more" reads running
far 10.9.0.1 9 200
within 15 "the breaker opens and says so" reads "more than 20 events a second"
stop

# ---- capabilities: without CAP_SYS_ADMIN no group, without CAP_NET_ADMIN no feed
agent '' +net_admin; within 20 "the group needs CAP_SYS_ADMIN" reads 'CAP_SYS_ADMIN is missing'; stop
agent '' +sys_admin; within 20 "the feed needs CAP_NET_ADMIN" reads 'CAP_NET_ADMIN is missing'; stop
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
finish
