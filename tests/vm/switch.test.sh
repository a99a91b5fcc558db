# A switch of 64 ports made of taps, with a simulated chip beside it for its traps: every port counted and sampled at the rate
# of its speed, through breakouts, flaps, changes of speed and a reload of the chip, without a restart of the agent. It runs as
# nobody with the two capabilities that it needs. Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1   # what nobody sends is not counted
ip link set lo up
mkfifo /tmp/asic.in /tmp/asic.out
asic() { echo "$*" > /tmp/asic.in; local answer; read -r answer < /tmp/asic.out; [ "$answer" = ok ] || { result 1 "asic: $answer"; return 1; }; }
power_on() { # the chip's driver and the ports: 16 of each speed
  modprobe netdevsim; modprobe tun
  python3 $here/asic.py /tmp/asic.in /tmp/asic.out & asic=$!; disown
  for n in $(seq 64); do asic add swp$n "$(speed $n)"; done
  echo "1 2" > /sys/bus/netdevsim/new_device
  for port in $(ls /sys/bus/netdevsim/devices/netdevsim1/net); do ip link set "$port" up; done
}
speed() { case $((($1 - 1) / 16)) in 0) echo 1000 ;; 1) echo 10000 ;; 2) echo 25000 ;; 3) echo 100000 ;; esac; }
# one in the speed in Mb/s; but in the short run one in a hundredth of that
share=100; frames=3000; [ -z "${HSFLOW_LONG:-}" ] || { share=1; frames=50000; }
rate() { echo $(($1 / share)); }
rates=$(for s in 1 10 25 100; do echo "sampling.${s}G = $(rate ${s}000)"; done)
[ $share != 1 ] || rates=   # those of the speed itself
ports() { ls /sys/class/net | grep '^swp'; }
shown() { for p in "$@"; do echo "filter show dev $p ingress"; done | tc -batch -; }

mkdir -m 777 /tmp/agent
echo "sflow { polling = 3 agentIP = 192.0.2.1 collector { ip = 127.0.0.1 udpport = 6343 } $rates
  dent { } dropmon { sw = off rn = off limit = 1000 } }" > /tmp/agent/conf
check "the file is fine" /bin-under-test/hsflowctl check /tmp/agent/conf
catch 6343
power_on
caps=+net_admin,+sys_admin
setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,$caps --ambient-caps=$caps --bounding-set=-all,$caps \
  /bin-under-test/hsflowd -d -f /tmp/agent/conf -o /tmp/agent/auto --socket /tmp/agent/socket 2>/tmp/agent/log &
agent=$!; disown
ctl() { local verb=$1; shift; /bin-under-test/hsflowctl "$verb" "$@" --socket /tmp/agent/socket; }
reads() { ctl status | grep "^component  $1 " | grep -q "$2"; }
# shellcheck disable=SC2046
filters() { shown $(ports) | grep -c 'action order 1: sample'; }
sampled_ports() { [ "$(filters)" = "$1" ]; }
settled() { local n=-1 m; while m=$(grep -o '"tag": 3' $caught | wc -l); [ "$m" != $n ]; do n=$m; sleep 1; done; }
of() { echo "[.[].samples[] | select(.source == \"0:$(index "$1")\" and .tag == $2)]"; }
at_their_rates() { # what, ports: the last samples of what is settled may wait for their turn of the processor
  local what=$1; shift; within 20 "$what" python3 $here/sampled.py $caught $frames $share "$@"; echo "# $(tail -n 1 /tmp/check.out)"
}

# ---- all ports
within 30 "every port has one filter" sampled_ports 64 || { ctl status; cat /tmp/agent/log; }
within 20 "the packets of tc are heard" reads psample running
: > $caught; asic send-all $frames; settled
# shellcheck disable=SC2046  # names
at_their_rates "64 ports, each at its rate" $(ports)
within 20 "the counters of each are those of the kernel" python3 $here/interfaces.py $caught $(ls /sys/class/net | grep -v '^swp')
: > $caught
polled() { # every port has so many counter samples, the last of them 3 s apart by the agent's own clock
  seen "[.[] | .uptime as \$t | .samples[] | select(.tag == 4 and .source != \"2:1\") | [.source, \$t]] | group_by(.[0]) |
    length == $(ports | wc -l) and all(.[]; length >= $1 and ([.[-$1:][][1]] | [.[1:], .[:-1]] | transpose | all(.[]; (.[0] - .[1]) as \$d | \$d > 1500 and \$d < 4500)))"
}
within 40 "each port's counters come each interval" polled 3

# ---- breakout: a port of 100 Gb/s becomes four
asic del swp64
for n in 0 1 2 3; do asic add swp64s$n 25000; done
within 20 "the four are sampled" sampled_ports 67
: > $caught
for n in 0 1 2 3; do asic send swp64s$n $frames; done; settled
at_their_rates "at the rate of their speed" swp64s0 swp64s1 swp64s2 swp64s3
for n in 0 1 2 3; do asic del swp64s$n; done; asic add swp64 100000
within 20 "and back" sampled_ports 64

# ---- a cable that is pulled, again and again; a speed that changes
for _ in $(seq 20); do asic link swp2 0; asic link swp2 1; done
asic link swp5 0
within 20 "no link is told" seen "$(of swp5 4) | last.records[\"1\"].ifStatus == 1"
asic link swp5 1
within 20 "and link again" seen "$(of swp5 4) | last.records[\"1\"].ifStatus == 3"
asic speed swp3 100000
within 20 "the rate follows the speed" eval "shown swp3 | grep -q '1/$(rate 100000) '"
equal "in place: one filter" "$(shown swp3 | grep -c 'action order')" 1
: > $caught
for p in swp2 swp3 swp5; do asic send $p $frames; done; settled
at_their_rates "all three go on" swp2 swp3 swp5
check "which is explained" eval 'ctl explain interface swp3 | grep -q "1 in '"$(rate 100000)"'"'

# ---- what the chip drops
within 20 "its traps are heard" reads dropmon running
devlink trap set netdevsim/netdevsim1 trap blackhole_route action trap
within 20 "a drop has its trap and code" seen '[.[].samples[] | select(.tag == 5)] | any(.reason == 269 and .records["1041"] == ["l3_drops", "blackhole_route"])'

# ---- warm reboot of the chip: its driver, all ports and the kernel's sampling are gone, and come again
kill -9 $asic
all_gone() { [ -z "$(ports)" ]; }
within 10 "all ports are gone" all_gone
echo 1 > /sys/bus/netdevsim/del_device
for module in act_sample netdevsim psample cls_matchall tun; do within 10 "$module is unloaded" eval "rmmod $module || ! grep -q '^$module ' /proc/modules"; done
within 10 "the agent says that nobody samples" reads psample CTRL_CMD_GETFAMILY
power_on
within 60 "every port has its filter again" sampled_ports 64
within 20 "they are heard again" reads psample running
: > $caught; asic send-all $frames; settled
# shellcheck disable=SC2046
at_their_rates "each at its rate" $(ports)
within 40 "and counted" polled 2
check "by the same process" kill -0 $agent
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'

# ---- the end leaves the ports as they were
kill -TERM $agent
within 20 "the agent ends" eval "! kill -0 $agent 2>/dev/null"
equal "filters left" "$(filters)" 0
equal "qdiscs left" "$(tc qdisc show | grep -c clsact)" 0
sed 's/^/# /' /tmp/agent/log
finish
