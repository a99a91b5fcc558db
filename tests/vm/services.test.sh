# Services of a real systemd on cgroup v2: who is told, when, and their counters against systemd's own; the tests of cgroups.
# Run by tests/vm/run.
. /src/tests/vm/lib.sh
watch=/bin-under-test/guests_systemd
cgroups=/bin-under-test/guests_cgroup
for program in $watch $cgroups; do check "$program is there (cargo test --no-run)" test -x $program; done
[ $failures = 0 ] || finish

news=/tmp/news
mkfifo /tmp/ask; exec 5<>/tmp/ask
start_watch() { : > $news; $watch --ignored --exact watch --nocapture --test-threads=1 < /tmp/ask >> $news 2>&1 & watcher=$!; }
ask() { echo "$*" >&5; }
told() { grep -qE "^$1\$" $news; }
told_since() { tail -n "+$(($1 + 1))" $news | grep -qE "^$2\$"; } # lines that were there, news
mark() { wc -l < $news; }
unit() { systemctl show -P "$1" "$2"; }

reading() { # unit: the values are then in $cpu, $memory, ...
  local seen; seen=$(mark); ask "read $1"
  answered "$seen" "reading $1 .*" || return 1
  eval "$(tail -n "+$((seen + 1))" $news | sed -n "s/^reading $1 //p" | sed 's/ problems=\(\[.*\]\) pressure=\(.*\)/ problems='"'\1'"' pressure='"'\2'"'/;s/ /;/g' | tail -n 1)"
}
between() { # what, before, ours, after
  if [ "$2" -le "$3" ] && [ "$3" -le "$4" ]; then result 0 "$1: $2 <= $3 <= $4"; else result 1 "$1: not $2 <= $3 <= $4"; fi
}
# Services as systemctl and the cgroup files tell of them.
wanted() {
  systemctl list-units --type=service --state=active --no-legend --plain | awk '$2 == "loaded" {print $1}' |
    xargs -d '\n' systemctl show -p Id -p ControlGroup | awk -F= '$1 == "ControlGroup" {g = $2} $1 == "Id" {u = $2} u && NF == 0 {print u, g; u = g = ""} END {print u, g}' |
    awk '$2 ~ "/system.slice/" {print "/sys/fs/cgroup" $2 "/cgroup.events"}' |
    xargs -d '\n' grep -lx 'populated 1' | sed 's,/cgroup.events$,,;s,.*/,,' | sort
}
answered() { # lines that were there, answer
  local end=$((SECONDS + 20))
  until told_since "$1" "$2"; do [ $SECONDS -lt $end ] || return 1; sleep .02; done
}
listed() { local seen; seen=$(mark); ask list; answered "$seen" "list .*"; tail -n "+$((seen + 1))" $news | sed -n 's/^list //p' | tr ' ' '\n' | sort; }
same_services() { wanted > /tmp/wanted; listed > /tmp/listed; diff /tmp/wanted /tmp/listed; }

# ---- cgroup v2 alone: the tests of cgroups
check "the tests of cgroups hold on version 2" $cgroups --test-threads=2
sed -n 's/^SKIP/# SKIP/p' /tmp/check.out

# ---- the first list
start_watch
within 20 "the engine runs" told "state running" || { cat $news; finish; }
check "one list comes first" eval "sed -n 's/ .*//p' $news | grep -E '^(all|one|gone)$' | head -n 1 | grep -x all"
check "exactly the services that systemctl and the cgroups tell of" same_services

# ---- twenty services with load
mkdir -p /var/tmp/load
for n in $(seq 20); do
  systemd-run -q --unit="load$n" -p CPUAccounting=yes -p MemoryAccounting=yes -p IOAccounting=yes -p MemoryMax=64M sh -c \
    "dd if=/dev/zero of=/var/tmp/load/$n bs=64k count=16 oflag=direct 2>/dev/null; dd if=/var/tmp/load/$n of=/dev/null bs=64k iflag=direct 2>/dev/null; \
     i=0; while [ \$i -lt 3000 ]; do i=\$((i+1)); done; touch /var/tmp/load/$n.done; exec sleep 1000"
done
for n in $(seq 20); do within 60 "load$n is told" told "one load$n.service Running /system.slice/load$n.service"; done
within 120 "the load is done" eval '[ "$(ls /var/tmp/load/*.done | wc -l)" = 20 ]'
for n in 1 7 20; do
  name=load$n.service
  before=$(unit CPUUsageNSec $name); check "$name is read" reading $name; after=$(unit CPUUsageNSec $name)
  between "CPU of $name, ns" "$before" "$cpu" "$after"
  check "which is not nothing" test "$cpu" -gt 1000000
  equal "memory of $name" "$memory" "$(unit MemoryCurrent $name)"
  equal "its limit" "$max" "$(unit MemoryMax $name)"
  equal "bytes it read" "$rd" "$(unit IOReadBytes $name)"
  equal "bytes it wrote" "$wr" "$(unit IOWriteBytes $name)"
  equal "its reads" "$rdreq" "$(unit IOReadOperations $name)"
  equal "its writes" "$wrreq" "$(unit IOWriteOperations $name)"
  check "the disk was used" test "$wr" -ge 1048576 -a "$rd" -ge 1048576
  equal "its cgroup's number" "$id" "$(stat -c %i /sys/fs/cgroup/system.slice/$name)"
  equal "problems" "$problems $gone" "[] false"
