# The unit under a real systemd: own user, sandbox, reload, stop; what goes wrong is in adversity.test.sh. Run by tests/vm/run.
. /src/tests/vm/lib.sh

# ---- installed as a package would
install_service
echo "left by another agent" > /etc/hsflowd.auto
conf() { echo "sflow { polling = $1 collector { ip = 127.0.0.1 udpport = 6343 } }" > /etc/hsflowd.conf; }
conf 2
check "the user is made" systemd-sysusers hsflowd.conf
check "the link is made" systemd-tmpfiles --create hsflowd.conf
systemctl daemon-reload

# ---- a host worth measuring: an address, a /home of its own, a loop disk, a read-only disk that does not count
ip link add d0 type dummy && ip addr add 192.0.2.10/24 dev d0 && ip link set d0 up
for m in /home /srv/data /srv/ro; do
  mkdir -p $m; f=/var/tmp/disk${m//\//-}
  truncate -s 40M $f; mke2fs -q -t ext4 $f; mount -o loop $f $m
done
head -c 7M /dev/urandom > /srv/data/file; sync
mount -o remount,ro /srv/ro
disks() { df -B1 --output=source,size,avail,target | awk '$1 ~ "^/dev/" && $4 != "/srv/ro"'; }

# ---- start
catch 6343
check "can be enabled" systemctl enable hsflowd
check "starts" systemctl start hsflowd
equal "state" "$(systemctl is-active hsflowd)" active
equal "user" "$(stat -c %U "/proc/$(pid)")" hsflowd
equal "user id" "$(status Uid)" "$(id -u hsflowd)"
for set in CapEff CapPrm CapInh CapAmb; do equal $set "$(status $set)" 0000000000000000; done
equal "CapBnd, for what a later configuration may need after a restart" "$(status CapBnd)" 0000008000003000
equal "NoNewPrivs" "$(status NoNewPrivs)" 1
equal "Seccomp" "$(status Seccomp)" 2
check "exposure is at most 3.0" systemd-analyze security --offline=true --threshold=30 /lib/systemd/system/hsflowd.service
within 20 "a datagram with the host sample arrives" seen "[$host] | length > 0"
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
equal "agent address" "$(last '.[].agent')" 192.0.2.10
equal "host name" "$(last "$host.records[\"2000\"].hostname")" "$(uname -n)"
equal "kernel" "$(last "$host.records[\"2000\"].release")" "$(uname -r)"
equal "UUID is the SMBIOS one" "$(last "$host.records[\"2000\"].uuid")" "$(cat /sys/class/dmi/id/product_uuid)"
refute "which the agent's user cannot read at its source" setpriv --reuid hsflowd cat /sys/class/dmi/id/product_uuid
for r in 2001 2003 2004 2005 2006 2007 2008 2009 2010; do check "the host sample has record $r" seen "[$host] | last | .records | has(\"$r\")"; done
check "STATUS is told" test -n "$(show StatusText)"
check "hsflowctl finds it healthy" hsflowctl status

# ---- what the sandbox must not change
within 10 "a newer host sample" seen "[$host] | length > 2"
equal "disk_total as df sees it outside" "$(last "$host.records[\"2005\"].total")" "$(disks | awk '{s += $2} END {printf "%.0f", s}')"
near "disk_free as df sees it outside" "$(last "$host.records[\"2005\"].free")" "$(disks | awk '{s += $3} END {printf "%.0f", s}')" 1000000
near "fullest file system, in 1/100 %" "$(last "$host.records[\"2005\"].maxUsed")" "$(disks | awk '{u = ($2 - $3) * 10000 / $2; if (u > m) m = u} END {printf "%d", m}')" 10
hostname renamed
within 10 "a new host name is seen inside" seen "[$host] | last | .records[\"2000\"].hostname == \"renamed\""
within 10 "and in the settings file" eval '[ "$(auto hostname)" = renamed ]'
hostname vmrig
within 10 "and so is the old one" eval '[ "$(auto hostname)" = vmrig ]'

# ---- the settings file of sub-agents
check "/etc/hsflowd.auto is the link" test -L /etc/hsflowd.auto
check "everybody can read it" anybody cat /etc/hsflowd.auto
check "rev_start is there" test -n "$(auto rev_start)"
equal "rev_end equals rev_start" "$(auto rev_end)" "$(auto rev_start)"
equal "agentIP" "$(auto agentIP)" 192.0.2.10
equal "collector" "$(auto collector)" "127.0.0.1 6343"

# ---- reload
before=$(pid); revision=$(auto rev_start); sequence=$(last '.[].sequence')
conf 3
check "reload" systemctl reload hsflowd
within 10 "the new polling is in force" eval 'test "$(auto polling)" = 3' || sed 's/^/       /' /etc/hsflowd.auto
within 10 "rev_start rises" eval "[ \"\$(sed -n 's/^rev_start=//p' /etc/hsflowd.auto)\" -gt $revision ]"
echo 'sflow { polling = banana' > /etc/hsflowd.conf
systemctl reload hsflowd
within 10 "a bad file is reported as an error" eval 'journalctl -u hsflowd -p err -o cat | grep -q .'
equal "without a place" "$(journalctl -u hsflowd -p err -o cat | grep -vc 'hsflowd.conf:1')" 0
equal "still active" "$(systemctl is-active hsflowd)" active
equal "the same process" "$(pid)" "$before"
equal "the settings stay" "$(auto polling)" 3
within 15 "datagrams go on" seen "last.sequence > ${sequence:-0} + 2"
check "sequence numbers without a gap" seen '[.[] | [.subAgent, .sequence]] | group_by(.[0]) | all(.[]; [.[][1]] == [range(1; length + 1)])'
conf 2; systemctl reload hsflowd

# ---- the journal
equal "start is information" "$(journalctl -u hsflowd _PID="$(pid)" -o json | jq -r .PRIORITY | sort -u | grep -cx 6)" 1
refute "no priority prefix is left in a message" eval "journalctl -u hsflowd -o cat | grep '^<[0-7]>'"
refute "no debug output" eval "journalctl -u hsflowd _PID=$(pid) -o json | jq -r .PRIORITY | grep -x 7"

# ---- a collector in a network namespace
ip netns add far && ip -n far link set lo up
echo 'sflow { polling = 2 collector { ip = 127.0.0.1 } collector { ip = 127.0.0.1 udpport = 6344 namespace = far } }' > /etc/hsflowd.conf
: > $caught
systemctl reload hsflowd
within 15 "without the drop-in that collector is degraded, and the reason names the capability" \
  eval 'hsflowctl status | grep -q "namespace far DEGRADED.*CAP_SYS_ADMIN"'
refute "which makes the status say no" hsflowctl status
within 15 "the other collector is served" seen 'length > 0'
install -D -m 644 /src/systemd/collector-namespace.conf /etc/systemd/system/hsflowd.service.d/namespace.conf
systemctl daemon-reload; systemctl restart hsflowd
check "with it the datagrams arrive in the namespace" ip netns exec far hsflowctl decode --listen 127.0.0.1:6344 --count 2 --timeout 30
ip netns exec far python3 $here/sflow5.py 6344 >/dev/null 2>&1 & far=$! # or what comes next is refused
disown
within 20 "and all is well" hsflowctl status
equal "still not root" "$(stat -c %U "/proc/$(pid)")" hsflowd
rm -r /etc/systemd/system/hsflowd.service.d; systemctl daemon-reload; systemctl stop hsflowd; kill $far; ip netns del far
conf 2; systemctl start hsflowd

# ---- stop, and a configuration that can never work
check "stop" systemctl stop hsflowd
equal "its result" "$(show Result) $(show ExecMainCode) $(show ExecMainStatus)" "success 1 0"
refute "no settings file is left to mislead sub-agents" cat /etc/hsflowd.auto
echo 'sflow { collector { udpport = 6343 } }' > /etc/hsflowd.conf
refute "a bad file does not start" systemctl start hsflowd
within 10 "and is not tried again" eval 'test "$(show ActiveState)" = failed'
equal "its status" "$(show ExecMainStatus)" 78
conf 2
check "a good file starts" systemctl start hsflowd
journalctl -u hsflowd -o short-monotonic -p warning --no-pager | tail -n 40 | sed 's/^/# /'
finish
