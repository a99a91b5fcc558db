# The example of a DNS zone, served by a real name server to an agent whose configuration nobody has edited. Run by
# tests/orchestration.sh.
. /src/tests/orchestration/lib.sh
exec 2>&1
zone=/src/etc/examples/dns-zone.example
check "the zone is whole" nsd-checkzone example.org $zone
printf '%s\n' 'server:' '  ip-address: 127.0.0.1' '  username: ""' '  zonesdir: ""' '  database: ""' '  pidfile: "/run/nsd.pid"' \
  '  xfrdfile: ""' 'remote-control:' '  control-enable: no' 'zone:' '  name: example.org' "  zonefile: $zone" > nsd.conf
nsd -d -c nsd.conf > nsd.log 2>&1 & disown
hear() { echo 'nameserver 127.0.0.1'; echo "search $*"; }
hear example.org > /etc/resolv.conf
make_repository
check "the agent is installed" eval "dpkg -i repo/hsflowd-rs_*.deb"
within 30 "it has its collectors from the zone" eval 'setting collector.2.ip | grep -q collector2.example.org'
equal "both, and the rates" "$(for k in collector.1.ip collector.1.udpport collector.2.ip polling sampling sampling.10G agent.cidr; do
  setting "$k" | awk '{print $3}'; done | xargs)" 'collector1.example.org 6343 collector2.example.org 20 1000 20000 10.0.0.0/8'
refute "no record is complained of" eval 'hsflowctl status | grep -E "^component +dns-sd" | grep -v running'

# ---- the other site's hosts
hear site2.example.org example.org > /etc/resolv.conf
check "a host of the other site" hsflowctl reload
within 30 "has another collector" eval 'setting collector.1.ip | grep -q collector.site2.example.org'
equal "and its rate" "$(setting polling | awk '{print $3}')" 60
[ $failures = 0 ] || { cat nsd.log; hsflowctl status; hsflowctl config show; }
finish
