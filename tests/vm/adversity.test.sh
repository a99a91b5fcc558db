# A host in trouble, under the shipped unit and a real systemd: the agent killed or hung, no room in /run and in its log, /etc and /var
# read-only, a clock that is set, little memory, few descriptors. Each time the agent goes on, or is back within seconds, or
# what it lacks is said. HSFLOW_LONG: more interfaces. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
interfaces=150; [ -z "${HSFLOW_LONG:-}" ] || interfaces=2000
wanted='pcap { dev = v0 sampling = 10 }'
conf() { echo "sflow { polling = 2 agentIP = 192.0.2.10 collector { ip = 127.0.0.1 udpport = 6343 } $* }" > /etc/hsflowd.conf; }
override() { # lines of the unit's [Service]
  mkdir -p /run/systemd/system/hsflowd.service.d
  printf '[Service]\n%s\n' "$1" > /run/systemd/system/hsflowd.service.d/trouble.conf
  systemctl daemon-reload
}
as_shipped() { rm -rf /run/systemd/system/hsflowd.service.d; systemctl daemon-reload; }
restarts() { show NRestarts; }
restarted() { [ "$(restarts)" -gt "$1" ] && systemctl is-active hsflowd; }
says() { hsflowctl status | grep -q -- "$1" || { hsflowctl status | grep -E '^(DEGRADED|note|  )'; return 1; }; }
journal() { journalctl -u hsflowd -o cat | grep -q -- "$1"; }
goes_on() { : > $caught; within 20 "$1" seen 'length > 2'; }
samples() { within 20 "packets are sampled" seen 'any(.[].samples[]; .tag == 1 or .tag == 3)'; }
without_gap='[.[] | [.subAgent, .sequence]] | group_by(.[0]) | all(.[]; [.[][1]] == [range(.[0][1]; .[0][1] + length)])'

# ---- a host with traffic, the agent installed as a package would
ip link add v0 type veth peer name v1 && ip link set v1 up && ip link set v0 up && ip addr add 192.0.2.10/24 dev v0
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev v0
python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    for n in range(20): s.sendto(bytes(200), ("192.0.2.9", 9))
    time.sleep(.05)' & disown
conf "$wanted"
install_service
install -m 644 /src/systemd/hsflowd-privileges{.path,.service,-changed.service} /lib/systemd/system/
ln -s ../../../bin/hsflowctl /usr/lib/systemd/system-generators/hsflowd-rs
systemd-sysusers hsflowd.conf; systemd-tmpfiles --create hsflowd.conf
systemctl daemon-reload
catch 6343
check "starts" systemctl start hsflowd
samples
check "healthy" hsflowctl status
refute "nothing is told of an agent before" says 'killed or crashed'

# ---- killed
equal "the pause before a restart" "$(show RestartUSec)" 2s
override RestartSec=10 # or it is over before a slow machine has seen it
before=$(restarts); : > $caught
kill -9 "$(pid)"
within 10 "killed, and not yet restarted" eval '[ "$(show SubState)" = auto-restart ]'
check "the settings file outlives the process" test -s /etc/hsflowd.auto
within 20 "restarted after kill -9" restarted "$before"
within 20 "datagrams again, numbered from 1" seen 'any(.[]; .sequence == 1)'
samples
check "healthy" hsflowctl status
within 20 "the status says that the one before was killed" says '^note .*agent: .*killed or crashed'
check "systemd says how" journal 'code=killed, status=9/KILL'

# ---- hung
equal "watchdog" "$(show WatchdogUSec)" 2min
override WatchdogSec=20; systemctl restart hsflowd
within 10 "healthy" hsflowctl status
refute "an orderly restart is none to tell of" says 'killed or crashed'
fed=$(show WatchdogTimestampMonotonic) before=$(restarts)
within 20 "the agent feeds the watchdog" eval "[ \"\$(show WatchdogTimestampMonotonic)\" -gt $((fed + 5000000)) ]"
equal "and is not restarted" "$(restarts)" "$before"
kill -STOP "$(pid)"
within 40 "a stalled agent is restarted" restarted "$before"
within 20 "the status says that the one before was killed" says '^note .*agent: .*killed or crashed'
check "systemd says why" journal 'Watchdog timeout'
goes_on "datagrams go on"

# ---- no room: small file systems for what it makes itself, and for its log
systemctl stop hsflowd; as_shipped
small=/var/log/small
mkdir -p /run/hsflowd $small
mount -t tmpfs -o size=16k,mode=755 tmpfs /run/hsflowd; mount -t tmpfs -o size=16k,mode=755 tmpfs $small
echo "DAEMON_ARGS=\"-D $small/hsflowd.log\"" > /etc/default/hsflowd
fill() { for d; do cat /dev/zero >> $d/full; done 2>/dev/null; }
systemctl daemon-reload
check "starts" systemctl start hsflowd
within 20 "settings are written" state settings-file running
fill /run/hsflowd $small; cat /dev/zero >> $small/hsflowd.log 2>/dev/null # the last page of the log is its own
conf "$wanted sampling.100M = 77"; systemctl reload hsflowd
within 20 "a full disk of settings is said" state settings-file 'DEGRADED.*the file system is full' || component settings-file
check "with what to do" says 'do: make room'
within 10 "and that the log has gaps" says '^note .*log: [0-9]* lines could not be written'
goes_on "datagrams go on"
check "a restart without room" systemctl restart hsflowd
goes_on "datagrams go on"
within 20 "it is said again" state settings-file 'DEGRADED.*the file system is full' || component settings-file
rm /run/hsflowd/full $small/full
systemctl reload hsflowd
within 20 "with room again the settings are written" state settings-file running || component settings-file
within 10 "they are the new ones" eval 'test "$(auto sampling.100M)" = 77'
within 10 "the log goes on" grep -aq 'reloaded' $small/hsflowd.log
systemctl stop hsflowd
for full in /run/hsflowd $small; do within 20 "$full has room again" umount $full; done
install -m 644 /src/etc/default/hsflowd /etc/default/