done
for n in $(seq 3 20); do echo "load$n"; done | xargs systemctl stop
systemd-run -q --unit=burn -p CPUAccounting=yes sh -c 'while :; do :; done'
within 20 "the burner is told" told "one burn.service Running .*"
for round in 1 2 3; do
  before=$(unit CPUUsageNSec burn); reading burn.service; after=$(unit CPUUsageNSec burn)
  between "CPU under load, round $round" "$before" "$cpu" "$after"
done
check "pressure is told where the kernel has it" eval "[ ! -e /sys/fs/cgroup/system.slice/burn.service/cpu.pressure ] || [ '$pressure' != None ]"

# ---- the end of services
seen=$(mark); from=$(date +%s%N)
systemctl stop burn
within 20 "a stopped service is told as off, then gone" told_since "$seen" "gone burn.service"
echo "# told $((($(date +%s%N) - from) / 1000000)) ms after systemctl stop was called"
check "off comes first" told_since "$seen" "one burn.service Shutoff .*"
seen=$(mark); from=$(date +%s%N)
systemd-run -q --unit=burn sleep 1000
within 20 "a started one is told" told_since "$seen" "one burn.service Running .*"
echo "# told $((($(date +%s%N) - from) / 1000000)) ms after systemd-run was called"
seen=$(mark)
systemctl kill -s KILL burn
within 20 "a killed one is gone" told_since "$seen" "gone burn.service"
systemctl reset-failed

# ---- a restart is told, because the cgroup is another one
cat > /run/systemd/system/again.service <<'EOF'
[Service]
ExecStart=/bin/sleep 1000
EOF
systemctl daemon-reload; systemctl start again
within 20 "a unit file's service is told" told "one again.service Running .*"
reading again.service; before=$cpu; number=$id; seen=$(mark)
systemctl restart again
within 20 "its restart too" told_since "$seen" "one again.service Running .*"
within 20 "with the new cgroup's number" eval "reading again.service && [ \$id != $number ]"

# ---- who is not told, and who is although its processes are deeper
cat > /run/systemd/system/deep@.service <<'EOF'
[Service]
Delegate=yes
ExecStart=/bin/sh -c 'd=/sys/fs/cgroup/system.slice/system-deep.slice/deep@%i.service; mkdir -p $d/in/side; echo $$ > $d/in/side/cgroup.procs; exec sleep 1000'
EOF
cat > /run/systemd/system/once.service <<'EOF'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
EOF
systemctl daemon-reload
systemctl start once 'deep@a\x2db' ; systemd-run -q --unit=elsewhere --slice=other.slice sleep 1000
within 20 "an instance of a template, with processes in a cgroup of its own only" told 'one deep@a\\x2db.service Running /system.slice/system-deep.slice/deep@a\\x2db.service'
within 20 "again the same as systemctl tells" same_services
refute "what has no processes is not told" told "one once.service .*"
refute "what is not below system.slice is not told" told "one elsewhere.service .*"

# ---- systemd reads its files again, and executes itself anew
seen=$(mark)
systemctl daemon-reload
check "after a reload the same services" same_services
refute "none ended" told_since "$seen" "gone .*"
seen=$(mark)
systemctl daemon-reexec
within 30 "systemd is there again" told_since "$seen" "state running"
check "and the same services" same_services
refute "nothing was lost meanwhile" told_since "$seen" "gone .*"

# ---- the bus is killed, and stays away
seen=$(mark)
mv /run/dbus/system_bus_socket /run/dbus/away
kill -9 "$(unit MainPID dbus)"
within 30 "the state names the socket and the reason" told_since "$seen" "state degraded .*/run/dbus/system_bus_socket.*cgroup tree"
systemctl start again 2>/dev/null; systemctl stop load2
within 60 "an end is told from the cgroup tree" eval "tail -n +$seen $news | grep '^all ' | tail -n 1 | grep -vq 'load2.service'"
seen=$(mark)
mv /run/dbus/away /run/dbus/system_bus_socket
within 60 "the bus is back, and so is the engine" told_since "$seen" "state running"
within 30 "with the same services" same_services

# ---- the bus hangs
seen=$(mark); pid=$(unit MainPID dbus)
kill -STOP "$pid"
within 60 "a bus that does not answer is told" told_since "$seen" "state degraded .*no answer in 10 s.*"
kill -CONT "$pid"
within 60 "and answers again" told_since "$seen" "state running"

# ---- 200 services
printf '[Service]\nExecStart=/bin/sleep 1000\n' > /run/systemd/system/mass@.service
systemctl daemon-reload
seen=$(mark)
systemctl start $(seq -f 'mass@%g.service' 200)
within 60 "200 services are told" eval "[ \"\$(tail -n +$seen $news | grep -cE '^one mass@[0-9]+.service Running')\" -ge 200 ]"
ask cost 20; within 30 "a poll of all" told "cost .*"
sed -n 's/^cost/# cost/p' $news
kill $watcher; wait $watcher 2>/dev/null
from=$(date +%s%N); start_watch
within 30 "all of them are found at a start" told "all 2[0-9][0-9] .*"
echo "# found $((($(date +%s%N) - from) / 1000000)) ms after the program was started"
check "the same as systemctl tells" same_services
seen=$(mark)
systemctl stop 'mass@*'
within 60 "200 ends are told" eval "[ \"\$(tail -n +$seen $news | grep -cE '^gone mass@')\" -ge 200 ]"
check "and what is left is right" same_services
kill $watcher
finish
