# What the tests in a copy of this system share. In: $1, the folder with packages.
. tests/vm/lib.sh
work=$1
exec 2>&1 </dev/null # nobody answers questions
conf=/etc/hsflowd.conf
rm -f /var/lib/man-db/auto-update # its index after each installation is most of the time
deb() { echo "$work"/deb/"$1"_*.deb; }
# Files that are not as they were, but for those that the packages' own tools keep.
files() {
  find /.changed ! -type d -printf '/%P\n' | sort |
    grep -vE '^/(var/lib/(man-db|dpkg|rpm|apt|systemd/deb-systemd-helper.*)|var/cache|var/log|tmp|root|run)/|^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|^/etc/.pwd.lock$'
}
users() { getent passwd | cut -d: -f1,6,7; }
mine="sflow { polling = 17 collector { ip = 192.0.2.77 } } # mine"
