# What the tests of orchestration share, in the machine: checks as in tests/vm/lib.sh, packages in a signed repository, a run of
# either tool, and what it is held to.
. /src/tests/vm/lib.sh
cd /tmp || exit 1

# The packages under test: those in /debs, or the least that holds the programs, the units and what goes with them.
package() { # name, version, then depends: from the files below /tmp/stage
  mkdir -p /tmp/stage/DEBIAN /tmp/repo
  (cd /tmp/stage && find etc -type f 2>/dev/null | sed 's,^,/,' > DEBIAN/conffiles)
  printf '%s\n' "Package: $1" "Version: $2" "Architecture: amd64" "Maintainer: nobody <nobody@example.org>" \
    ${3:+"Depends: $3"} "Description: $1 under test" > /tmp/stage/DEBIAN/control
  chmod 755 /tmp/stage/DEBIAN/postinst
  dpkg-deb --root-owner-group -Znone --build /tmp/stage /tmp/repo/ >/dev/null
  rm -r /tmp/stage
}
make_packages() { # version
  local s=/tmp/stage
  install -D -m 755 /bin-under-test/hsflowd $s/usr/sbin/hsflowd
  install -D -m 755 /bin-under-test/hsflowctl $s/usr/bin/hsflowctl
  install -D -m 644 /src/systemd/hsflowd.service $s/lib/systemd/system/hsflowd.service
  install -D -m 644 /src/systemd/hsflowd.sysusers $s/usr/lib/sysusers.d/hsflowd.conf
  install -D -m 644 /src/systemd/hsflowd.tmpfiles $s/usr/lib/tmpfiles.d/hsflowd.conf
  install -D -m 644 /src/etc/default/hsflowd $s/etc/default/hsflowd
  mkdir -p $s/usr/share/hsflowd-rs/drop-ins $s/DEBIAN; install -m 644 /src/systemd/*.conf $s/usr/share/hsflowd-rs/drop-ins/
  echo 'sflow { dns-sd { } pcap { physical = on } }' > $s/etc/hsflowd.conf
  printf '%s\n' '#!/bin/sh' 'set -e' 'systemd-sysusers hsflowd.conf' 'systemd-tmpfiles --create hsflowd.conf || true' \
    'systemctl daemon-reload' 'systemctl enable hsflowd' 'systemctl restart hsflowd' > $s/DEBIAN/postinst
  package hsflowd-rs "$1"
  install -D -m 755 /bin-under-test/hsflowd-policy $s/usr/sbin/hsflowd-policy
  install -D -m 755 /bin-under-test/hsflowd-policy $s/usr/lib/hsflowd/hsflowd-policy-expire
  mkdir -p $s/lib/systemd/system $s/DEBIAN $s/etc/hsflowd
  install -m 644 /src/systemd/hsflowd-policy.service /src/systemd/hsflowd-policy-expire.{service,timer} $s/lib/systemd/system/
  install -D -m 644 /src/systemd/hsflowd-policy.sysusers $s/usr/lib/sysusers.d/hsflowd-policy.conf
  install -D -m 644 /src/systemd/hsflowd-policy.tmpfiles $s/usr/lib/tmpfiles.d/hsflowd-policy.conf
  install -m 644 /src/etc/policy.toml $s/etc/hsflowd/policy.toml
  printf '%s\n' '#!/bin/sh' 'set -e' 'systemd-sysusers hsflowd-policy.conf' 'systemd-tmpfiles --create hsflowd-policy.conf || true' \
    'systemctl daemon-reload' > $s/DEBIAN/postinst
  package hsflowd-rs-policy "$1" hsflowd-rs
}
make_repository() { # the key lies in /tmp/repo.asc
  if [ -d /debs ]; then mkdir -p /tmp/repo; cp /debs/*.deb /tmp/repo/; else make_packages 0.1.0-1; fi
  export GNUPGHOME=/tmp/gnupg; mkdir -m 700 -p $GNUPGHOME
  gpg --batch --quiet --passphrase '' --quick-generate-key 'test <test@example.org>' ed25519 sign never
  gpg --armor --export > /tmp/repo.asc
  (cd /tmp/repo && apt-ftparchive packages . > Packages && apt-ftparchive release . > /tmp/Release &&
    gpg --batch --quiet --clearsign -o InRelease /tmp/Release)
}

# What derives units from configurations: a group for `tcp`, and one for policies with `netns`. The agent's is derived as soon as
# its file is written, as a path unit would have it.
make_generator() {
  mkdir -p /etc/systemd/system-generators
  cat > /etc/systemd/system-generators/trial <<'GENERATOR'
#!/bin/sh
give() { mkdir -p "$1"; printf '[Service]\nSupplementaryGroups=adm\n' > "$1/trial.conf"; }
! grep -q 'tcp {' /etc/hsflowd.conf || give "$1/hsflowd.service.d"
! grep -q netns /etc/hsflowd/policy.toml || give "$1/hsflowd-policy.service.d"
GENERATOR
  chmod 755 /etc/systemd/system-generators/trial
  printf '[Path]\nPathChanged=/etc/hsflowd.conf\n' > /etc/systemd/system/trial.path
  printf '[Service]\nType=oneshot\nExecStart=systemctl daemon-reload\n' > /etc/systemd/system/trial.service
  systemctl daemon-reload; systemctl start trial.path
}
has_adm() { grep -qE '^Groups:.*\b4\b' "/proc/$1/status"; }

# Both lists have every drop-in that the packages have.
every_drop_in() { # files that name them
  local file name; for file in /src/systemd/*.conf; do name=${file##*/} name=${name%.conf}
    for list; do grep -q -e "[- '{]$name[',]" -e "- $name\$" "$list" || { echo "$list: no $name"; return 1; }; done
  done
}

