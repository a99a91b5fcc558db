# No configuration file under a real systemd: collectors and rates from DNS, live change, a file that comes and goes, what
# a reload cannot do, who may order one, and the JSON of other users; all in the whole sandbox of the unit, with dnsmasq
# as the only name server. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
install_service
systemd-sysusers hsflowd.conf; systemd-tmpfiles --create hsflowd.conf; systemctl daemon-reload

# ---- a name server, and a card that counts as physical
printf 'nameserver 127.0.0.1\nsearch example.org\noptions timeout:3 attempts:1\n' > /etc/resolv.conf
srv=--srv-host=_sflow._udp.example.org,collector.example.org,6343
txt=--txt-record=_sflow._udp.example.org
serve() { # records...: the name server anew, with these and nothing else
  unserve
  dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file --bind-interfaces \
    --listen-address=127.0.0.1 --local=/example.org/ --local=/_udp/ --local-ttl=10 --host-record=ns.example.org,127.0.0.1 \
    --host-record=collector.example.org,127.0.0.1 "$@" &
  server=$!; disown
  within 10 "a name server answers" getent ahostsv4 ns.example.org
}
unserve() { [ -z "$server" ] || { kill "$server"; within 10 "the name server is gone" eval "! kill -0 $server"; server=; }; }
fail_all() { # answers SERVFAIL to every question
  unserve
  python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 53))
while True:
    q, peer = s.recvfrom(4096)
    end = q.index(0, 12) + 5
    s.sendto(q[:2] + b"\x81\x82\0\1\0\0\0\0\0\0" + q[12:end], peer)' &
  server=$!; disown
  within 10 "another name server listens" eval 'ss -Hlun | grep -q "127.0.0.1:53 "'
}
modprobe netdevsim && echo "1 1" > /sys/bus/netdevsim/new_device
card=$(ls /sys/bus/netdevsim/devices/netdevsim1/net)
ip addr add 192.0.2.10/24 dev "$card" && ip link set "$card" up
flows="[.[].samples[] | select(.tag == 3 and .source == \"0:$(index "$card")\")]"
send() { # UDP datagrams that leave by the card
  python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(50): s.sendto(bytes(100), ("192.0.2.9", 9)); time.sleep(.002)'
}
sampled() { : > $caught; send; within 15 "$1" seen "$flows | any(.rate == $2)"; }
reload() { hsflowctl reload > /tmp/reload; echo $? >> /tmp/reload; } # what it says, and its exit code
answered() { grep -Eq "$1" /tmp/reload || { cat /tmp/reload; return 1; }; }
count() { hsflowctl status --json | jq .telemetry.datagrams; }
catch 6343
serve

# ---- started without a file and without records
refute "there is no file" test -e /etc/hsflowd.conf
check "can be enabled" systemctl enable hsflowd
check "starts" systemctl start hsflowd
before=$(pid)
equal "user" "$(stat -c %U "/proc/$before")" hsflowd
equal "holds CAP_NET_RAW alone, in every set" "$(all_sets)" 0000000000002000
within 15 "without being told to, it asks, and says that DNS has no collector" \
  state dns-sd 'unavailable.*nothing is sent: DNS has no collector under _sflow._udp, _sflow._udp.example.org'
check "and is healthy" hsflowctl status
send; equal "nothing was sent" "$(count)" 0
check "the settings file tells sub-agents to stop: no collector in it" eval '[ -n "$(auto rev_start)" ] && [ -z "$(auto collector)" ]'
check "the card waits" eval "hsflowctl explain interface $card | grep -q 'not sampled: nothing is sent now: see dns-sd'"
check "exposure is at most 3.0" systemd-analyze security --offline=true --threshold=30 /lib/systemd/system/hsflowd.service

# ---- records appear
serve $srv "$txt,polling=2,sampling=1"
reload
check "the order is carried out" answered '^reloaded'
within 10 "the first datagram" seen 'length > 0'
within 10 "by then or at once the settings file names the collector" eval '[ "$(auto collector)" = "127.0.0.1 6343" ]'
equal "and the rates" "$(auto polling) $(auto sampling)" "2 1"
within 10 "the card is sampled, as a physical interface" eval "hsflowctl explain interface $card | grep -q 'sampled 1 in 1 by pcap'"
check "and is called one" eval "hsflowctl explain interface $card | grep -q '^$card is a physical interface'"
send; within 15 "flow samples arrive" seen "$flows | any(.rate == 1)"
within 10 "host samples, every 2 s" seen "[$host] | length > 2"
equal "agent address" "$(last '.[].agent')" 192.0.2.10
check "dns-sd runs" state dns-sd running
check "each value has its record" eval 'hsflowctl config show | grep -q "^polling = 2 .*# TXT _sflow._udp.example.org .polling=2"'
check "healthy" hsflowctl status

