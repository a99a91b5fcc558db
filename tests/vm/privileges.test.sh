# What the unit is given follows the configuration, under a real systemd: the generators, the first start of a configuration that
# needs much, mistakes, and old command lines. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
conf() { echo "sflow { polling = 2 agentIP = 192.0.2.10 collector { ip = 127.0.0.1 udpport = 6343 } $* }" > /etc/hsflowd.conf; }
generated=/run/systemd/generator/hsflowd.service.d/00-hsflowd-privileges.conf
bounding() { show CapabilityBoundingSet; }
is_bound() { [ "$(bounding)" = "$1" ]; }
in_group() { grep -Eq "^Groups:.*\b$(getent group "$1" | cut -d: -f3)\b" "/proc/$(pid)/status"; }
from_kernel() { dmesg | grep -q -- "$1"; }
ip link add d0 type dummy && ip addr add 192.0.2.10/24 dev d0 && ip link set d0 up
ip netns add far && ip -n far link set lo up

# ---- installed as a package would, over a C agent's files with a configuration that needs much
echo 'g docker -' | systemd-sysusers -
conf 'collector { ip = 127.0.0.1 udpport = 6344 namespace = far } pcap { dev = lo sampling = 1 } dropmon { } docker { }'
install -D -m 644 /dev/null /etc/hsflowd/modules/mod_pcap.so
install_service
install -m 644 /src/systemd/hsflowd-privileges{.path,.service,-changed.service} /lib/systemd/system/
generators=/usr/lib/systemd/system-generators
ln -s ../../../bin/hsflowctl $generators/hsflowd-rs
ln -s ../../../sbin/hsflowd-policy $generators/hsflowd-rs-policy
systemd-sysusers hsflowd.conf; systemd-tmpfiles --create hsflowd.conf
before=$(sha256sum /etc/hsflowd.conf /etc/default/hsflowd)
check "migrate finds nothing in the way" hsflowctl migrate
sed 's/^/# /' /tmp/check.out
check "daemon-reload" systemctl daemon-reload
check "the drop-in is made" test -s $generated
catch 6343
ip netns exec far hsflowctl decode --listen 127.0.0.1:6344 --count 1 --timeout 60 > /tmp/far 2>&1 &
far=$!

# ---- the first start
check "starts" systemctl start hsflowd
equal "its user" "$(stat -c %U "/proc/$(pid)")" hsflowd
equal "holds CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN, and no others can come" "$(all_sets) $(status CapBnd)" "0000000000203000 0000000000203000"
check "is in the group of Docker's socket" in_group docker
within 20 "dropmon runs" state dropmon running || component dropmon
check "the collector in a namespace has datagrams" wait $far
within 20 "packets are sampled" seen "any(.[].samples[]; .tag == 3)"
check "systemd was told what privileges says" eval 'hsflowctl privileges | grep -q "^hsflowd.service: so it is, by /run/systemd/generator"'
check "nothing of the C agent's was changed" test "$before" = "$(sha256sum /etc/hsflowd.conf /etc/default/hsflowd)"
python3 -c '
import os, socket, shutil
s = socket.socket(socket.AF_UNIX); s.bind("/run/docker.sock"); os.chmod("/run/docker.sock", 0o660); shutil.chown("/run/docker.sock", group="docker"); s.listen()
while True: s.accept()[0].close()' & disown
within 40 "it is let into Docker's socket, where only what answers is wrong" eval "state docker DEGRADED && ! state docker 'Permission denied'" || component docker

# ---- less is wanted: the drop-in follows the file by itself, the process at its next start
before=$(pid)
conf
within 30 "the drop-in follows" is_bound ""
equal "the agent is left alone" "$(pid)" "$before"
check "restart" systemctl restart hsflowd
equal "no capability, and none can come" "$(all_sets) $(status CapBnd)" "0000000000000000 0000000000000000"
refute "nor is it in that group" in_group docker
check "healthy" hsflowctl status
check "exposure with nothing given" systemd-analyze security --threshold=21 hsflowd.service
systemd-analyze security hsflowd.service | tail -n 1 | sed 's/^/# /'

# ---- more is wanted, and somebody only reloads
conf 'psample { }'
within 30 "the drop-in follows" is_bound cap_net_admin
systemctl reload hsflowd
within 10 "what the process was not given is said, and the cure" state privileges 'DEGRADED.*CAP_NET_ADMIN (psample: .*a restart gives.*hsflowctl privileges' || component privileges
check "restart" systemctl restart hsflowd
within 10 "which cures it" state privileges running

