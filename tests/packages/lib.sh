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
# Runs the generators in this folder as systemd does, and says where what they made is.
generated() {
  local to; to=$(mktemp -d /tmp/generated.XXXXXX)
  for g in "$1"/hsflowd-rs*; do "$g" "$to" "$to" "$to"; done
  echo "$to"
}
# Whether this user gets the agent's name on a system bus that has the policies installed here.
has_name() {
  local bus=/tmp/bus
  mkdir -p /run/dbus
  dbus-daemon --system --nopidfile --nosyslog --fork --print-pid --address=unix:path=$bus > $bus.pid || return 2
  setpriv --reuid "$1" --clear-groups busctl --address=unix:path=$bus call org.freedesktop.DBus / org.freedesktop.DBus RequestName su net.sflow.hsflowd 0
  local got=$?
  kill "$(cat $bus.pid)"; rm -f $bus $bus.pid
  return $got
}
mine="sflow { polling = 17 collector { ip = 192.0.2.77 } } # mine"
# What hsflowctl privileges --apply leaves on a host without the generator, and beside it a file that an administrator wrote under
# the same name. The second stays.
apply_by_hand() { # folder of the generator
  mv "$1/hsflowd-rs" /tmp/generator
  hsflowctl privileges --apply
  mv /tmp/generator "$1/hsflowd-rs"
  mkdir -p /etc/systemd/system/ovsdb-server.service.d; echo "# somebody's" > $theirs
  test -s $applied
}
applied=/etc/systemd/system/hsflowd.service.d/00-hsflowd-privileges.conf
theirs=/etc/systemd/system/ovsdb-server.service.d/00-hsflowd-privileges.conf
