# The packages on a machine, by apt from the signed repository: a first installation with no file edited and DNS to say the
# rest; upgrade; policies; remove and purge leave nothing; over the C agent's package, which runs. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1 </dev/null
export DEBIAN_FRONTEND=noninteractive
given=/bin-under-test/packages
apt() { apt-get -qq -o Dpkg::Use-Pty=0 "$@"; }
version() { dpkg-query -W -f '${Version}' "$1"; }
conf=/etc/hsflowd.conf

# ---- a card that counts as physical, and a name server that says where to send
modprobe netdevsim && echo "1 1" > /sys/bus/netdevsim/new_device
card=$(ls /sys/bus/netdevsim/devices/netdevsim1/net)
ip addr add 192.0.2.10/24 dev "$card" && ip link set "$card" up
printf 'nameserver 127.0.0.1\nsearch example.org\noptions timeout:1 attempts:1\n' > /etc/resolv.conf
dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file --bind-interfaces --listen-address=127.0.0.1 \
  --local=/example.org/ --local=/_udp/ --local-ttl=10 --host-record=collector.example.org,127.0.0.1 \
  --srv-host=_sflow._udp.example.org,collector.example.org,6343 --txt-record=_sflow._udp.example.org,polling=2,sampling=1 &
disown
within 20 "a name server answers" getent ahostsv4 collector.example.org
catch 6343
flows="[.[].samples[] | select(.tag == 3 and .source == \"0:$(index "$card")\")]"
send() { python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(50): s.sendto(bytes(100), ("192.0.2.9", 9)); time.sleep(.002)'; }
# What is there now, for the end: files, processes, rules, queues.
files() { find /etc /usr /var /opt /srv /lib -xdev ! -type d 2>/dev/null | grep -vE '^/var/(log|cache|lib/(apt|dpkg|systemd))/|^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|^/etc/\.pwd\.lock$' | sort; find /run -maxdepth 1 -name 'hsflowd*'; }
kernel() { iptables-save; ip6tables-save; ipset save; tc qdisc show; tc filter show dev "$card" ingress; } 2>/dev/null
# Without counters, and without the kernel's own chains: once asked for they stay, empty.
rules() { kernel | sed 's/\[[0-9:]*\]//; /^#/d; /^\*/d; /^COMMIT/d; /^:.* ACCEPT/d'; }

# ---- a first installation
python3 -m http.server --bind 127.0.0.1 --directory $given/repository 8080 >/dev/null 2>&1 &
disown
mkdir -p /etc/apt/keyrings; cp $given/repository/hsflowd-rs.asc /etc/apt/keyrings/
sed 's,^URIs:.*,URIs: http://127.0.0.1:8080/,' $given/repository/hsflowd-rs.sources > /etc/apt/sources.list.d/hsflowd-rs.sources
files > /tmp/files.before
within 20 "the repository's signature is good" apt-get --error-on=any update
check "install" apt install -y hsflowd-rs=0.0.1 hsflowd-rs-policy=0.0.1
equal "version" "$(version hsflowd-rs)" 0.0.1
check "what was unpacked is what was packed" eval 'test -z "$(dpkg -V hsflowd-rs hsflowd-rs-policy)"'
equal "the agent" "$(systemctl is-active hsflowd) $(systemctl is-enabled hsflowd)" "active enabled"
equal "policies, which nobody has asked for" "$(systemctl is-active hsflowd-policy) $(systemctl is-enabled hsflowd-policy)" "inactive disabled"
equal "the agent's user" "$(stat -c %U "/proc/$(pid)")" hsflowd
equal "its capability, for packets" "$(all_sets)" 0000000000002000
equal "its unit is given no other" "$(show CapabilityBoundingSet)" cap_net_raw
equal "what it is given follows its configuration" "$(systemctl is-active hsflowd-privileges.path)" active
within 20 "with no file edited a host sample arrives" seen "[$host] | length > 0"
send; within 20 "and flow samples" seen "$flows | any(.rate == 1)"
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
check "hsflowctl finds it healthy" hsflowctl status
check "the manual is there" test -e /usr/share/man/man8/hsflowd.8.gz

# ---- policies
rules > /tmp/rules.before
printf '[policy.good]\ndestination = "192.0.2.10"\nprotocol = "udp"\ndestination_port = 4444\naction = "drop"\n[policy.address]\nsource = "203.0.113.7"\naction = "drop"\n' > /etc/hsflowd/policy.d/vm.toml
check "policies are enabled by who wants them" systemctl --quiet enable --now hsflowd-policy
within 20 "a rule is in force" eval 'kernel | grep -q 4444'

# ---- upgrade
may() { [ "$(show CapabilityBoundingSet)" = "$1" ]; }
echo 'sflow { collector { ip = 127.0.0.1 udpport = 6343 } }' > $conf
within 20 "what it is to be given follows the file to one that needs nothing" may ""
cat > $conf <<END
# edited
sflow {
  polling = 10
  sampling = 1
  collector { ip = 127.0.0.1 udpport = 6343 }
  pcap { dev = $card }
}
END
: > $caught
within 20 "and to what needs one" may cap_net_raw
check "reload" systemctl reload hsflowd
within 40 "host samples by the file" seen "[$host] | length > 0"
before=$(sha256sum $conf); process=$(pid); process_of_policies=$(systemctl show -P MainPID hsflowd-policy)
check "upgrade" apt install -y hsflowd-rs hsflowd-rs-policy
check "to a newer version" dpkg --compare-versions "$(version hsflowd-rs)" gt 0.0.1
check "another process" test "$(pid)" != "$process"
equal "which has what the file needs" "$(all_sets)" 0000000000002000
equal "what it is given follows its configuration" "$(systemctl is-active hsflowd-privileges.path)" active
check "of policies too" test "$(systemctl show -P MainPID hsflowd-policy)" != "$process_of_policies"
equal "its user" "$(stat -c %U "/proc/$(pid)")" hsflowd
equal "the configuration is as it was" "$(sha256sum $conf)" "$before"
at=$(last "[$host] | length")
within 40 "host samples go on" seen "[$host] | length > $at"
# each 10 s, and this machine is slow: twice that is one that is missing
gap='[.[] | select(any(.samples[]; .source == "2:1")).at] | [.[1:], .[:-1]] | transpose | map(.[0] - .[1]) | max'
check "at most one polling interval was lost: $(last "$gap") s between host samples" seen "$gap < 24"
check "hsflowctl finds it healthy" hsflowctl status
within 20 "the rule is in force" eval 'kernel | grep -q 4444'

# ---- remove and purge
check "removed" apt remove -y hsflowd-rs hsflowd-rs-policy
refute "no process is left" pgrep -l hsflowd
equal "nobody looks at its configuration" "$(systemctl is-active hsflowd-privileges.path)" inactive
refute "nothing is given to a unit that is gone" ls -d /run/systemd/generator/hsflowd*
check "no rule, set or queue is left" diff /tmp/rules.before <(rules)
equal "the configuration is as it was" "$(sha256sum $conf)" "$before"
rm /etc/hsflowd/policy.d/vm.toml
check "purged" apt purge -y hsflowd-rs hsflowd-rs-policy
check "no file is left" diff /tmp/files.before <(files)
refute "no unit is left" eval 'systemctl list-units --all --plain --no-legend | grep hsflowd'
equal "the locked user stays" "$(getent passwd hsflowd | cut -d: -f7)" /usr/sbin/nologin

# ---- over the C agent, which is on the bus, where our user never was
userdel hsflowd
check "the C agent's package" dpkg -i $given/hsflowd_*.deb
cat > $conf <<END
# hsflowd configuration file
# http://sflow.net/host-sflow-linux-config.php
sflow {
  agent.cidr = 192.0.2.0/24
  polling = 2
  sampling = 1
  sampling.10G=10000
  #   DNS-SD { }
  collector { ip=127.0.0.1 udpport=6343 }
  pcap { dev=$card }
  systemd { }
  dbus { }
}
END
before=$(sha256sum $conf)
systemctl daemon-reload; systemctl --quiet enable --now hsflowd
equal "it runs, as root" "$(stat -c %U "/proc/$(pid)")" root
process=$(pid); : > $caught
check "install" apt install -y hsflowd-rs
equal "the C agent's package" "$(dpkg-query -W -f '${db:Status-Status}' hsflowd)" config-files
refute "its process is gone" test -e "/proc/$process"
equal "the service" "$(systemctl is-active hsflowd) $(systemctl is-enabled hsflowd)" "active enabled"
equal "its user" "$(stat -c %U "/proc/$(pid)")" hsflowd
equal "the configuration is as it was" "$(sha256sum $conf)" "$before"
equal "nothing lies beside it" "$(ls $conf.* 2>/dev/null)" ""
within 20 "it answers on the bus" busctl call net.sflow.hsflowd /net/sflow/hsflowd net.sflow.hsflowd.telemetry GetVersion
within 20 "host samples arrive" seen "[$host] | length > 1"
send; within 20 "and flow samples" seen "$flows | length > 0"
check "hsflowctl finds it healthy" hsflowctl status
check "both are purged" apt purge -y hsflowd hsflowd-rs
check "no file is left" diff /tmp/files.before <(files)
[ $failures = 0 ] || journalctl -u 'hsflowd*' -o cat | tail -n 40
finish