# ---- a file with mistakes: the unit as it was shipped, and nobody is held up
echo 'sflow { collector { ip = 127.0.0.1 } dockr { }' > /etc/hsflowd.conf
within 30 "the drop-in is gone" eval 'test ! -e $generated && is_bound "cap_net_admin cap_net_raw cap_bpf"' # it is so within every reload, too
equal "the unit is the shipped one" "$(bounding)" "cap_net_admin cap_net_raw cap_bpf"
check "daemon-reload" systemctl daemon-reload
within 10 "the kernel's log says why" from_kernel 'hsflowd-rs-generator: hsflowd.service stays as it was shipped: /etc/hsflowd.conf:1:'
equal "the agent runs on with what it had" "$(show ActiveState) $(status CapEff)" "active 0000000000001000"
refute "it does not start with it" systemctl restart hsflowd
within 10 "and says why" eval '[ "$(show ExecMainStatus) $(journalctl -u hsflowd -p err -o cat | grep -c "hsflowd.conf:1.*dockr")" = "78 1" ]'
rm /etc/hsflowd.conf; mkfifo /etc/hsflowd.conf
check "a pipe does not hold up a boot" timeout 60 systemctl daemon-reload
rm /etc/hsflowd.conf
mkdir -p /tmp/normal
check "nor does a boot without network, /usr/local, /proc and an environment" timeout 60 unshare -n -m sh -c '
  mount -t tmpfs none /usr/local; mount -t tmpfs none /proc; exec env -i '$generators'/hsflowd-rs /tmp/normal /tmp/normal /tmp/normal'
