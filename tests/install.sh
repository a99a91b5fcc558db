#!/bin/bash
# install.sh build|test|packages|vm|orchestration ...: Debian packages that the named steps need, only those that are absent.
# As root, or with sudo. Needs no network when nothing is missing.
set -eu
rust=1.95   # Cargo.toml's rust-version

build="gcc libc6-dev make ca-certificates"
# collectors and analysers that read our datagrams; engines whose containers are watched; g++ is for libFuzzer; the rest is asked about by tests
test="dbus-daemon dnsmasq-base docker.io containerd containernetworking-plugins podman runc busybox-static nftables iptables ipset nfdump-sflow pmacct tshark ethtool iproute2 util-linux procps strace man-db groff-base jq python3 g++"
# what the feature libvirt is built with, and a libvirtd with guests to try it on
test="$test libvirt-dev pkgconf libvirt-daemon libvirt-clients qemu-system-x86"
# an Open vSwitch on which sFlow is set up, and hosts around it
test="$test openvswitch-switch mininet"
# systemd's own judgement of the units
test="$test systemd"
# a clock that is set for one program alone
test="$test faketime"
# what fills a link that is shaped
test="$test iperf3"
# what asks the agent for metrics, and checks their names; a second reader of OpenMetrics; what calls it on a bus
test="$test prometheus python3-prometheus-client libglib2.0-bin"
# a terminal and a browser, in which top and web are looked at
test="$test tmux chromium chromium-driver"
# what packages are made, signed and looked through with; programs for another machine are stripped by its own binutils
packages="debhelper dpkg-dev lintian rpm apt-utils gpg gpg-agent gpgv xz-utils binutils binutils-aarch64-linux-gnu binutils-x86-64-linux-gnu python3 python3-venv python3-rpm systemd createrepo-c dnf"
# shells that take the completions; what runs programs of the other machine, with its C library
packages="$packages zsh fish qemu-user-static libc6-arm64-cross"
# tools that put a guest together, and QEMU
vm="mmdebstrap e2fsprogs qemu-system-x86 gcc-12 make binutils cpio kmod xz-utils python3 jq debhelper dpkg-dev apt-utils gpg gpg-agent"

# the root in which Ansible and Puppet are tried; both are installed there, not here
orchestration="mmdebstrap util-linux iproute2 binutils binutils-x86-64-linux-gnu rpm createrepo-c gpg gpg-agent"

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
rust_is_new_enough() {
  local have; have=$(cargo --version 2>/dev/null) || return 1
  have=${have#cargo }
  [ "$(printf '%s\n' $rust "${have%% *}" | sort -V | head -n 1)" = $rust ]
}

wanted=
for step; do
  case $step in
    build) wanted="$wanted $build"; rust_is_new_enough || wanted="$wanted cargo-web rustc-web" ;;
    test) wanted="$wanted $test"; if installed cargo-web; then wanted="$wanted rustfmt-web rust-web-clippy"; fi ;;
    packages) wanted="$wanted $packages" ;;
    vm) wanted="$wanted $vm" ;;
    orchestration) wanted="$wanted $orchestration" ;;
    *) echo "usage: $0 build|test|packages|vm|orchestration ..." >&2; exit 2 ;;
  esac
done
missing=
for p in $wanted; do installed "$p" || missing="$missing $p"; done
[ -n "$missing" ] || exit 0
case $missing in *cargo-web*) if command -v rustup >/dev/null; then
  echo "install.sh: the toolchain is older than $rust, and it is rustup's to renew: rustup update stable" >&2; exit 1
fi ;; esac

command -v apt-get >/dev/null || { echo "install.sh: not a Debian system; please install:$missing" >&2; exit 1; }
root=
[ "$(id -u)" = 0 ] || { command -v sudo >/dev/null || { echo "install.sh: as root, please: apt-get install$missing" >&2; exit 1; }; root=sudo; }
apt() { $root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >/dev/null; }
echo "install.sh: installing$missing"
apt update || apt update
case $missing in *tshark*) # capturing as an ordinary user is not wanted, and nobody is there to answer
  echo wireshark-common wireshark-common/install-setuid boolean false | $root debconf-set-selections ;; esac
# shellcheck disable=SC2086  # a list of words
apt install -y --no-install-recommends $missing || { apt update; apt install -y --no-install-recommends $missing; }
