#!/bin/bash
# packages.sh [--quick] [PROGRAMS]: makes the packages of these programs (default: those of target/debug) and tries them: what
# they contain, what lintian and rpmlint say, that two builds are the same, that dpkg, apt, rpm and dnf install, upgrade, take
# over and remove them. Installs into a copy of this system that vanishes, in namespaces of its own. As root.
# --quick: made once, looked through, installed and purged by dpkg. UPDATE_GOLDEN=1 rewrites tests/packages/contents.
set -u
cd "$(dirname "$0")/.."
. tests/vm/lib.sh
quick=; [ "${1:-}" != --quick ] || { quick=yes; shift; }
given=${1:-target/debug}
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
export HSFLOW_XZ=0 GNUPGHOME=$work/gnupg
die() { echo "packages.sh: $*" >&2; exit 2; }
[ "$(id -u)" = 0 ] || exec sudo -E "$0" ${quick:+--quick} "$@"

# ---- made, quickly: without what only debuggers read
mkdir "$work/programs"
for p in hsflowd hsflowctl hsflowd-policy hsflowd-libvirt; do
  [ -x "$given/$p" ] || { [ $p = hsflowd-libvirt ] && continue; die "no $given/$p, build it first"; }
  strip --strip-debug -o "$work/programs/$p" "$given/$p"
done
export DEB_BUILD_OPTIONS=noautodbgsym
made() { # programs, out: packages of both kinds, side by side
  packaging/deb "$1" "$2/deb" & local deb=$! both=0
  packaging/rpm "$1" "$2/rpm" || both=1
  wait $deb && return $both
}
again() { (umask 077; TZ=Asia/Tokyo LC_ALL=C made "$work/programs" "$work/again"); }
older() { HSFLOW_VERSION=0.0.1 made "$work/programs" "$work/older" && mkdir "$work/old" && mv "$work"/older/*/* "$work/old/"; }
check "Debian and RPM packages are made" made "$work/programs" "$work"
if [ ! "$quick" ]; then
  check "of an older version too" older
  check "another time" again
  same() { for f in "$work"/deb/*.deb "$work"/rpm/*.rpm; do cmp "$f" "$work/again/${f#"$work"/}" || return 1; done; }
  check "two builds are the same, whatever the time, the zone and the umask" same
fi
equal "packages" "$(cd "$work" && ls deb/*.deb rpm/*.rpm | wc -l)" $((2 * $(ls "$work/programs" | wc -l) - 2))

# ---- what they contain
contents() {
  for f in "$work"/deb/*.deb; do
    dpkg-deb -c "$f" | awk -v p="$(dpkg-deb -f "$f" Package)" '$6 !~ "/$" {sub("^[.]", "", $6); print p, $1, $2, $6}'
  done
}
[ -z "${UPDATE_GOLDEN:-}" ] || contents > tests/packages/contents
check "the files, their owners and modes are those of tests/packages/contents" diff <(contents | grep -v '^hsflowd-rs-libvirt') <(grep -v '^hsflowd-rs-libvirt' tests/packages/contents)
# the distributions' own places and formats
alike() { sed -E 's,^/usr/lib/systemd/(system|system-generators)/,/lib/systemd/\1/,; s,/zsh/site-functions/,/zsh/vendor-completions/,; s,\.gz$,,' | grep -vE '^/usr/share/(licenses|doc)/|^/etc/hsflowd/policy.d$' | sort; }
check "the RPM packages have the same files" diff <(contents | awk '{print $4}' | alike) <(rpm -qlp --nosignature "$work"/rpm/*.rpm | while read -r f; do echo "$f"; done | grep -vxE '/etc/hsflowd|/usr/lib/systemd/system/paths.target.wants|/usr/(lib|libexec)/hsflowd|/usr/share/hsflowd-rs(/drop-ins)?' | alike)
named() { sed -n 's/^Exec[A-Za-z]*=[-+!@]*\([^ ]*hsflow[^ ]*\).*/\1/p' systemd/*.service | sort -u; }
for f in $(named); do check "a unit runs $f, which is there" eval "contents | grep -q ' $f$'"; done
equal "programs that units run" "$(named | wc -l)" 4
check "the agent's package says the same when it saves a configuration as what it ships" diff packaging/hsflowd.conf \
  <(dpkg-deb --ctrl-tarfile "$work"/deb/hsflowd-rs_*.deb | tar -xO ./preinst | sed -n "/<<-'END_OF_CONF'/,/^END_OF_CONF/p" | sed '1d;$d')
equal "it asks for no newer glibc than its programs do" "$(dpkg-deb -f "$work"/deb/hsflowd-rs_*.deb Depends | grep -o 'libc6.*')" "libc6 (>= $(packaging/glibc -r "$work"/programs/*))"
refute "a glibc that is too old is noticed" packaging/glibc 2.3 "$work/programs/hsflowd"
check "all dependencies have terms that Debian and Fedora accept" packaging/licences check
# what they offer is tried by tests/completions.rs
for f in packaging/completions/*; do
  case $f in *.bash) shell=bash ;; *.fish) shell=fish ;; *) shell=zsh ;; esac
  check "$shell takes ${f##*/}" $shell -n "$f"