check "without a file it is DNS and the physical interfaces" grep -q '^AmbientCapabilities=CAP_NET_RAW' /tmp/normal/hsflowd.service.d/*.conf
conf 'pcap { dev = lo sampling = 1 }'
systemctl daemon-reload
check "a mended file starts" systemctl restart hsflowd
equal "with what it needs" "$(status CapBnd)" 0000000000002000

# ---- Open vSwitch, whose data base runs already, and again after its restart
systemctl start ovsdb-server && ovs-vsctl --no-wait add-br br0
equal "its socket is root's" "$(stat -c '%G' /run/openvswitch/db.sock)" root
has_record() { [ -n "$(ovs-vsctl --no-wait --bare --columns=sflow list bridge "$1")" ]; }
conf 'ovs { }'
systemctl daemon-reload
check "restart" systemctl restart hsflowd
within 30 "it is let in at the first start" has_record br0 || component ovs
equal "without a capability" "$(all_sets)" 0000000000000000
systemctl restart ovsdb-server; ovs-vsctl --no-wait add-br br1
within 40 "and after Open vSwitch's restart" has_record br1 || component ovs
equal "its socket is the group's" "$(stat -c '%G' /run/openvswitch/db.sock)" hsflowd
systemctl stop hsflowd ovsdb-server

# ---- old command lines
conf; mv /etc/hsflowd.conf '/etc/my hsflowd.conf'
cat > /etc/default/hsflowd <<'C'
# of the C agent
UUID=ignored
DAEMON_ARGS="-ddd -f '/etc/my hsflowd.conf' -l /etc/hsflowd/modules \
  -c /var/log/hsflowd.crash -p /run/hsflowd.pid -D /var/log/hsflowd.log -u 564dd23c-453d-acd2-fa74-83da86e6e0b9"
C
systemctl daemon-reload
: > $caught
check "start" systemctl start hsflowd
tr '\0' '\n' < "/proc/$(pid)/cmdline" | tail -n +7 > /tmp/words
printf '%s\n' -ddd -f '/etc/my hsflowd.conf' -l /etc/hsflowd/modules -c /var/log/hsflowd.crash -p /run/hsflowd.pid \
  -D /var/log/hsflowd.log -u 564dd23c-453d-acd2-fa74-83da86e6e0b9 > /tmp/wanted
check "systemd splits them as written" diff /tmp/words /tmp/wanted
within 20 "the host has the UUID of -u" seen "[$host] | last | .records[\"2000\"].uuid == \"564dd23c-453d-acd2-fa74-83da86e6e0b9\""
within 10 "the log is where -D says" test -s /var/log/hsflowd.log
equal "and the agent's" "$(stat -c %U /var/log/hsflowd.log)" hsflowd
check "healthy" hsflowctl status
equal "who looks for changes looks at that file too" "$(systemctl show -P Paths hsflowd-privileges.path | grep -c 'my hsflowd.conf')" 1

# ---- every change counts, at whatever moment it comes and however many there are
# As those write who write: another file beside it, then its name. There is no /etc/hsflowd.conf, so that folder is no quiet one.
mv '/etc/my hsflowd.conf' /tmp/plain; sed 's/}$/psample { } }/' /tmp/plain > /tmp/psample
have() { cp "/tmp/$1" '/etc/my hsflowd.new'; mv '/etc/my hsflowd.new' '/etc/my hsflowd.conf'; }
given() { case $1 in plain) is_bound "" ;; psample) is_bound cap_net_admin ;; esac; }
soon() { local end=$((SECONDS + 90)); until "$@"; do [ $SECONDS -lt $end ] || return 1; done; }
follows() { for file in psample plain psample plain psample plain; do have $file; soon given $file || return 1; done; }
check "what it is given follows that file, six times" follows
equal "and may as often as it likes" "$(systemctl show -P StartLimitIntervalUSec hsflowd-privileges-changed hsflowd-privileges | xargs)" "0 0"
is_waiting() { # by its control group: systemctl takes as long as this lasts where the machine is slow
  local first name
  { read -r first < "/sys/fs/cgroup/system.slice/$1.service/cgroup.procs" && read -r name < "/proc/$first/comm"; } 2>/dev/null
  [ "$name" = sleep ]
}
for unit in hsflowd-privileges-changed hsflowd-privileges; do
  have psample
  check "$unit runs" soon is_waiting $unit
  have plain
  within 30 "what comes then counts too" given plain
done
install -D -m 755 /dev/stdin /etc/systemd/system-generators/late <<'G'
#!/bin/sh
[ -e /tmp/next ] || exit
until [ -e "$1/hsflowd.service.d/00-hsflowd-privileges.conf" ]; do :; done
mv /tmp/next '/etc/my hsflowd.conf'
G
cp /tmp/plain /tmp/next; have psample
within 30 "it changes when it has just been read, and systemd reads on" test ! -e /tmp/next
within 30 "that counts too" given plain
rm -r /etc/systemd/system-generators
refute "migrate says what is lost" hsflowctl migrate
hsflowctl migrate > /tmp/said
for words in 'DAEMON_ARGS: -l: ' 'DAEMON_ARGS: -c: ' 'DAEMON_ARGS: -p: ' 'UUID=ignored: only the C agent' '/etc/hsflowd/modules: '; do
  check "of it '$words'" grep -qF -- "$words" /tmp/said
done
install -D -m 644 /dev/stdin /etc/systemd/system/hsflowd.service.d/local.conf <<< $'[Service]\nUser=root'
systemctl daemon-reload
check "a drop-in of the C agent's days that would keep it from running is found" eval 'hsflowctl migrate | grep -q "local.conf: User=root: "'
refute "as it does" systemctl restart hsflowd
rm -r /etc/systemd/system/hsflowd.service.d; install -m 644 /src/etc/default/hsflowd /etc/default/
conf 'pcap { dev = lo sampling = 1 }'; systemctl daemon-reload; systemctl reset-failed hsflowd
check "without it it starts" systemctl start hsflowd

# ---- the units of policies
install -m 755 /bin-under-test/hsflowd-policy /usr/sbin/
install -m 644 /src/systemd/hsflowd-policy.service /src/systemd/hsflowd-policy-expire.{service,timer} /lib/systemd/system/
printf '[policy.a]\ndestination = "192.0.2.1"\naction = "drop"\nnetns = "far"\n' > /etc/hsflowd/policy.toml
systemctl daemon-reload
for unit in hsflowd-policy hsflowd-policy-expire; do
  equal "$unit may enter namespaces" "$(systemctl show -P AmbientCapabilities $unit)" "cap_net_admin cap_net_raw cap_sys_ptrace cap_sys_admin"
done
printf '[policy.a]\ndestination = "192.0.2.1"\naction = "drop"\n' > /etc/hsflowd/policy.toml
systemctl daemon-reload
equal "and may not when no file names one" "$(systemctl show -P AmbientCapabilities hsflowd-policy)" "cap_net_admin cap_net_raw"

check "stop" systemctl stop hsflowd
journalctl -u hsflowd -o short-monotonic -p warning --no-pager | tail -n 40 | sed 's/^/# /'
finish
