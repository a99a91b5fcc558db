#!/bin/bash
# dnf: installs from the signed repository as EL and Fedora do, with the key that it is told of; refuses it without the key and when
# somebody has changed the list or a package; upgrades, downgrades, takes the C agent's place, erases. On a stand-in for a
# distribution, in a copy of this system. Run by tests/packages.sh.
. "$PWD/tests/packages/lib.sh"
version=$(rpm -qp --nosignature --qf '%{VERSION}' "$work"/rpm/hsflowd-rs-policy-*.rpm)
installed() { rpm -q --qf '%{VERSION} ' "$@" | xargs; }
cp -R "$work/yum" /srv/yum; mkdir -p /etc/yum.repos.d
ip link set lo up
python3 -m http.server --bind 127.0.0.1 --directory /srv/yum 8081 >/dev/null 2>&1 &
server=$!
within 20 "a web server has it" python3 -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:8081/repodata/repomd.xml")'
sed 's,https://packages.example.org/,http://127.0.0.1:8081/,' /srv/yum/hsflowd-rs.repo > /etc/yum.repos.d/hsflowd-rs.repo
dnf() { command dnf -y --quiet --setopt=retries=1 --setopt=install_weak_deps=0 "$@"; }
forget() { rm -rf /var/cache/dnf; }

check "a distribution" rpm -i --root=/ "$work"/distribution-*.rpm
rm /srv/yum/hsflowd-rs.asc
refute "without the key dnf refuses it" dnf install hsflowd-rs
cp "$work/yum/hsflowd-rs.asc" /srv/yum/
check "with it, an older version" dnf install hsflowd-rs-0.0.1 hsflowd-rs-policy-0.0.1
equal "versions" "$(installed hsflowd-rs hsflowd-rs-policy)" "0.0.1 0.0.1"
check "the programs run" eval 'hsflowd -v && hsflowctl --version'
echo "$mine" > $conf
check "upgrade" dnf upgrade
equal "to the newest" "$(installed hsflowd-rs hsflowd-rs-policy)" "$version $version"
check "signed by the key" eval 'rpm -qi hsflowd-rs | grep -q "^Signature *: RSA/SHA256"'
equal "the configuration is the user's" "$(cat $conf)" "$mine"
check "downgrade" dnf downgrade hsflowd-rs-0.0.1
equal "the configuration is the user's" "$(cat $conf)" "$mine"
check "removed" dnf remove hsflowd-rs hsflowd-rs-policy
rm -f $conf*
check "who asks for hsflowd gets it" dnf install hsflowd
check "it is ours" hsflowctl --version
check "removed" dnf remove hsflowd-rs
rm -f $conf*

check "the C agent's package" rpm -i --root=/ "$work"/hsflowd-2*.rpm
cp etc/examples/hypervisor.conf $conf
before=$(sha256sum < $conf)
check "an upgrade of all puts ours in its place" dnf upgrade
equal "version" "$(installed hsflowd-rs)" "$version"
refute "the C agent's package is gone" rpm -q hsflowd
equal "the configuration is as it was" "$(sha256sum < $conf)" "$before"
check "removed" dnf remove hsflowd-rs
rm -f $conf*

package=$(ls /srv/yum/packages/hsflowd-rs-"$version"-*.rpm)
cp "$package" /tmp/kept; printf 'x' | dd of="$package" bs=1 seek=$(($(stat -c %s "$package") / 2)) conv=notrunc status=none; forget
refute "a package that somebody has changed is refused" dnf install hsflowd-rs
cp "$work"/rpm/hsflowd-rs-"$version"-*.rpm "$package"; forget
refute "and one without a signature" dnf install hsflowd-rs
cp /tmp/kept "$package"
cp /srv/yum/repodata/repomd.xml /tmp/list; sed -i 's/<revision>[0-9]*/<revision>1/' /srv/yum/repodata/repomd.xml; forget
refute "and a list that somebody has changed" dnf install hsflowd-rs
refute "nothing was installed" rpm -q hsflowd-rs
cp /tmp/list /srv/yum/repodata/repomd.xml; forget
check "and all as it was is taken" dnf install hsflowd-rs
kill $server
finish
