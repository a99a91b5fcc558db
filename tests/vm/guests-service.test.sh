# Guests under a real systemd: the agent as its own user, in the whole sandbox of the unit, with every engine asked for.
# Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
install_service
systemd-sysusers hsflowd.conf; systemd-tmpfiles --create hsflowd.conf
conf() { echo "sflow { polling = 2 agentIP = 127.0.0.1 collector { ip = 127.0.0.1 udpport = 6343 } $* }" > /etc/hsflowd.conf; }
of() { echo "[.[].samples[] | select(.tag == 2 or .tag == 4) | select(.records[\"2000\"].hostname == \"$1\")]"; } # samples of a guest
listen() { # file, command...: what the event socket tells, each line behind the milliseconds of its arrival
  local file=$1; shift
  "$@" python3 -c '
import socket, time
s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect("/run/hsflowd/guests.sock"); s.settimeout(None)
for line in s.makefile(): print(time.time_ns() // 1000000, line, end="", flush=True)
' > "$file" 2>&1 &
  disown
}
event() { sed 's/^[0-9]* //' "${2:-/tmp/events}" | jq -s -e "any(.[]; $1)"; }
told_after() { # what, milliseconds, event
  within 20 "$1" event "$3" || { tail -n 3 /tmp/events; return; }
  local at; at=$(sed -E 's/^([0-9]*) \{/{"at":\1,/' /tmp/events | jq -s "[.[] | select($3)] | first.at")
  echo "# told $((at - $2)) ms later"
}

# ---- a service with load, and one that rests
cat > /run/systemd/system/work@.service <<'EOF'
[Service]
CPUAccounting=yes
MemoryAccounting=yes
IOAccounting=yes
MemoryMax=64M
ExecStart=/bin/sh -c 'dd if=/dev/zero of=/var/tmp/%i bs=64k count=16 oflag=direct; [ %i = rests ] && exec sleep 1000; while sleep 1; do i=1000; while [ $$i -gt 0 ]; do i=$$((i-1)); done; done'
EOF
conf 'systemd { markTraffic = on } docker { } kvm { } nvml { } xen { } pcap { dev = lo sampling = 1 } tcp { }'
systemctl daemon-reload
catch 6343
systemctl start work@rests work@burns
check "starts" systemctl start hsflowd
within 20 "systemd runs" state systemd running || component systemd
equal "user" "$(stat -c %U "/proc/$(pid)")" hsflowd
for engine in docker:docker.sock kvm:hsflowd-libvirt nvml:libnvidia-ml xen:'not supported'; do
  within 10 "${engine%%:*} is unavailable, and why" state "${engine%%:*}" "unavailable.*${engine#*:}" || component "${engine%%:*}"
done
refute "which the status says, as the file names them" hsflowctl status
check "and nothing else" eval '! hsflowctl status | grep "^DEGRADED" | grep -Ev "^DEGRADED   (docker|kvm|nvml): "'
sed -n 's/^component/# component/p' /tmp/check.out

# ---- services are guests
listed() { hsflowctl status | sed -n 's/^guest *systemd \([^ ]*\) .*/\1/p' | sort; }
same_services() { wanted > /tmp/wanted; listed > /tmp/listed; diff /tmp/wanted /tmp/listed; }
within 20 "exactly the services that systemctl and the cgroups tell of" same_services
rests=$(of work@rests.service); burns=$(of work@burns.service)
within 20 "samples of both" seen "($rests, $burns) | length > 1"
same_memory() { # what an ended process had goes a moment later
  eval "$(systemctl show -p CPUUsageNSec -p MemoryCurrent -p MemoryMax -p IOReadBytes -p IOWriteBytes -p IOWriteOperations work@rests)"
  seen "$rests | last | .records[\"2102\"].memory == $MemoryCurrent"
}
within 20 "memory of a service" same_memory || last "$rests | last.records[\"2102\"], $MemoryCurrent"
equal "its limit" "$(last "$rests | last.records[\"2102\"].maxMemory")" "$MemoryMax"
equal "its CPU time, ms" "$(last "$rests | last.records[\"2101\"].cpuTime")" $((CPUUsageNSec / 1000000))
equal "bytes it wrote" "$(last "$rests | last.records[\"2103\"].bytesWritten")" "$IOWriteBytes"
equal "its writes" "$(last "$rests | last.records[\"2103\"].writes")" "$IOWriteOperations"
check "which is not nothing" test "$IOWriteBytes" -ge 1048576
equal "it runs" "$(last "$rests | last.records[\"2101\"].state")" 1
equal "its parent is the host" "$(last "$rests | last.records[\"2002\"] | \"\\(.class):\\(.index)\"")" 2:1
before=$(systemctl show -P CPUUsageNSec work@burns); count=$(last "$burns | length")
within 20 "a newer sample of the busy one" seen "$burns | length > $count + 1"
cpu=$(last "$burns | last.records[\"2101\"].cpuTime"); after=$(systemctl show -P CPUUsageNSec work@burns)
check "CPU time of a busy one between two readings: $((before / 1000000)) <= $cpu <= $((after / 1000000))" \
  test $((before / 1000000)) -le "$cpu" -a "$cpu" -le $((after / 1000000))
systemctl stop work@burns
within 20 "its last sample says that it is off" seen "$burns | last.records[\"2101\"].state == 5"
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
index=$(last "$rests | last.source")

# ---- explained
check "explain tells of a service" hsflowctl explain guest work@rests.service
explanation=$(cat /tmp/check.out)
equal "its data source and cgroup" "$(grep -cE "as $index with|system.slice/system-work.slice/work@rests.service" <<< "$explanation")" 2
refute "one that is not there" hsflowctl explain guest work@burns.service
explanation=$(hsflowctl explain guest work@burns.service)
equal "is explained by the engine" "$(grep -c 'systemd answers' <<< "$explanation")" 1

# ---- packets of a service, and of the one that the test itself is: by the control groups of their sockets
cat > /run/systemd/system/talks.service <<'EOF'
[Service]
ExecStart=/usr/bin/python3 -c 'import socket, time; s = socket.create_connection(("127.0.0.1", 5001))\nwhile True: s.sendall(bytes(99)); time.sleep(.1)'
EOF
python3 -c '
import socket
l = socket.socket(); l.bind(("127.0.0.1", 5001)); l.listen(); print("listening", flush=True); c, _ = l.accept()
while c.recv(9999): pass' > /tmp/server &
disown
within 20 "a server" grep -q listening /tmp/server
systemctl start talks
source_of() { hsflowctl status | awk -v n="$1" '$1 == "guest" && $3 == n {print $4}'; }
within 20 "a client in a service" eval 'client=$(source_of talks.service); test -n "$client"'
server=$(source_of vmrig-agent.service)
for from in "$client" "$server"; do
  within 20 "packets that $from sent name it" seen "any(.[].samples[]; .tag == 3 and .records[\"2210\"] == \"$from 0:0\")" ||
    last '[.[].samples[] | select(.tag == 3).records["2210"]] | unique'
done
systemctl stop talks

# ---- events: root, and the agent's group, and nobody else
listen /tmp/events
listen /tmp/member setpriv --reuid 65534 --regid 65534 --groups "$(getent group hsflowd | cut -d: -f3)"
listen /tmp/stranger anybody
within 20 "root is told what there is" event '.event == "complete" and .guests > 2'
within 20 "a member of the group too" event '.event == "present" and .name == "work@rests.service"' /tmp/member
within 20 "nobody is not" grep -q PermissionError /tmp/stranger || cat /tmp/stranger
from=$(date +%s%3N); systemctl start work@burns
told_after "a start is told" "$from" '.event == "start" and .name == "work@burns.service" and .state == "running" and .engine == "systemd"'
from=$(date +%s%3N); systemctl stop work@rests
told_after "a stop is told" "$from" ".event == \"stop\" and .name == \"work@rests.service\" and .source == \"$index\""
systemctl start work@rests
within 20 "the same data source again" event ".event == \"start\" and .name == \"work@rests.service\" and .source == \"$index\""

# ---- what it takes
guests=$(hsflowctl status | grep -c '^guest'); open=$(ls "/proc/$(pid)/fd" | wc -l)
eval "$(systemctl show -p TasksCurrent -p TasksMax -p MemoryCurrent -p MemoryMax -p LimitNOFILE hsflowd | sed 's/Limit/limit/')"
echo "# $guests guests, $open of $limitNOFILE descriptors, $TasksCurrent of $TasksMax tasks, $((MemoryCurrent / 1024)) of $((MemoryMax / 1024)) KiB"
check "500 guests have room" test $((open * 500 / guests)) -lt $((limitNOFILE / 2)) -a $((TasksCurrent * 2)) -lt "$TasksMax" -a $((MemoryCurrent * 2)) -lt "$MemoryMax"
if [ -n "${HSFLOW_LONG:-}" ]; then
  printf '[Service]\nExecStart=/bin/sleep 1000\n' > /run/systemd/system/mass@.service
  systemctl daemon-reload; systemctl start $(seq -f 'mass@%g.service' 500)
  within 60 "500 are told" eval '[ "$(hsflowctl status | grep -c "^guest *systemd mass@")" = 500 ]'
  within 20 "without a fault of its own" eval '! hsflowctl status | grep "^DEGRADED" | grep -Ev "^DEGRADED   (docker|kvm|nvml): "'
  systemctl show -p TasksCurrent -p MemoryCurrent hsflowd | sed 's/^/# /'
  systemctl stop 'mass@*'
fi

# ---- with the drop-ins: the socket of the group docker may be asked; and a helper runs in the sandbox
groupadd -f -r docker
for name in docker gpus; do install -D -m 644 "/src/systemd/$name.conf" "/etc/systemd/system/hsflowd.service.d/$name.conf"; done
check "the drop-ins are accepted" systemd-analyze verify --man=no hsflowd.service
sed 's/^/# /' /tmp/check.out
systemctl daemon-reload
python3 -c '
import os, socket, shutil
s = socket.socket(socket.AF_UNIX); s.bind("/run/docker.sock"); shutil.chown("/run/docker.sock", "root", "docker"); os.chmod("/run/docker.sock", 0o660); s.listen()
while True:
    c, _ = s.accept(); c.recv(9999); c.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"); c.close()' &
disown
install -D -m 755 /dev/stdin /usr/libexec/hsflowd/hsflowd-libvirt <<'EOF'
#!/bin/sh
echo "{\"failed\":\"no libvirt for $(id -un)\"}"
exec sleep 1000
EOF
within 20 "a socket of the group docker" test -S /run/docker.sock
check "restarts" systemctl restart hsflowd
within 20 "docker is asked, and not refused" state docker 'DEGRADED.*500' || component docker
within 20 "the helper of kvm runs, as the agent's user" state kvm 'DEGRADED.*no libvirt for hsflowd' || component kvm
refute "which makes the status say no" hsflowctl status
check "stops" systemctl stop hsflowd
equal "its result" "$(show Result)" success
journalctl -u hsflowd -o short-monotonic -p warning --no-pager | tail -n 40 | sed 's/^/# /'
finish