# ---- other records, and nobody says so
serve $srv "$txt,polling=3,sampling=2"
within 20 "with the time to live of the last answer the new rates are in force" eval '[ "$(auto polling) $(auto sampling)" = "3 2" ]'
within 10 "also for the card" eval "hsflowctl explain interface $card | grep -q 'sampled 1 in 2 by pcap'"
send; within 15 "whose samples say so" seen "$flows | any(.rate == 2)"

# ---- a name server in trouble
on=$(count)
unserve; reload
within 10 "a name server that is gone is told" state dns-sd 'DEGRADED.*the last good answer stays in force: SRV'
refute "and makes the status say no" hsflowctl status
within 10 "while sending goes on" eval "[ \$(count) -gt $on ]"
equal "as before" "$(auto polling) $(auto sampling) $(auto collector)" "3 2 127.0.0.1 6343"
on=$(count)
fail_all; reload
within 10 "one that fails too" state dns-sd 'DEGRADED.*Server Failure'
within 10 "while sending goes on" eval "[ \$(count) -gt $on ]"
equal "as before" "$(auto polling) $(auto sampling) $(auto collector)" "3 2 127.0.0.1 6343"

# ---- records go away
serve; reload
within 10 "no records: it says so" state dns-sd 'unavailable.*nothing is sent: DNS has no collector'
within 10 "the settings file has shrunk" eval '[ -n "$(auto rev_start)" ] && [ -z "$(auto collector)$(auto polling)$(auto sampling)" ]'
on=$(count)
check "healthy" hsflowctl status
send; serve $srv "$txt,polling=2,sampling=1"
within 10 "for longer than the polling interval was" state dns-sd 'unavailable for \([4-9]\|[1-9].\) s'
equal "nothing was sent" "$(count)" "$on"
reload
within 10 "and goes on with new ones" eval '[ "$(auto collector)" = "127.0.0.1 6343" ]'

# ---- a file, and none again
conf() { echo "sflow { polling = $1 sampling = 3 collector { ip = 127.0.0.1 udpport = 6343 } $2 }" > /etc/hsflowd.conf; }
conf 4 'pcap { physical = on }'
reload
check "a file takes over" answered 'polling 2 to 4'
equal "the settings file is its" "$(auto polling) $(auto sampling)" "4 3"
equal "DNS is not asked any more" "$(component dns-sd)" ""
send; within 15 "its rate is that of the samples" seen "$flows | any(.rate == 3)"
echo 'sflow { polling = banana collector { ip = 127.0.0.1 udpport = 6344 } }' > /etc/hsflowd.conf
reload
check "a wrong file is refused, with place and reason" answered '/etc/hsflowd.conf:1:.*banana'
check "exit code 1" answered '^1$'
equal "the settings stay" "$(auto polling) $(auto collector)" "4 127.0.0.1 6343"
check "the status says so" state configuration 'DEGRADED.*reload refused, the previous settings stay in force: /etc/hsflowd.conf:1'
rm /etc/hsflowd.conf
reload
within 10 "without a file DNS is asked again" eval '[ "$(auto polling) $(auto sampling)" = "2 1" ]'
within 10 "and all is well" hsflowctl status
on=$(whole | jq -s length)
within 10 "samples go on" seen "length > $on"
equal "the same process through all of this" "$(pid)" "$before"
equal "never restarted" "$(show NRestarts)" 0
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
equal "one stream" "$(last 'map([.agent, .subAgent]) | unique | length')" 1
within 1 "without a gap in its sequence numbers" seen 'map(.sequence) | . == [range(1; length + 1)]' || last 'map(.sequence)'

# ---- who may do what
equal "whose the command socket is" "$(stat -c '%U %a' /run/hsflowd/command.sock)" "hsflowd 600"
refute "another user may not reload" anybody hsflowctl reload
check "who is told why" eval 'anybody hsflowctl reload 2>&1 | grep -q "command.sock.*Permission denied"'
check "but see the status" anybody hsflowctl status
check "the agent's own user may reload" setpriv --reuid hsflowd --regid hsflowd --clear-groups hsflowctl reload