# ---- /etc read-only
conf "$wanted"; systemctl daemon-reload; systemctl start hsflowd
generated=/run/systemd/generator/hsflowd.service.d/00-hsflowd-privileges.conf
mount --bind /etc /etc && mount -o remount,ro,bind /etc
refute "/etc is read-only" touch /etc/x
check "reload" hsflowctl reload
rm $generated
within 20 "the generator has no need of it" eval 'systemctl daemon-reload && test -s $generated'
check "restart" systemctl restart hsflowd
within 10 "healthy" hsflowctl status
within 10 "and sub-agents have their settings" eval 'test -n "$(auto rev_start)"'
within 20 "it can be written again" umount /etc

# ---- /var read-only
mount --bind /var /var && mount -o remount,ro,bind /var
refute "/var is read-only" touch /var/tmp/x
check "restart" systemctl restart hsflowd
within 10 "healthy" hsflowctl status
goes_on "datagrams arrive"
within 20 "it can be written again" umount /var

# ---- the clock is set
before=$(restarts) process=$(pid)
polls='[.[] | select(any(.samples[]; .source == "2:1"))]'
gaps() { echo "[$1] | [.[1:], .[:-1]] | transpose | map(.[0] - .[1])"; } # between the numbers of a stream
for step in -3600 +86400; do
  : > $caught
  within 20 "before it is set by $step s" seen 'length > 1'
  date -s "@$(($(date +%s) + step))" > /dev/null
  within 30 "polling keeps its interval" seen "$polls | length > 5"
  check "of 2 s" seen "$(gaps "$polls[].uptime") | sort | .[length / 2 | floor] | . > 1000 and . < 3500"
  check "sequence numbers have no gap" seen "$without_gap"
  # the machine may be slow, and is not slow by a minute
  check "uptime goes on as time does" seen "$(gaps '.[] | .uptime / 1000 - .at') | all(.[]; fabs < 60)"
  way=back; [ "$step" -lt 0 ] || way=forward
  within 10 "the status says so" says "clock.* set $way by"
done
equal "the same process" "$(pid) $(restarts)" "$process $before"
date -s "@$(($(date +%s) - 86400 + 3600))" > /dev/null

# ---- little memory
for ((n = 0; n < interfaces; n++)); do echo "link add i$n up type dummy"; done | ip -batch -
override MemoryMax=32M
conf "$wanted interfaceCounters = all"
check "restart with 32 MB and $interfaces interfaces more" systemctl restart hsflowd
: > $caught
within 40 "counters of the last of them arrive" seen "any(.[].samples[]; .source == \"0:$(index i$((interfaces - 1)))\")"
samples
check "healthy" hsflowctl status
equal "not killed for it" "$(restarts) $(grep -w oom_kill /sys/fs/cgroup/system.slice/hsflowd.service/memory.events)" "0 oom_kill 0"
echo "# $(($(show MemoryCurrent) / 1024)) KiB of 32 MiB"
override MemoryMax=512K
systemctl restart --no-block hsflowd
within 40 "with far too little systemd says what ended it" journal 'oom-kill'
hsflowctl status > /tmp/said 2>&1; equal "hsflowctl: nobody answers" $? 3
as_shipped; check "restart" systemctl restart hsflowd
within 20 "healthy" hsflowctl status

# ---- few descriptors
conf "$wanted"; systemctl restart hsflowd; : > $caught; samples
few=$(($(ls "/proc/$(pid)/fd" | wc -l) + 30)) # a third is left to all but taps
override LimitNOFILE=$few
check "restart with $few descriptors" systemctl restart hsflowd
: > $caught; samples
conf "$wanted pcap { dev.pattern = ^i sampling = 10 }"
check "which are too few for $interfaces interfaces" hsflowctl reload
lacks() { page=$(hsflowctl status); [ $? = 1 ] && [[ $page = *"Too many open files"*"raise LimitNOFILE"* ]] || { head -n 5 <<< "$page"; false; }; }
within 20 "it is said, with what to do" lacks
for ((n = 1; n <= 5; n++)); do check "and again, each time that it is asked ($n)" lacks; done
echo "# $(ls "/proc/$(pid)/fd" | wc -l) of $few descriptors are taken"
goes_on "datagrams go on"
within 20 "and samples of v0" seen "any(.[].samples[]; (.tag == 1 or .tag == 3) and .source == \"0:$(index v0)\")"
check "and once more" lacks
as_shipped; check "restart" systemctl restart hsflowd
within 20 "healthy" hsflowctl status || hsflowctl status | head

check "stop" systemctl stop hsflowd
equal "its result" "$(show Result) $(show ExecMainStatus)" "success 0"
[ $failures = 0 ] || journalctl -u hsflowd -o short-monotonic -p warning --no-pager | tail -n 40 | sed 's/^/# /'
finish
