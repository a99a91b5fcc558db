# Packet sources under a real systemd: as the agent's own user, in the whole sandbox of the unit. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
. /src/tests/vm/packets.sh

# ---- pcap
conf 'pcap { dev = v0 sampling = 1 }'
restart "with pcap"
equal "user" "$(stat -c %U "/proc/$(pid)")" hsflowd
equal "holds CAP_NET_RAW alone, in every set" "$(all_sets)" 0000000000002000
sampled "pcap samples, in datagrams that decode"
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
check "healthy" hsflowctl status

# ---- a reload that needs what was given up
: > $caught
conf 'pcap { dev = v0 sampling = 2 } psample { }'
systemctl reload hsflowd
within 10 "a privilege that was given up is missed, and the cure told" state privileges 'DEGRADED.*CAP_NET_ADMIN (psample: its group): a restart gives'
refute "which makes the status say no" hsflowctl status
sampled "the rest is applied" "$flows | any(.rate == 2)"
modprobe psample
restart "with what it needs"
check "which cures it" state privileges running
within 10 "psample runs" state psample running
check "healthy" hsflowctl status
equal "holds CAP_NET_RAW and CAP_NET_ADMIN" "$(all_sets)" 0000000000003000

# ---- epcap, on this kernel by clsact
conf 'epcap { dev = v0 sampling = 1 }'
restart "with epcap"
equal "holds CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF" "$(all_sets)" 0000008000003000
within 10 "epcap, not pcap, samples" eval 'hsflowctl status | grep -q "epcap samples 1 in 1 "' || hsflowctl status
equal "its filters" "$(filters)" 2
sampled "epcap samples"
check "stops" systemctl stop hsflowd
equal "no filter is left" "$(filters)" 0
equal "no clsact is left" "$(tc qdisc show dev v0 | grep -c clsact)" 0
systemctl start hsflowd
within 10 "its filters again" eval "test 2 = \"\$(filters)\""
restarts=$(show NRestarts); kill -9 "$(pid)"
within 20 "restarted after kill -9" eval "[ \"\$(systemctl show -P NRestarts hsflowd)\" -gt $restarts ] && systemctl is-active hsflowd && hsflowctl status"
within 10 "epcap samples" eval 'hsflowctl status | grep -q "epcap samples 1 in 1 "'
: > $caught; sampled "and samples again"
equal "and the filters of the killed one are gone" "$(filters)" 2
check "stops" systemctl stop hsflowd
equal "no filter is left" "$(filters)" 0
tc qdisc del dev v0 clsact # which, after a kill, nobody knows to be the agent's

# ---- nflog
check "a rule" rule A
conf 'sampling = 1 nflog { group = 5 probability = 1 }'
restart "with nflog"
equal "holds CAP_NET_ADMIN alone" "$(all_sets)" 0000000000001000
within 10 "nflog runs" state nflog running || component nflog
sampled "nflog samples"
equal "by the name of nflog" "$(hsflowctl status | grep -c 'nflog samples 1 in 1 ')" 1

# ---- nflog with a rule of the agent's own
rule D
own() { iptables -S | grep -c hsflowd-rs; }
conf 'sampling = 1 nflog { group = 6 probability = 1 rule = on }'
restart "with a rule of its own"
within 20 "which it sets" state nflog running || component nflog
within 20 "in three chains" eval 'test 3 = $(own)'
equal "holds CAP_NET_ADMIN and CAP_NET_RAW" "$(all_sets)" 0000000000003000
sampled "and of which samples come"
kill -9 "$(pid)"
within 20 "restarted after kill -9, with its rules" eval 'state nflog running && test 3 = $(own)'
: > $caught; sampled "and samples again"
send 1 10.8.0.2; within 15 "all have come, and one after them" seen "any(.[].samples[]; .tag == 3 and .output == $(index w0))"
# What comes back are the container's refusals.
equal "each packet once" "$(last "[$flows[] | select(.output == $(index v0))] | length")" 50
check "stops" systemctl stop hsflowd
equal "no rule of its own is left" "$(own) $(ip6tables -S | grep -c hsflowd-rs)" "0 0"

# ---- psample, with its modules loaded after the agent
modprobe -r psample
conf 'psample { group = 1 egress = on }'
restart "with psample"
equal "holds CAP_NET_ADMIN alone" "$(all_sets)" 0000000000001000
within 10 "without the module psample says so" state psample DEGRADED
tc qdisc add dev v0 clsact && tc filter add dev v0 egress matchall action sample rate 1 group 2 trunc 128
within 20 "the module that tc loads is noticed" state psample running || component psample
sampled "psample samples what leaves"
within 10 "so v0 sends its counters" eval 'hsflowctl explain interface v0 | grep -q "It sends its counters (sampled by psample"' || hsflowctl explain interface v0
conf; systemctl reload hsflowd
within 10 "without psample no more" eval 'hsflowctl explain interface v0 | grep -q "It sends no counter samples (not sampled"' || hsflowctl explain interface v0
check "and it is not sampled" eval 'hsflowctl explain interface v0 | grep -q "^Its packets are not sampled"'
systemctl stop hsflowd
equal "somebody else's filter stays" "$(tc filter show dev v0 egress | grep -c matchall)" 2
tc qdisc del dev v0 clsact

journalctl -u hsflowd -o short-monotonic -p warning --no-pager | tail -n 40 | sed 's/^/# /'
finish