# ---- as many names as a domain may have, all looked up at once by a name server that is slow
many=$(for n in $(seq 32); do echo "--srv-host=_sflow._udp.example.org,c$n.slow.example.org,6399"; done)
serve $many --server=/slow.example.org/192.0.2.99
reload
within 20 "each is told to be looked up in vain" eval '[ "$(hsflowctl status | grep -c "^component *collector .*slow.*DEGRADED")" = 32 ]'
refute "none for want of a thread" eval 'hsflowctl status | grep -q "Resource temporarily unavailable"'

# ---- what takes a restart
sed -i 's/^#p /p /' /usr/lib/tmpfiles.d/hsflowd.conf
check "a pipe is made" systemd-tmpfiles --create hsflowd.conf
json='json { udpport = 36343 fifo = /run/hsflowd.fifo socket = /run/hsflowd/json.sock } sampling.app = 1'
conf 5 "epcap { dev = $card sampling = 1 } $json"
reload
check "a privilege that was given up is named in the answer, with its reason" \
  answered 'a restart is needed for the rest: .*CAP_BPF \(epcap: loading its program\), CAP_NET_ADMIN \(epcap'
check "which is still a yes" answered '^0$'
check "and in the status" state privileges 'DEGRADED.*CAP_BPF (epcap: .*a restart gives'
refute "which says no" hsflowctl status
equal "all else is in force" "$(auto polling) $(auto jsonPort)" "5 36343"
within 10 "the inputs for JSON too" state json running
sampled "and the card is sampled as far as can be" 1
check "restart" systemctl restart hsflowd
within 10 "which cures it" hsflowctl status || hsflowctl status
within 10 "epcap samples" eval 'hsflowctl status | grep -q "epcap samples 1 in 1 "' || hsflowctl status
sampled "and its samples arrive" 1

# ---- JSON of another user
: > $caught
tell() { # every way in, as what a message through it calls its application
  anybody python3 -c '
import json, socket
def message(name):
    return json.dumps(dict(counter_sample=dict(app_name=name, app_operations=dict(success=1)),
                           flow_sample=dict(app_name=name, app_operation=dict(operation="buy", uS=1500)))).encode()
for family, name, address in ((socket.AF_INET, "v4", ("127.0.0.1", 36343)), (socket.AF_INET6, "v6", ("::1", 36343)),
                              (socket.AF_UNIX, "socket", "/run/hsflowd/json.sock")):
    socket.socket(family, socket.SOCK_DGRAM).sendto(message(name), address)
with open("/run/hsflowd.fifo", "wb") as f: f.write(message("pipe"))
metrics = dict(rtmetric=dict(datasource="web1", load=dict(type="gauge32", value=7)))
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(json.dumps(metrics).encode(), ("127.0.0.1", 36343))'
}
names() { echo "[.[].samples[] | select(.tag == $1 and (.records | has(\"2202\"))) | .records[\"2202\"]] | unique"; }
every='["pipe","socket","v4","v6"]'
check "another user's messages are taken" tell
within 10 "counters by UDP over IPv4 and IPv6, pipe and socket" seen "$(names 4) == $every" || last "$(names 4)"
within 10 "transactions too" seen "$(names 3) == $every" || last "$(names 3)"
within 10 "metrics" seen 'any(.[].samples[]; .tag == (4300 * 4096 + 1002))'
check "the status names who sent" eval "hsflowctl status --json | jq -e '[.applications.known[].name] == $every'"
check "and refuses nothing" eval "hsflowctl status --json | jq -e '.applications.faults == []'"
kill -9 "$(pid)"
within 20 "restarted after kill -9, with all inputs" eval 'hsflowctl status && state json running'
: > $caught
check "which take messages" tell
within 10 "that arrive" seen "$(names 4) == $every" || last "$(names 4)"
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
check "stops" systemctl stop hsflowd
equal "its result" "$(show Result) $(show ExecMainStatus)" "success 0"
refute "the sockets are gone" eval 'ls /run/hsflowd/*.sock'
check "the pipe stays, it is not the agent's" test -p /run/hsflowd.fifo
refute "and no settings file" cat /etc/hsflowd.auto
unserve
journalctl -u hsflowd -o short-monotonic -p warning --no-pager | tail -n 40 | sed 's/^/# /'
finish
