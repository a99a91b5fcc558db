#!/bin/bash
# dpkg: install, upgrade, downgrade, remove, purge; over the C agent's package with its file touched or not; over a file that
# was there before; a failure on the way. Nobody answers questions. With HSFLOW_QUICK the first and the last of one. Run by
# tests/packages.sh.
. "$PWD/tests/packages/lib.sh"
wanted=$(sha256sum < packaging/hsflowd.conf)
same() { equal "$1" "$(sha256sum < $conf)" "$2"; }
deploy() { check "$1" dpkg -i "$(deb hsflowd-rs)"; }
purge() {
  mkdir -p /var/lib/hsflowd-policy; echo > /var/lib/hsflowd-policy/state.toml
  check "purge" dpkg -P hsflowd-rs hsflowd-rs-policy
}
purged() {
  equal "which leaves no file" "$(files)" ""
  check "but the users, who may own files" id hsflowd
  for d in /etc/hsflowd /var/lib/hsflowd-policy /usr/share/hsflowd-rs /usr/lib/hsflowd /usr/share/doc/hsflowd-rs /var/lib/systemd/deb-systemd-helper-enabled/hsflowd.service.dsh-also; do
    refute "$d is gone" test -e $d
  done
}
left() { ls -d /etc/hsflowd.conf.* /etc/default/hsflowd.* 2>/dev/null | xargs; }

# ---- on a system that has none
deploy "a first installation"
same "the configuration is the package's" "$wanted"
check "which the agent takes" hsflowctl check
equal "the agent's user can do nothing else" "$(users | grep ^hsflowd:)" "hsflowd:/:/usr/sbin/nologin"
equal "the link for sub-agents" "$(readlink /etc/hsflowd.auto)" /run/hsflowd/hsflowd.auto
check "the service is enabled" test -L /etc/systemd/system/multi-user.target.wants/hsflowd.service
check "once more, as after an interruption" /var/lib/dpkg/info/hsflowd-rs.postinst configure 0.0.1
check "the programs run" eval 'hsflowd -v && hsflowctl --version'
check "the policies" dpkg -i "$(deb hsflowd-rs-policy)"
refute "whose service is not enabled" test -e /etc/systemd/system/multi-user.target.wants/hsflowd-policy.service
check "its user is in the agent's group" eval 'id -nG hsflowd-policy | grep -qw hsflowd'
check "its file is without fault" hsflowd-policy --check
given=$(generated /lib/systemd/system-generators)
check "what systemd is told that the agent needs" grep -q '^AmbientCapabilities=CAP_NET_RAW$' "$given/hsflowd.service.d/00-hsflowd-privileges.conf"
check "the link to what policies need is good" test -x /lib/systemd/system-generators/hsflowd-rs-policy
check "the agent's user may be the agent on the bus" has_name hsflowd
refute "another may not" has_name nobody

# ---- without systemd, which does not run in here
install -m 755 /usr/share/doc/hsflowd-rs/examples/hsflowd.init /etc/init.d/hsflowd
service() { /etc/init.d/hsflowd "$1"; }
ip link set lo up
check "the script for SysV starts the agent" service start
check "and knows that it runs" service status
process=$(cat /run/hsflowd.pid)
within 20 "hsflowctl reaches it" hsflowctl status --json # from then on it is no longer root
equal "its user" "$(stat -c %U "/proc/$process")" hsflowd
equal "its capability, for packets" "$(awk '$1 == "CapEff:" {print $2}' "/proc/$process/status")" 0000000000002000
check "a second start does nothing" service start
equal "the process" "$(cat /run/hsflowd.pid)" "$process"
check "reload" service reload
check "restart" service restart
refute "the process is another" test "$(cat /run/hsflowd.pid)" = "$process"
check "stop" service stop
refute "it knows that it does not run" service status
rm /etc/init.d/hsflowd
[ -z "${HSFLOW_QUICK:-}" ] || { purge; purged; finish; }

