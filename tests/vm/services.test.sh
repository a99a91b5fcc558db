# Services of a real systemd on cgroup v2: who is told, when, and their counters against systemd's own; the tests of cgroups.
# Run by tests/vm/run.
. /src/tests/vm/lib.sh
watch=/bin-under-test/guests_systemd
cgroups=/bin-under-test/guests_cgroup
for program in $watch $cgroups; do check "$program is there (cargo test --no-run)" test -x $program; done
[ $failures = 0 ] || finish

news=/tmp/news
mkfifo /tmp/ask; exec 5<>/tmp/ask
# Seconds between lists that are asked for: signals alone tell of what happens, unless the test says otherwise.
start_watch() { : > $news; HSFLOW_REFRESH_VMS=${1:-3600} $watch --ignored --exact watch --nocapture --test-threads=1 < /tmp/ask >> $news 2>&1 & watcher=$!; }
ask() { echo "$*" >&5; }
told() { grep -qE "^$1\$" $news; }
told_since() { tail -n "+$(($1 + 1))" $news | grep -qE "^$2\$"; } # lines that were there, news
mark() { wc -l < $news; }
unit() { systemctl show -P "$1" "$2"; }
if [ -n "${HSFLOW_LONG:-}" ]; then loads=20 mass=200; else loads=5 mass=30; fi
phase() { echo "# $SECONDS s: $*"; }

reading() { # unit: the values are then in $cpu, $memory, ...
  local seen; seen=$(mark); ask "read $1"
  answered "$seen" "reading $1 .*" || return 1
  eval "$(tail -n "+$((seen + 1))" $news | sed -n "s/^reading $1 //p" | sed 's/ problems=\(\[.*\]\) pressure=\(.*\)/ problems='"'\1'"' pressure='"'\2'"'/;s/ /;/g' | tail -n 1)"
}
between() { # what, before, ours, after
  if [ "$2" -le "$3" ] && [ "$3" -le "$4" ]; then result 0 "$1: $2 <= $3 <= $4"; else result 1 "$1: not $2 <= $3 <= $4"; fi
}
answered() { # lines that were there, answer
  local end=$((SECONDS + 20))
  until told_since "$1" "$2"; do [ $SECONDS -lt $end ] || return 1; sleep .02; done
}
listed() { local seen; seen=$(mark); ask list; answered "$seen" "list .*"; tail -n "+$((seen + 1))" $news | sed -n 's/^list //p' | tr ' ' '\n' | sort; }
same_services() { wanted > /tmp/wanted; listed > /tmp/listed; diff /tmp/wanted /tmp/listed; }

# ---- cgroup v2 alone: the tests of cgroups
phase cgroups
check "the tests of cgroups hold on version 2" $cgroups --test-threads=2
sed -n 's/^SKIP/# SKIP/p' /tmp/check.out

# ---- the first list
phase the first list
start_watch
within 20 "the engine runs" told "state running" || { cat $news; finish; }
check "one list comes first" eval "sed -n 's/ .*//p' $news | grep -E '^(all|one|gone)$' | head -n 1 | grep -x all"
check "exactly the services that systemctl and the cgroups tell of" same_services

# ---- services with load
phase load
mkdir -p /var/tmp/load
cat > /run/systemd/system/load@.service <<'EOF'
[Service]
CPUAccounting=yes
MemoryAccounting=yes
IOAccounting=yes
MemoryMax=64M
ExecStart=/bin/sh -c 'f=/var/tmp/load/%i; dd if=/dev/zero of=$$f bs=64k count=16 oflag=direct 2>/dev/null; dd if=$$f of=/dev/null bs=64k iflag=direct 2>/dev/null; i=0; while [ $$i -lt 3000 ]; do i=$$((i+1)); done; touch $$f.done; exec sleep 1000'
EOF
systemctl daemon-reload
seen=$(mark)
systemctl start $(seq -f 'load@%g' $loads)
within 60 "all $loads are told" eval '[ "$(grep -cE "^one load@([0-9]+).service Running /system.slice/system-load.slice/load@\1.service$" $news)" = $loads ]'
within 120 "the load is done" eval '[ "$(ls /var/tmp/load/*.done | wc -l)" = $loads ]'
# What systemctl says of three of them before and after they are read, in variables like CPUUsageNSec_2.
shown() { # prefix
  eval "$(systemctl show -p Id -p CPUUsageNSec -p MemoryCurrent -p MemoryMax -p IOReadBytes -p IOWriteBytes -p IOReadOperations -p IOWriteOperations \
    load@1 load@2 load@$loads | awk -F= -v RS= -v p="$1" '{for (i = 1; i < NF; i++); n = split($0, l, "\n"); for (i = 1; i <= n; i++) {split(l[i], f, "="); v[f[1]] = f[2]}
    sub(/.*@/, "", v["Id"]); sub(/\..*/, "", v["Id"]); for (k in v) if (k != "Id") print p k "_" v["Id"] "=" v[k]}')"
}
of() { local name=$1_$2; echo "${!name}"; }
done_exec() { ! pgrep -f '^/bin/sh -c f=/var/tmp/load' >/dev/null; }
within 20 "they rest" done_exec
steady() { # all three are read, and what systemctl says of them stands still: what an ended process had goes a moment later
  local n value
  shown before_
  for n in 1 2 $loads; do
    reading load@$n.service || return 1
    for value in cpu memory max rd wr rdreq wrreq id problems gone; do declare -g "${value}_$n=${!value}"; done
  done
  shown after_
  for n in 1 2 $loads; do for value in MemoryCurrent IOReadBytes IOWriteBytes IOReadOperations IOWriteOperations; do
    [ "$(of before_$value $n)" = "$(of after_$value $n)" ] || return 1
  done; done
}
within 30 "load@1, load@2 and load@$loads are read at rest" steady
for n in 1 2 $loads; do
  name=load@$n.service
  between "CPU of $name, ns" "$(of before_CPUUsageNSec $n)" "$(of cpu $n)" "$(of after_CPUUsageNSec $n)"
  check "which is not nothing" test "$(of cpu $n)" -gt 1000000
  equal "memory of $name" "$(of memory $n)" "$(of after_MemoryCurrent $n)"
  equal "its limit" "$(of max $n)" "$(of after_MemoryMax $n)"
  equal "bytes it read" "$(of rd $n)" "$(of after_IOReadBytes $n)"
  equal "bytes it wrote" "$(of wr $n)" "$(of after_IOWriteBytes $n)"
  equal "its reads" "$(of rdreq $n)" "$(of after_IOReadOperations $n)"
  equal "its writes" "$(of wrreq $n)" "$(of after_IOWriteOperations $n)"
  check "the disk was used" test "$(of wr $n)" -ge 1048576 -a "$(of rd $n)" -ge 1048576
  equal "its cgroup's number" "$(of id $n)" "$(stat -c %i /sys/fs/cgroup/system.slice/system-load.slice/$name)"
  equal "problems" "$(of problems $n) $(of gone $n)" "[] false"
