# Transceivers of a simulated switch: what they measure is what ethtool reads, a broken one is told once, another module is
# seen when the link changes, and the chip may go and come back. No machine here has a transceiver: a preloaded library
# answers for the bus (tests/optics/module.c), everything else is the kernel's. The agent runs as nobody with CAP_NET_ADMIN
# alone. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up
modules=/src/tests/fixtures/optics
mkdir -m 777 /tmp/agent /tmp/cages
cat > /tmp/agent/conf <<'CONF'
sflow { polling = 1 agentIP = 192.0.2.1 collector { ip = 127.0.0.1 } cumulus { } }
CONF
start() { # environment...: an agent
  setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_admin --ambient-caps=+net_admin --bounding-set=-all,+net_admin \
    env "$@" /bin-under-test/hsflowd -d -f /tmp/agent/conf -o /tmp/agent/auto --socket /tmp/agent/socket 2>/tmp/agent/log &
  agent=$!
}
component() { /bin-under-test/hsflowctl status --socket /tmp/agent/socket | grep -E "^component +optics "; }
is() { component | grep -qE "$1"; }
explains() { /bin-under-test/hsflowctl explain interface "$1" --socket /tmp/agent/socket | grep -qF "$2"; }
chip() { # ports: a switch chip, its ports named as Cumulus names them, all up
  local n=1 port
  echo "1 $1" > /sys/bus/netdevsim/new_device
  udevadm settle
  for port in $(ls /sys/bus/netdevsim/devices/netdevsim1/net | sort -V); do
    plug "$port" "$((n == 1))"; ip link set "$port" name swp$n && ip link set swp$n up; n=$((n + 1))
  done
}
plug() { # port, module: 1 for an SFP, or a fixture
  case $2 in 0) ;; 1) cp $modules/sfp-sr.txt "/tmp/cages/$(index "$1")" ;; *) cp "$modules/$2.txt" "/tmp/cages/$(index "$1")" ;; esac
}
records() { echo "[.[].samples[] | select(.tag == 4 and .source == \"0:$(index "$1")\") | .records]"; }
newest() { whole | tail -n 40 | jq -s -r "$(records "$1") | last | $2"; }
newest_is() { [ "$(newest "$1" "$2")" = "$3" ]; }

modprobe netdevsim
chip 3
plug swp2 sfp-garbled
catch 6343

# ---- what the kernel itself says: netdevsim has no transceivers
start A=b
within 60 "a driver without transceivers is no fault" is 'unavailable.*no driver'
within 60 "and explained" explains swp1 "its driver reads no transceivers"
within 20 "the port sends its counters" seen "$(records swp1) | length > 1 and all(has(\"10\") or has(\"11\") | not)"
kill $agent; wait $agent

# ---- with transceivers: a good one, a garbled one, an empty cage
: > $caught
start LD_PRELOAD=/bin-under-test/module.so MODULE=/tmp/cages
within 60 "the light of a port comes with its counters" newest_is swp1 '.["10"].lanes' 1
theirs() { LD_PRELOAD=/bin-under-test/module.so MODULE=/tmp/cages ethtool -m "$1" | awk -F ' : ' -v w="$2" 'index($1, w) {printf "%.0f\n", $2 * 1000; exit}'; }
equal "bias as ethtool reads it" "$(newest swp1 '.["10"].list[0].bias')" "$(theirs swp1 'Laser bias current')"
equal "light that leaves" "$(newest swp1 '.["10"].list[0].tx')" "$(theirs swp1 'Laser output power')"
equal "light that arrives" "$(newest swp1 '.["10"].list[0].rx')" "$(theirs swp1 'Receiver signal average')"
equal "voltage" "$(newest swp1 '.["10"].voltage')" "$(theirs swp1 'Module voltage')"
near "temperature" "$(newest swp1 '.["10"].temperature')" "$(theirs swp1 'Module temperature')" 5
equal "whose it is" "$(newest swp1 '.["10"].module')" "$(index swp1)"
within 60 "two ports have none to be read" is 'DEGRADED.*swp[23], swp[23]; see hsflowctl explain interface swp'
check "why, of the garbled one" explains swp2 "checksum CC_BASE is"
check "why, of the empty cage" explains swp3 "its lower memory: Input/output error"
check "what, of the good one" explains swp1 "1 lane, 35.3 °C, 2 µW received"
within 20 "their counters go on without" seen "$(records swp2) | length > 1 and all(has(\"10\") | not)"

# ---- another module, noticed with the link
plug swp1 qsfp28-ir4; plug swp2 cmis-16
for l in swp1 swp2; do ip link set $l down; ip link set $l up; done
within 60 "a QSFP28 has four lanes" newest_is swp1 '.["10"].lanes' 4
within 60 "an OSFP of two banks sixteen" newest_is swp2 '.["10"].list[15].index' 16
within 60 "the last one's light" newest_is swp2 '.["10"].list[15].rx' "$(theirs swp2 'Receiver signal OMA (Channel 16)')"
equal "each fault was logged once" "$(grep -c 'the transceiver of swp' /tmp/agent/log)" 2

# ---- the chip goes, and comes back
echo 1 > /sys/bus/netdevsim/del_device
rm -f /tmp/cages/*
within 60 "no port, no state" eval '! component'
chip 2
within 60 "a new port has the light of its own module" newest_is swp1 '.["10"].module' "$(index swp1)"
equal "a chip that goes is no error" "$(grep -cE 'the transceiver of swp' /tmp/agent/log)" 3

# ---- off by the configuration
sed -i 's/cumulus/optics = off cumulus/' /tmp/agent/conf
kill -HUP $agent
within 60 "switched off, there is no component" eval '! component'
lacks() { newest swp1 'has("10")' | grep -q false; }
within 60 "nor a record" lacks
kill $agent
within 10 "the agent ends" eval "! kill -0 $agent"
finish
