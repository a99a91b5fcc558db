# Policies as a service under a real systemd: own user, two capabilities, files, requests, ends that do not depend on the
# program, repair. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
export PATH=$PATH:/usr/sbin:/sbin

# ---- installed as a package would
install -m 755 /bin-under-test/hsflowd-policy /usr/sbin/
install -D -m 755 /bin-under-test/hsflowd-policy /usr/lib/hsflowd/hsflowd-policy-expire
install -m 755 /bin-under-test/hsflowctl /usr/bin/
install -m 644 /src/systemd/hsflowd-policy.service /src/systemd/hsflowd-policy-expire.{service,timer} /lib/systemd/system/
install -D -m 644 /src/systemd/hsflowd-policy.sysusers /usr/lib/sysusers.d/hsflowd-policy.conf
install -D -m 644 /src/systemd/hsflowd-policy.tmpfiles /usr/lib/tmpfiles.d/hsflowd-policy.conf
install -D -m 644 /src/etc/policy.toml /etc/hsflowd/policy.toml
check "the user is made" systemd-sysusers hsflowd-policy.conf
check "the lock of iptables-legacy is made" systemd-tmpfiles --create hsflowd-policy.conf
equal "and is the group's too" "$(stat -c '%a %U %G' /run/xtables.lock)" "660 root hsflowd-policy"
check "the user is in the agent's group" eval 'id -nG hsflowd-policy | grep -qw hsflowd'
systemctl daemon-reload
equal "not enabled by being there" "$(systemctl is-enabled hsflowd-policy)" disabled
for unit in hsflowd-policy hsflowd-policy-expire; do
  check "exposure of $unit is at most 3.0" systemd-analyze security --offline=true --threshold=30 /lib/systemd/system/$unit.service
done

asked() { systemctl show -P "$1" hsflowd-policy; }
of_process() { awk -v k="$1:" '$1 == k {print $2}' "/proc/$(asked MainPID)/status"; }
rules() { iptables-save; ip6tables-save; }
has() { rules | grep -q -- "$1"; }
lacks() { ! has "$1"; }
member() { ipset save | grep -q -- "^add hsflowd.* $1"; }
no_member() { ! member "$1"; }
file() { cat > /etc/hsflowd/policy.d/vm.toml; }
mkdir -p /etc/hsflowd/policy.d
ip link add d0 type dummy && ip addr add 192.0.2.10/24 dev d0 && ip link set d0 up
iptables -A INPUT -s 203.0.113.1 -j DROP # somebody else's
ours='[policy.good]
destination = "192.0.2.10"
protocol = "udp"
destination_port = 4444
action = "drop"
[policy.address]
source = "203.0.113.7"
action = "drop"
[policy.shaped]
to = "d0"
action = { shape = { rate = "50 Mbit/s" } }'

# ---- a file's policies, by iptables-nft, ipset and tc, without root
echo "$ours" | file
check "starts" systemctl start hsflowd-policy || journalctl -u hsflowd-policy -o cat | tail -n 20
equal "user" "$(stat -c %U "/proc/$(asked MainPID)")" hsflowd-policy
for set in CapEff CapPrm CapInh CapAmb CapBnd; do equal $set "$(of_process $set)" 0000000000003000; done
equal "NoNewPrivs" "$(of_process NoNewPrivs)" 1
within 10 "the rule is there" has 4444
within 10 "the address is in a set" member 203.0.113.7
within 10 "the queue is there" eval 'tc qdisc show dev d0 | grep -q tbf'
check "somebody else's rule stays" has '203.0.113.1/32 -j DROP'
check "the timer came with it" systemctl is-active hsflowd-policy-expire.timer

# ---- who may ask
check "root may ask" hsflowctl policy list
refute "a stranger may not" anybody hsflowctl policy list

# ---- ends that the program is not needed for
short='[policy.short]
expires = "15s"
destination = "192.0.2.10"
protocol = "udp"
destination_port = 5555
action = "drop"
[policy.short-address]
expires = "15s"
source = "203.0.113.9"
action = "drop"'
over() { # what: the daemon is as it is now; what is short ends without it, and all else stays
  within 10 "$1: the kernel ends the address" no_member 203.0.113.9
  within 65 "$1: the timer ends the rule" lacks 5555
  check "$1: what lives is untouched" eval 'has 4444 && member 203.0.113.7'
}
# A watchdog would replace the stopped daemon, and prove nothing of the timer.
mkdir -p /run/systemd/system/hsflowd-policy.service.d
printf '[Service]\nWatchdogSec=0\nRestart=no\n' > /run/systemd/system/hsflowd-policy.service.d/vm.conf
systemctl daemon-reload; systemctl restart hsflowd-policy
# Under another name each time: what is over and read again stays over.
begin() { printf '%s\n%s\n' "$ours" "${short//policy.short/policy.$1}" | file; systemctl reload hsflowd-policy; within 4 "$1: in force" has 5555; check "$1: in the set" member 203.0.113.9; }
begin stopped; kill -STOP "$(asked MainPID)"; over stopped; kill -CONT "$(asked MainPID)"
echo "$ours" | file; systemctl reload hsflowd-policy
begin broken
cp /usr/sbin/hsflowd-policy /var/tmp/; cp --remove-destination /bin/false /usr/sbin/hsflowd-policy; kill -9 "$(asked MainPID)"
over broken
install -m 755 /var/tmp/hsflowd-policy /usr/sbin/
rm -r /run/systemd/system/hsflowd-policy.service.d; systemctl daemon-reload
echo "$ours" | file; systemctl restart hsflowd-policy
begin stop
systemctl stop hsflowd-policy; over "stop"

# ---- what others do to the rules
systemctl start hsflowd-policy; within 10 "in force again" has 4444
iptables -F; iptables -X; within 10 "a flush is repaired" has 4444
nft flush ruleset; within 10 "a flush by nft is repaired" has 4444
if command -v firewall-cmd >/dev/null; then
  check "firewalld starts" systemctl start firewalld; within 20 "and is repaired after" has 4444
  within 60 "firewalld reloads" firewall-cmd --reload; within 20 "which is repaired" has 4444
  systemctl stop firewalld
else echo "SKIP firewalld: not in this machine"; fi

# ---- a boot finds nothing in the kernel
systemctl stop hsflowd-policy; nft flush ruleset; ipset destroy; tc qdisc del dev d0 root 2>/dev/null
check "starts on an empty kernel" systemctl start hsflowd-policy
within 10 "everything is back" eval 'has 4444 && member 203.0.113.7 && tc qdisc show dev d0 | grep -q tbf'

# ---- iptables-legacy
systemctl stop hsflowd-policy; hsflowd-policy --clear >/dev/null 2>&1
if update-alternatives --set iptables /usr/sbin/iptables-legacy && update-alternatives --set ip6tables /usr/sbin/ip6tables-legacy &&
   modprobe -a iptable_filter ip6table_filter iptable_mangle ip6table_mangle; then
  install -D -m 644 /src/systemd/policy-legacy-iptables.conf /etc/systemd/system/hsflowd-policy.service.d/legacy.conf
  systemctl daemon-reload
  check "starts with iptables-legacy" systemctl start hsflowd-policy
  within 10 "the rule is there" eval 'iptables-legacy-save | grep -q 4444'
else echo "SKIP iptables-legacy: not in this machine"; fi
[ $failures = 0 ] || journalctl -u 'hsflowd-policy*' -o cat | tail -n 60
finish