done
systemd-run -q --unit=burn -p CPUAccounting=yes sh -c 'while :; do :; done'
within 20 "the burner is told" told "one burn.service Running .*"
for round in 1 2 3; do
  before=$(unit CPUUsageNSec burn); reading burn.service; after=$(unit CPUUsageNSec burn)
  between "CPU under load, round $round" "$before" "$cpu" "$after"
done
check "pressure is told where the kernel has it" eval "[ ! -e /sys/fs/cgroup/system.slice/burn.service/cpu.pressure ] || [ '$pressure' != None ]"

# ---- the end of services
phase the end of services
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
phase a restart is told
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
phase who is not told
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
phase systemd reads its files again
seen=$(mark)
systemctl daemon-reload
check "after a reload the same services" same_services
refute "none ended" told_since "$seen" "gone .*"
seen=$(mark)
systemctl daemon-reexec
within 30 "systemd is there again" told_since "$seen" "state running"
check "and the same services" same_services
refute "nothing was lost meanwhile" told_since "$seen" "gone .*"

# ---- many services
phase many
printf '[Service]\nExecStart=/bin/sleep 1000\n' > /run/systemd/system/mass@.service
systemctl daemon-reload
seen=$(mark)
systemctl start $(seq -f 'mass@%g.service' $mass)
within 60 "$mass services are told" eval "[ \"\$(tail -n +$seen $news | grep -cE '^one mass@[0-9]+.service Running')\" -ge $mass ]"
ask cost 20; within 30 "a poll of all" told "cost .*"
sed -n 's/^cost/# cost/p' $news
kill $watcher; wait $watcher 2>/dev/null
from=$(date +%s%N); start_watch 2
within 30 "all of them are found at a start" eval "[ \"\$(sed -n 's/^all //p' $news | tr ' ' '\\n' | grep -c '^mass@')\" = $mass ]"
echo "# found $((($(date +%s%N) - from) / 1000000)) ms after the program was started"
check "the same as systemctl tells" same_services
seen=$(mark)
systemctl stop 'mass@*'
within 60 "$mass ends are told" eval "[ \"\$(tail -n +$seen $news | grep -cE '^gone mass@')\" -ge $mass ]"

# ---- the bus is killed, and stays away
phase killed
seen=$(mark)
mv /run/dbus/system_bus_socket /run/dbus/away
kill -9 "$(unit MainPID dbus)"
within 30 "the state names the socket and the reason" told_since "$seen" "state degraded .*/run/dbus/system_bus_socket.*cgroup tree"
systemctl start again 2>/dev/null; systemctl stop load@2
within 60 "an end is told from the cgroup tree" eval "tail -n +$seen $news | grep '^all ' | tail -n 1 | grep -vq 'load@2.service'"
seen=$(mark)
mv /run/dbus/away /run/dbus/system_bus_socket
within 60 "the bus is back, and so is the engine" told_since "$seen" "state running"
within 30 "with the same services" same_services

# ---- the bus hangs
phase hang
seen=$(mark); pid=$(unit MainPID dbus)
kill -STOP "$pid"
within 60 "a bus that does not answer is told" told_since "$seen" "state degraded .*no answer in 10 s.*"
kill -CONT "$pid"
within 60 "and answers again" told_since "$seen" "state running"
check "with the same services" same_services
kill $watcher
phase end
finish