# ---- other versions
echo "$mine" > $conf
check "a downgrade" dpkg -i "$work"/old/hsflowd-rs_*.deb "$work"/old/hsflowd-rs-policy_*.deb
equal "version" "$(dpkg-query -W -f '${Version}' hsflowd-rs)" 0.0.1
equal "the configuration is the user's" "$(cat $conf)" "$mine"
deploy "an upgrade"
equal "the configuration is the user's" "$(cat $conf)" "$mine"
systemctl --root=/ --quiet disable hsflowd
deploy "the same again"
refute "a service that was disabled stays so" test -e /etc/systemd/system/multi-user.target.wants/hsflowd.service
check "removal" dpkg -r hsflowd-rs hsflowd-rs-policy
equal "the configuration stays" "$(cat $conf)" "$mine"
refute "the link does not" test -L /etc/hsflowd.auto
deploy "installed again"
equal "it is the user's" "$(cat $conf)" "$mine"
rm $conf
deploy "a configuration that was deleted"
refute "stays deleted" test -e $conf
check "drop-ins by hsflowctl privileges --apply" apply_by_hand /lib/systemd/system-generators
check "removal" dpkg -r hsflowd-rs
check "leaves them: they are configuration" test -s $applied
purge
refute "takes them, and their folder" test -e ${applied%/*}
check "but not what somebody wrote" rm $theirs
rmdir ${theirs%/*}
purged

# ---- a file that was there before the package
echo "$mine" > $conf; echo 'DAEMON_ARGS="-dd"' > /etc/default/hsflowd
deploy "over files that were there"
equal "the configuration is theirs" "$(cat $conf)" "$mine"
equal "and the options" "$(cat /etc/default/hsflowd)" 'DAEMON_ARGS="-dd"'
equal "nothing lies beside them" "$(left)" ""
check "purge" dpkg -P hsflowd-rs
rm -f $conf; mkdir -p /srv/managed; echo "$mine" > /srv/managed/conf; ln -s /srv/managed/conf $conf
deploy "over a link"
equal "a link stays" "$(readlink $conf)" /srv/managed/conf
check "purge" dpkg -P hsflowd-rs
rm -f $conf

# ---- over the C agent's package
for touched in no yes; do
  check "the C agent's package" dpkg -i "$work"/hsflowd_*.deb
  [ $touched = no ] || cp etc/examples/hypervisor.conf $conf
  before=$(sha256sum < $conf)
  deploy "over it, its configuration touched: $touched"
  same "the configuration is as it was" "$before"
  equal "nothing lies beside it" "$(left)" ""
  equal "the C agent's package" "$(dpkg-query -W -f '${db:Status-Status}' hsflowd)" config-files
  refute "its modules are gone" test -e /etc/hsflowd/modules
  check "the program is the new one" hsflowd -v
  check "what is left of the old package is purged" dpkg -P hsflowd
  same "which does not take the configuration" "$before"
  check "purge" dpkg -P hsflowd-rs
  refute "the configuration goes with the package that owns it" test -e $conf
done

# ---- a failure on the way
mkdir -p /tmp/b/DEBIAN /tmp/b/usr/bin; echo mine > /tmp/b/usr/bin/hsflowctl
printf '%s\n' 'Package: blocker' 'Version: 1' 'Architecture: all' 'Maintainer: nobody <nobody@example.org>' 'Description: owns a file' > /tmp/b/DEBIAN/control
dpkg-deb -b /tmp/b /tmp/blocker.deb >/dev/null; check "somebody owns a file of ours" dpkg -i /tmp/blocker.deb
echo "$mine" > $conf
refute "unpacking fails" dpkg -i "$(deb hsflowd-rs)"
equal "the configuration is as it was" "$(cat $conf)" "$mine"
equal "nothing lies beside it" "$(left)" ""
finish
