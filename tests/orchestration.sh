#!/bin/bash
# orchestration.sh [ansible|puppet|el|dns]...: the Ansible role and the Puppet module, linted and applied, also with dnf and RPM
# packages, and the example of a DNS zone, served, each in a Debian of its own with systemd. Programs are those of $HSFLOW_BIN (default target/debug), put into packages for the test; or $HSFLOW_DEBS is a
# folder of packages. Prints PASS or FAIL of each, and of a failure everything. As root or with sudo.
set -eu
cd "$(dirname "$0")/.."
bin=${HSFLOW_BIN:-target/debug}
if [ "$(id -u)" != 0 ]; then exec sudo -E "$0" "$@"; fi
for p in hsflowd hsflowctl hsflowd-policy; do [ -x "$bin/$p" ] || { echo "orchestration: no $bin/$p, build it first" >&2; exit 2; }; done
tests/orchestration/build-image
[ $# -gt 0 ] || set -- ansible puppet el dns
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
chmod 755 "$work"; mkdir "$work/bin"
for p in hsflowd hsflowctl hsflowd-policy; do strip --strip-debug -o "$work/bin/$p" "$bin/$p"; done
folders=(-v "$PWD:/src" -v "$work/bin:/bin-under-test")
[ -z "${HSFLOW_DEBS:-}" ] || folders+=(-v "$(realpath "$HSFLOW_DEBS"):/debs")
case " $* " in *" el "*) tests/orchestration/rpm-repository "$work/bin" "$work/rpm"; folders+=(-v "$work/rpm:/el") ;; esac
failed=0
try() { # name
  local start=$SECONDS
  if timeout 1200 tests/orchestration/machine "${folders[@]}" /bin/bash "/src/tests/orchestration/$1.test.sh" > "$work/$1" 2>&1 < /dev/null; then
    echo "PASS orchestration/$1 ($((SECONDS - start)) s, $(grep -c '^ok ' "$work/$1") checks)"
  else
    cat "$work/$1"; echo "FAIL orchestration/$1 ($((SECONDS - start)) s)"; return 1
  fi
}
for name; do try "$name" & done
for name; do wait -n || failed=1; done
exit $failed