done

# ---- what others say of them
quiet() { "$@" > "$work/said" 2>&1; ! grep -E '(^|: )[EW]: ' "$work/said" | grep -v enchant; }
check "lintian has neither errors nor warnings" quiet lintian --allow-root "$work"/deb/*.changes
check "and has seen them" eval 'lintian --allow-root -I "$work"/deb/*.changes | grep -q hardening-no-fortify'
if rpmlint=$(tests/packages/rpmlint); then
  check "rpmlint has neither errors nor warnings" quiet "$rpmlint" -c packaging/rpmlint.toml "$work"/rpm/*.rpm
  check "and has seen them" grep -qE "^ *$(ls "$work"/rpm/*.rpm | wc -l) packages and 0 specfiles checked" "$work/said"
else
  echo "SKIP rpmlint: PyPI cannot be reached"
fi

# ---- the signed repository
signed() {
  mkdir -m 700 "$GNUPGHOME"
  gpg --batch --quiet --passphrase '' --quick-generate-key 'packages <packages@example.org>' ed25519 sign never 2>/dev/null
  check "the repository is made" packaging/apt "$work/repository" packages@example.org "$work"/old/*.deb
  check "and gets a new version" packaging/apt "$work/repository" packages@example.org "$work"/deb/*.deb
  equal "which has both" "$(grep -c '^Package: hsflowd-rs$' "$work"/repository/dists/stable/main/binary-*/Packages)" 2
  cp "$work"/old/hsflowd-rs_*.deb "$work/other"; echo >> "$work/other"; mkdir "$work/forged"; mv "$work/other" "$work/forged/$(cd "$work/old" && echo hsflowd-rs_*.deb)"
  refute "another content for a version that is there is refused" packaging/apt "$work/repository" packages@example.org "$work"/forged/*.deb
  # the same for RPM; its key is of the kind that the oldest rpm knows
  gpg --batch --quiet --passphrase '' --quick-generate-key 'rpm <rpm@example.org>' rsa3072 sign never 2>/dev/null
  mkdir "$work/forged-rpm"; cp "$work"/rpm/hsflowd-rs-policy-*.rpm "$work/forged-rpm/$(cd "$work/old" && echo hsflowd-rs-policy-0.0.1-*.rpm)"
  check "the repository for rpm systems is made" packaging/yum "$work/yum" rpm@example.org "$work"/old/*.rpm
  check "and gets a new version" packaging/yum "$work/yum" rpm@example.org "$work"/rpm/*.rpm
  check "once more changes no package" eval 'before=$(sha256sum "$work"/yum/packages/*) && packaging/yum "$work/yum" rpm@example.org "$work"/rpm/*.rpm && [ "$before" = "$(sha256sum "$work"/yum/packages/*)" ]'
  refute "another content for a version that is there is refused" packaging/yum "$work/yum" rpm@example.org "$work"/forged-rpm/*.rpm
  check "a stand-in for a distribution" tests/packages/distribution "$work" "$work"/rpm/*.rpm "$work"/old/*.rpm
  tests/packages/c-agent deb "$work"; tests/packages/c-agent rpm "$work"
  gpgconf --kill all
}
[ "$quick" ] || signed

# ---- each in a copy of this system that vanishes, side by side
tools="dpkg apt rpm dnf container"
[ ! "$quick" ] || tools=dpkg
export HSFLOW_QUICK=$quick
for tool in $tools; do
  # a folder of its own for each, in which it makes its copy
  mkdir "$work/of-$tool"
  (unshare --mount --net --pid --fork --mount-proc tests/packages/away "$work" "$work/of-$tool" bash "tests/packages/$tool.test.sh" "$work" > "$work/of-$tool.log" 2>&1
   echo $? > "$work/of-$tool.status") &
done
wait
for tool in $tools; do
  echo "# $tool"; cat "$work/of-$tool.log"
  passed=$((passed + $(grep -c '^ok ' "$work/of-$tool.log")))
  [ "$(cat "$work/of-$tool.status")" = 0 ] || failures=$((failures + 1))
done
echo "packages: $passed checks passed"
finish
