#!/bin/bash
# rpm: install, upgrade, erase in this copy of a system, by rpm --root of an outer one; over the C agent's package with its file
# touched or not. What other packages have to be there is not asked about: this is no system of rpm's. Run by tests/packages.sh.
. "$PWD/tests/packages/lib.sh"
version=$(rpm -qp --nosignature --qf '%{VERSION}' "$work"/rpm/hsflowd-rs-policy-*.rpm)
agent=$(ls "$work"/rpm/hsflowd-rs-"$version"-*.rpm) policy=$(ls "$work"/rpm/hsflowd-rs-policy-*.rpm)
rpm() { command rpm --root=/ --nodeps "$@"; }
left() { ls -d /etc/hsflowd.conf.* 2>/dev/null | xargs; }

check "a first installation" rpm -i "$agent"
check "the configuration is the package's" cmp packaging/hsflowd.conf $conf
equal "the agent's user" "$(users | grep ^hsflowd:)" "hsflowd:/:/usr/sbin/nologin"
check "the programs run" eval 'hsflowd -v && hsflowctl --version'
check "the policies" rpm -i "$policy"
refute "whose service is not enabled" test -e /etc/systemd/system/multi-user.target.wants/hsflowd-policy.service
given=$(generated /usr/lib/systemd/system-generators)
check "what systemd is told that the agent needs" grep -q '^AmbientCapabilities=CAP_NET_RAW$' "$given/hsflowd.service.d/00-hsflowd-privileges.conf"
check "the link to what policies need is good" test -x /usr/lib/systemd/system-generators/hsflowd-rs-policy
check "all is as it was packed" rpm -V hsflowd-rs hsflowd-rs-policy
echo "$mine" > $conf
check "a downgrade" rpm -U --oldpackage "$work"/old/hsflowd-rs-0.0.1-*.rpm "$work"/old/hsflowd-rs-policy-*.rpm
equal "the configuration is the user's" "$(cat $conf)" "$mine"
check "an upgrade" rpm -U "$agent" "$policy"
equal "the configuration is the user's" "$(cat $conf)" "$mine"
equal "version" "$(command rpm -q --qf '%{VERSION}' hsflowd-rs)" "$version"
cp packaging/hsflowd.conf $conf
check "drop-ins by hsflowctl privileges --apply" apply_by_hand /usr/lib/systemd/system-generators
check "the same again" rpm -U --replacepkgs "$agent"
check "leaves them" test -s $applied
check "erased" rpm -e hsflowd-rs hsflowd-rs-policy
refute "which takes them, and their folder" test -e ${applied%/*}
check "but not what somebody wrote" rm $theirs
rmdir ${theirs%/*}
equal "which leaves no file" "$(files | grep -v '^/var/lib/hsflowd-policy')" ""

echo "$mine" > $conf
check "over a file that was there" rpm -i "$agent"
equal "the configuration is as it was" "$(cat $conf)" "$mine"
equal "nothing lies beside it" "$(left)" ""
check "erased" rpm -e hsflowd-rs
rm -f $conf*

for touched in no yes; do
  check "the C agent's package" rpm -i "$work"/hsflowd-2*.rpm
  [ $touched = no ] || cp etc/examples/hypervisor.conf $conf
  before=$(sha256sum < $conf)
  check "over it, its configuration touched: $touched" rpm -U "$agent"
  equal "the configuration is as it was" "$(sha256sum < $conf)" "$before"
  equal "nothing lies beside it" "$(left)" ""
  refute "the C agent's package is gone" command rpm -q hsflowd
  check "the program is the new one" hsflowd -v
  check "erased" rpm -e hsflowd-rs
  rm -f $conf*
done
finish