# The role on this host, which $ANSIBLE_ROLES_PATH has; $changed says how much a run changed.
export ANSIBLE_NOCOLOR=1 ANSIBLE_PIPELINING=1
cat > site.yml <<'YAML'
- hosts: all
  connection: local
  gather_subset: ["!all", min, pkg_mgr]
  vars: {ansible_python_interpreter: /usr/bin/python3}
  roles: [hsflowd_rs]
YAML
play_site() { # options
  ${oldest:-}ansible-playbook -i localhost, site.yml "$@" > play.log 2>&1; local status=$?
  changed=$(sed -n 's/.* changed=\([0-9]*\) .*/\1/p' play.log)
  [ $status = 0 ] || grep -B 2 -A 12 -e '^fatal' -e '^\[ERROR\]' -e 'FAILED' play.log
  return $status
}
# The class in site.pp on this host; $changed says whether a run changed something: it is good either way.
modules=/src/orchestration/puppet
apply_site() { # options
  puppet apply --color=false --modulepath $modules --detailed-exitcodes "$@" site.pp > run.log 2>&1; local status=$?
  changed=$([ $status = 2 ] && echo yes || echo no)
  case $status in 0|2) ;; *) cat run.log; return 1 ;; esac
}

# All that a run might change. Logs, run-time files and what the tools keep for themselves are not the host's settings.
snapshot() {
  find /etc /usr /lib/systemd /var/lib/hsflowd-policy /var/lib/dpkg /var/cache/hsflowd-rs -type f,l -printf '%p %m %u %s %T@ %l\n' 2>/dev/null |
    grep -v -e __pycache__ -e '^/etc/puppet/' -e '/opt/ansible/' | sort
}
untouched() { snapshot > /tmp/after; diff /tmp/before /tmp/after; }
setting() { hsflowctl config show | grep -E "^ *$1 "; }
policy_pid() { systemctl show -P MainPID hsflowd-policy; }
rule() { iptables-save | grep -q -- "--dport $1"; }
