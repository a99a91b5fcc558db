# The Ansible role and the Puppet module where dnf installs RPM packages from a signed repository. This Debian says that it is EL 9, has
# an rpm data base with a stand-in for what EL brings, and neither apt nor dpkg; systemd, iptables and Python are Debian's. Run by
# tests/orchestration.sh.
. /src/tests/orchestration/lib.sh
exec 2>&1
rm /etc/os-release /etc/debian_version
cat > /etc/os-release <<'OS'
NAME="Red Hat Enterprise Linux"
PRETTY_NAME="Red Hat Enterprise Linux 9.4 (a Debian that says so)"
ID=rhel
ID_LIKE=fedora
VERSION_ID=9.4
PLATFORM_ID=platform:el9
OS
echo 'Red Hat Enterprise Linux release 9.4 (Plow)' > /etc/redhat-release
echo 'disable *' > /usr/lib/systemd/system-preset/99-default-disable.preset
rm -r /etc/apt /usr/bin/apt* /usr/bin/dpkg*
mkdir -p /etc/yum.repos.d
check "a stand-in for a distribution" rpm --root=/ -i /el/distribution-*.rpm
version=$(rpm -qp --nosignature --qf '%{VERSION}' /el/hsflowd-rs-policy-*.rpm)
installed() { rpm -q --qf '%{VERSION} ' hsflowd-rs hsflowd-rs-policy | xargs; }
has() { equal "versions" "$(installed)" "$1 $1"; }
runs() {
  within 20 "the agent runs" systemctl is-active hsflowd
  equal "both start at boot" "$(systemctl is-enabled hsflowd hsflowd-policy | xargs)" "enabled enabled"
  equal "the agent's user" "$(stat -c %U "/proc/$(pid)")" hsflowd
  equal "what is in force" "$(setting polling | awk '{print $3}')" "$1"
  within 20 "the policy is in force" rule "$2"
  equal "of its unit systemd knows that it follows the configuration" "$(systemctl is-active hsflowd-privileges.path)" active
}
gone() { # as it was before
  # keys stay in rpm's data base
  command dnf -y --quiet remove hsflowd-rs hsflowd-rs-policy && rpm --root=/ -e --allmatches gpg-pubkey && rm -rf /etc/yum.repos.d/hsflowd-rs.repo /etc/hsflowd* /var/lib/hsflowd* /var/cache/dnf
}

# ---- Ansible
export ANSIBLE_ROLES_PATH=/src/orchestration/ansible/roles
cat > vars.yml <<'YAML'
hsflowd_rs_rpm_repository: {baseurl: "file:///el/yum", gpgkey: "file:///el/yum/hsflowd-rs.asc"}
hsflowd_rs_config: {polling: 20, collector: [{ip: 127.0.0.1}]}
hsflowd_rs_policy: true
hsflowd_rs_policy_config: {policy: {good: {direction: in, protocol: udp, destination_port: 4444, action: drop}}}
YAML
play() { play_site -e @vars.yml "$@"; }
check "check mode on a new host" play --check
equal "it would change something" "$([ "${changed:-0}" -gt 0 ] && echo yes)" yes
refute "and installs nothing" rpm -q hsflowd-rs
refute "packages that another key has signed are refused" play -e '{"hsflowd_rs_rpm_repository": {"baseurl": "file:///el/yum", "gpgkey": "file:///el/somebody.asc"}}'
refute "nothing was installed" rpm -q hsflowd-rs
rm -rf /var/cache/dnf
check "an older version" play -e hsflowd_rs_version=0.0.1
has 0.0.1
runs 20 4444
check "again" play -e hsflowd_rs_version=0.0.1
equal "nothing changes" "$changed" 0
sed -i 's/polling: 20/polling: 10/' vars.yml
agent=$(pid)
check "another setting" play
equal "is in force, and present is enough" "$(setting polling | awk '{print $3}') $(installed)" "10 0.0.1 0.0.1"
equal "by a reload" "$(pid)" "$agent"
check "the latest" play -e hsflowd_rs_package_state=latest
has "$version"
runs 10 4444
check "in check mode" play --check -e hsflowd_rs_package_state=latest
equal "nothing would change" "$changed" 0
check "removed, with the key" gone
sed -i 1d vars.yml
check "with files" play -e "{\"hsflowd_rs_package_files\": [$(printf '"%s",' /el/hsflowd-rs-*.rpm)]}"
has "$version"
check "removed" eval 'command dnf -y --quiet remove hsflowd-rs hsflowd-rs-policy && rm -rf /etc/hsflowd* /var/lib/hsflowd*'

# ---- Puppet
rpm --root=/ --import /el/somebody.asc # a package, too: Puppet's provider fails where rpm knows of one alone
run() { # settings of the class
  printf '%s\n' "class { 'hsflowd_rs':" "$@" "config => { 'polling' => 15, 'collector' => { 'ip' => '127.0.0.1' } }," 'manage_policy => true,' \
    "policy_config => { 'policy' => { 'good' => { 'direction' => 'in', 'protocol' => 'udp', 'destination_port' => 5555, 'action' => 'drop' } } } }" > site.pp
  apply_site
}
repository() { echo "rpm_repository => { 'baseurl' => 'file:///el/yum', 'gpgkey' => 'file:///el/$1' },"; }
refute "packages that another key has signed are refused" run "$(repository somebody.asc)"
refute "nothing was installed" rpm -q hsflowd-rs
rm -rf /var/cache/dnf
check "an older version" run "$(repository yum/hsflowd-rs.asc)" "ensure => '0.0.1',"
has 0.0.1
runs 15 5555
check "again" run "$(repository yum/hsflowd-rs.asc)" "ensure => '0.0.1',"
equal "something changes" "$changed" no
check "the latest" run "$(repository yum/hsflowd-rs.asc)" 'ensure => latest,'
has "$version"
runs 15 5555
[ $failures = 0 ] || journalctl -u 'hsflowd*' -o cat --no-pager | tail -n 40
finish
