# What the machine tests share. A test sources this file, calls `check` and friends, and ends with `finish`.
# Each check prints one line, "ok" or "FAIL"; a failed one does not end the test.
passed=0 failures=0
here=/src/tests/vm

result() { # status, what
  if [ "$1" = 0 ]; then echo "ok   $2"; passed=$((passed + 1)); else echo "FAIL $2"; failures=$((failures + 1)); fi
}
check() { # what, command...: the command succeeds
  local what=$1; shift
  "$@" >/tmp/check.out 2>&1; local status=$?
  result $status "$what"
  [ $status = 0 ] || sed 's/^/       /' /tmp/check.out
}
refute() { # what, command...: the command fails
  local what=$1; shift
  if "$@" >/tmp/check.out 2>&1; then result 1 "$what"; sed 's/^/       /' /tmp/check.out; else result 0 "$what"; fi
}
equal() { # what, got, wanted
  if [ "$2" = "$3" ]; then result 0 "$1: $2"; else result 1 "$1: got '$2', wanted '$3'"; fi
}
near() { # what, got, wanted, tolerance
  local off=$(($2 - $3))
  if [ "${off#-}" -le "$4" ]; then result 0 "$1: $2, wanted $3 +- $4"; else result 1 "$1: got $2, wanted $3 +- $4"; fi
}
within() { # seconds, what, command...: the command succeeds before the time is over; a machine that shares its processor has three times as long
  local end=$((SECONDS + 3 * $1)) what=$2; shift 2
  until "$@" >/tmp/check.out 2>&1; do
    [ $SECONDS -lt $end ] || { result 1 "$what"; sed 's/^/       /' /tmp/check.out; return 1; }
    sleep .1
  done
  result 0 "$what"
}
finish() {
  [ $failures = 0 ] || echo "$failures checks failed"
  exit $((failures > 0))
}

# The programs, the unit and what goes with it, as a package would put them; and what is asked of the unit.
install_service() {
  install -m 755 /bin-under-test/hsflowd /usr/sbin/
  install -m 755 /bin-under-test/hsflowctl /usr/bin/
  install -m 644 /src/systemd/hsflowd.service /lib/systemd/system/
  install -D -m 644 /src/systemd/hsflowd.sysusers /usr/lib/sysusers.d/hsflowd.conf
  install -D -m 644 /src/systemd/hsflowd.tmpfiles /usr/lib/tmpfiles.d/hsflowd.conf
  install -m 644 /src/etc/default/hsflowd /etc/default/
}
show() { systemctl show -P "$1" hsflowd; }
pid() { show MainPID; }
status() { awk -v k="$1:" '$1 == k {print $2}' "/proc/$(pid)/status"; }
all_sets() { for set in CapEff CapPrm CapInh CapAmb; do status $set; done | sort -u; }
auto() { sed -n "s/^$1=//p" /etc/hsflowd.auto; }
component() { hsflowctl status | grep -E "^component +$1 "; }
state() { component "$1" | grep -q "$2"; }
index() { cat "/sys/class/net/$1/ifindex"; }
anybody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; } # neither root nor the agent's user

# A collector that has nothing in common with the programs under test: $caught gets a JSON object a datagram.
caught=/tmp/caught
catch() { # port
  : > $caught
  python3 $here/sflow5.py "$1" >> $caught 2>/tmp/catch.err &
  disown
  within 20 "a collector listens on port $1" grep -q "listening" /tmp/catch.err
}
whole() { head -n "$(wc -l < $caught)" $caught; } # without a line that is being written
seen() { whole | jq -s -e "$1"; }       # a condition on the list of all datagrams caught so far
last() { whole | jq -s -r "[$1] | last"; } # the last of a stream of values, made from that list
host='[.[].samples[] | select(.source == "2:1")][]'   # all host samples

# Services as systemctl and the cgroup files tell of them: loaded, active, below system.slice, with processes.
wanted() {
  systemctl list-units --type=service --state=active --no-legend --plain | awk '$2 == "loaded" {print $1}' |
    xargs -d '\n' systemctl show -p Id -p ControlGroup | awk -F= '$1 == "ControlGroup" {g = $2} $1 == "Id" {u = $2} u && NF == 0 {print u, g; u = g = ""} END {print u, g}' |
    awk '$2 ~ "/system.slice/" {print "/sys/fs/cgroup" $2 "/cgroup.events"}' |
    xargs -d '\n' grep -lx 'populated 1' | sed 's,/cgroup.events$,,;s,.*/,,' | sort
}
