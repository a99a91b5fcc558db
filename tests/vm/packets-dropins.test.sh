# Packet sources that need more than the unit gives, with the drop-ins that give it, and all sources at once. Run by
# tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
. /src/tests/vm/packets.sh

# ---- dropmon
starts() { # the kernel's drop monitor can be started, so it does not run
  python3 -c '
import socket, struct, sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16); s.bind((0, 0))
def ask(family, command, flags, attributes=b""):
    s.send(struct.pack("=IHHIIBBH", 20 + len(attributes), family, flags, 1, 0, command, 2, 0) + attributes)
    return s.recv(65536)
r = ask(16, 3, 1, struct.pack("=HH", 11, 2) + b"NET_DM\0\0")[20:]
while r:
    length, kind = struct.unpack("=HH", r[:4])
    if kind == 1: family = struct.unpack("=H", r[4:6])[0]
    r = r[(length + 3) & ~3:]
error = lambda command: struct.unpack("=i", ask(family, command, 5)[16:20])[0]
started = error(3)
if started == 0: error(4)
sys.exit(started != 0)'
}
conf 'dropmon { start = on limit = 1000 }'
dropped='[.[].samples[] | select(.tag == 5)]'
restart "with dropmon"
within 10 "without the drop-in dropmon says what is missing" state dropmon 'DEGRADED.*CAP_SYS_ADMIN' || component dropmon
check "and nothing else is degraded" test 1 = "$(hsflowctl status | grep -c '^component.*DEGRADED')"
systemctl stop hsflowd; modprobe -r drop_monitor
drop_in packet-drops.conf
restart "with the drop-in"
within 10 "dropmon runs, in a kernel that loads the module when it is asked for it" state dropmon running || component dropmon
equal "user" "$(stat -c %U "/proc/$(pid)")" hsflowd
equal "holds CAP_NET_ADMIN and CAP_SYS_ADMIN" "$(all_sets)" 0000000000201000
check "healthy" hsflowctl status
refute "the kernel's drop monitor runs" starts
ip netns exec box python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(20): s.sendto(bytes(100), ("10.9.0.1", 4444)); time.sleep(.02)'
within 15 "a datagram for a port that nobody has is reported as dropped" seen "$dropped | any(.reason == 269 or .reason > 0)" || last "$dropped"
systemctl stop hsflowd
check "no drop monitor is left running" starts
drop_out

# ---- tcp, for a connection of the container
ip netns exec world python3 -c '
import socket
l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind(("10.8.0.2", 5001)); l.listen()
while True:
    c, _ = l.accept()
    while c.recv(65536): pass' &
conf 'pcap { dev = v0 sampling = 1 } tcp { }'
with='[.[].samples[] | select(.tag == 3 and (.records | has("2209")))]'
restart "with tcp"
talk
within 10 "without the drop-in samples come without the state of their connection" seen "$flows | length > 10"
equal "none with it" "$(last "$with | length")" 0
within 10 "and the status says why" state tcp 'CAP_SYS_ADMIN' || component tcp
drop_in container-sockets.conf
restart "with the drop-in"
equal "holds CAP_NET_RAW, CAP_SYS_ADMIN and CAP_SYS_PTRACE" "$(all_sets)" 0000000000282000
talk
within 10 "the samples of the container's connection have its state" seen "$with | length > 10" || { component tcp; last "$flows | length"; last "$with | length"; }
check "tcp runs" state tcp running || component tcp
check "healthy" hsflowctl status

# ---- everything at once
drop_in packet-drops.conf
rule A; tc qdisc add dev w0 clsact && tc filter add dev w0 egress matchall action sample rate 1 group 2 trunc 128
conf 'sampling = 1 epcap { dev = v0 sampling = 1 } nflog { group = 5 probability = 1 } psample { egress = on } dropmon { } tcp { }'
restart "with all sources"
everything() { ! hsflowctl status | grep -q DEGRADED && for c in epcap nflog psample dropmon tcp; do state $c running || return 1; done; }
within 15 "all run" everything || hsflowctl status
check "exposure with all drop-ins" systemd-analyze security --offline=true --threshold=45 hsflowd.service 
systemd-analyze security --offline=true hsflowd.service | tail -n 1 | sed 's/^/# /'
kill -9 "$(pid)"
within 20 "all run again after kill -9" everything || hsflowctl status
: > $caught; talk; send 50 10.9.0.2; send 50 10.8.0.2
for source in v0 w0; do
  within 10 "samples of $source" seen "[.[].samples[] | select(.tag == 3 and .source == \"0:$(index $source)\")] | length > 10"
done
within 10 "connections have their state" seen "$with | length > 10"
check "sequence numbers without a gap" seen '[.[] | select(.sequence) | .sequence] | . == [range(.[0]; .[0] + length)]'
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
check "stops" systemctl stop hsflowd
equal "no filter is left" "$(filters)" 0
check "no drop monitor is left running" starts
equal "the operator's rule stays, and no other" "$(iptables -S OUTPUT | grep -c NFLOG)" 1
equal "its result" "$(show Result) $(show ExecMainStatus)" "success 0"
journalctl -u hsflowd -o short-monotonic -p warning --no-pager | tail -n 40 | sed 's/^/# /'
finish
