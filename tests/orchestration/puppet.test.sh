# The Puppet module, applied to a Debian with systemd. Run by tests/orchestration.sh.
. /src/tests/orchestration/lib.sh
exec 2>&1
module=$modules/hsflowd_rs
check "puppet-lint finds nothing" puppet-lint --fail-on-warnings $module
check "the manifests are valid" puppet parser validate $module/manifests $module/functions $module/types
check "the templates are" puppet epp validate $module/templates/hsflowd-rs.sources.epp $module/templates/hsflowd-rs.repo.epp
check "every drop-in is known" every_drop_in $module/types/drop_in_name.pp
check "and each has its place" eval 'cat $module/manifests/{agent,policy}.pp > drop_ins; every_drop_in drop_ins'
check "metadata.json is whole" jq -e '.name == "hsflowd-hsflowd_rs" and (.dependencies | length == 0)' $module/metadata.json

make_repository
# What a trial changes: the settings by their names, each a line of the class.
declare -A class=(
  [apt_repository]="{ 'uri' => 'file:/tmp/repo', 'suite' => './', 'key' => file('/tmp/repo.asc') }"
  [config]="{
    'polling' => 20, 'sampling.10G' => 20000, 'agent.cidr' => ['!192.168.0.0/16', '10.0.0.0/8'], 'interfaceCounters' => 'all',
    'collector' => [{ 'ip' => '127.0.0.1' }, { 'ip' => '::1', 'udpport' => 6344 }],
    'pcap' => [{ 'dev.pattern' => '^(en|eth)', 'promisc' => false, 'sampling' => 100 }],
    'systemd' => { 'markTraffic' => true }, 'json' => { 'udpport' => 36343 }, 'nlroute' => undef }"
  [manage_policy]=true
  [policy_tokens]="[{ 'name' => 'ops', 'token' => Sensitive('0123456789abcdef') }, { 'name' => 'wall', 'token' => 'fedcba9876543210', 'access' => 'read' }]"
  [policy_config]="{
    'limits' => { 'policies' => 100 }, 'rest' => { 'listen' => ['127.0.0.1:8084'], 'tokens' => '/etc/hsflowd/policy.tokens' },
    'protect' => [{ 'peer' => '192.0.2.9', 'protocol' => 'tcp', 'port' => 22, 'at' => 'host' }],
    'group' => { 'web' => { 'addresses' => ['192.0.2.0/28', '2001:db8:1::/64'] } },
    'policy' => {
      'good' => { 'direction' => 'in', 'source' => '@web', 'protocol' => 'udp', 'destination_port' => 4444, 'action' => 'drop' },
      'li.mit' => { 'direction' => 'in', 'protocol' => 'udp', 'destination_port' => [53, '1024-1030'], 'action' => { 'limit' => '10 kpps' } } } }"
)
run() { # options
  { echo "class { 'hsflowd_rs':"; for name in "${!class[@]}"; do echo "  $name => ${class[$name]},"; done; echo '}'; } > site.pp
  apply_site "$@"
}
would() { grep -c '(noop)$' run.log; }

# ---- noop on a host that has nothing
snapshot > before
check "noop on a new host" run --noop
equal "it would change something" "$([ "$(would)" -gt 3 ] && echo yes)" yes
check "and changes nothing" untouched

# ---- a repository whose signature is wrong
cp -r repo repo.good; sed -i 's/^Date: .*/Date: Thu, 01 Jan 2026 00:00:00 UTC/' repo/InRelease
refute "a repository whose signature is wrong is not installed from" run
refute "nothing was" dpkg-query -W hsflowd-rs
check "and apt is left as it was" eval '! ls /etc/apt/sources.list.d/*'
rm -r repo; mv repo.good repo

# ---- first run
check "the first run" run
check "packages are installed" dpkg-query -W hsflowd-rs hsflowd-rs-policy
check "the agent's configuration is whole" hsflowctl check /etc/hsflowd.conf
equal "its values" "$(for k in polling sampling.10G interfaceCounters collector.2.ip collector.2.udpport pcap.1.dev.pattern systemd.markTraffic; do
  setting "$k" | awk '{print $3}'; done | xargs)" '20 20000 all ::1 6344 ^(en|eth) on'
equal "the agent's user" "$(stat -c %U "/proc/$(pid)")" hsflowd
equal "the policies' user" "$(stat -c %U "/proc/$(policy_pid)")" hsflowd-policy
within 20 "the policy is in force" rule 4444
equal "both start at boot" "$(systemctl is-enabled hsflowd hsflowd-policy | xargs)" "enabled enabled"
equal "tokens are their owner's" "$(stat -c '%a %U' /etc/hsflowd/policy.tokens)" "600 hsflowd-policy"
equal "all are there" "$(grep -v '^#' /etc/hsflowd/policy.tokens | xargs)" "ops:0123456789abcdef wall:fedcba9876543210:read"
refute "no token is in what Puppet said" grep -q -e 0123456789abcdef -e fedcba9876543210 run.log

# ---- second run, and noop
agent=$(pid) policies=$(policy_pid); snapshot > before
check "the second run" run
equal "it changes something" "$changed" no
check "no file either" untouched
check "noop" run --noop
equal "would change" "$(would)" 0

# ---- a change is reloaded, without a restart
class[config]=${class[config]/"'polling' => 20"/"'polling' => 10"} class[policy_config]=${class[policy_config]/4444/5555}
check "noop with a change" run --noop --show_diff
equal "would change both files" "$(grep -c -e '^+.*polling = 10' -e '^+.*5555' run.log)" 2
check "and changes nothing" untouched
check "the change" run
equal "is in force" "$(setting polling | awk '{print $3}')" 10
within 20 "that of the policy too" rule 5555
equal "the same processes" "$(pid) $(policy_pid)" "$agent $policies"

# ---- what is wrong is refused before anything is written
snapshot > before
refused() { # what, name, value
  local kept=${class[$2]-none}
  class[$2]=$3
  refute "$1 is refused" run
  check "$1: nothing was written" untouched
  if [ "$kept" = none ]; then unset "class[$2]"; else class[$2]=$kept; fi
}
refused "a value out of range" config "{ 'polling' => 301, 'collector' => { 'ip' => '192.0.2.1' } }"
check "with the words of the agent" grep -q '301' run.log
refused "an object that is none" config "{ 'polling' => undef, 'collector' => { 'ip' => '192.0.2.1' } }"
refused "a value that would end its quotes" config "{ 'agent' => 'eth0\" sampling = 1 \"' }"
refused "a policy of an unknown action" policy_config "{ 'policy' => { 'one' => { 'action' => 'drip' } } }"
refused "a policy with nothing for a key" policy_config "{ 'policy' => { 'one' => { 'protocol' => undef, 'action' => 'drop' } } }"
refused "a drop-in that there is not" drop_ins "['docker-socket']"
refused "a short token" policy_tokens "[{ 'name' => 'ops', 'token' => 'short' }]"
refused "settings and a text" config_text "'sflow { }'"
equal "the same processes" "$(pid) $(policy_pid)" "$agent $policies"

# ---- what README.md shows is of the right types
mkdir -p hiera/data
sed -n '/^```yaml/,/^```$/p' $module/README.md | grep -v '^```' > hiera/data/readme.yaml
printf '%s\n' 'version: 5' 'hierarchy: [{name: readme, path: readme.yaml}]' > hiera/hiera.yaml
check "the examples of README.md" puppet apply --noop --modulepath $modules --hiera_config /tmp/hiera/hiera.yaml -e 'include hsflowd_rs'
refute "and they are looked at" eval "sed -i 's/udpport: 6344/udpport: \"63\\\"44\"/' hiera/data/readme.yaml && puppet apply --noop --modulepath $modules --hiera_config /tmp/hiera/hiera.yaml -e 'include hsflowd_rs'"

# ---- what is derived from the configuration
make_generator
class[config]=${class[config]/"'nlroute' => undef"/"'tcp' => {}"} class[policy_config]=${class[policy_config]/"'li.mit' => {"/"'li.mit' => { 'netns' => 'none',"}
check "with what a unit is given more for" run
check "the agent has it" has_adm "$(pid)"
check "the policies have it" has_adm "$(policy_pid)"
agent=$(pid) policies=$(policy_pid)
class[config]=${class[config]/"'polling' => 10"/"'polling' => 11"} class[policy_config]=${class[policy_config]/5555/5556}
check "another change" run
equal "is a reload again" "$(pid) $(policy_pid)" "$agent $policies"

# ---- drop-ins and the command line want a restart
capable() { systemctl show -P CapabilityBoundingSet "$1" | grep -q "$2"; }
class[drop_ins]="['packet-drops', 'policy-namespaces']"
check "with drop-ins" run
check "the agent may see dropped packets" capable hsflowd cap_sys_admin
check "policies may enter namespaces" capable hsflowd-policy cap_sys_ptrace
check "their timer too" capable hsflowd-policy-expire cap_sys_ptrace
equal "both were started anew" "$([ "$(pid)" != "$agent" ] && [ "$(policy_pid)" != "$policies" ] && echo yes)" yes
check "again" run; equal "something changes" "$changed" no
class[drop_ins]="[]" class[daemon_args]="'-dd'"
agent=$(pid)
check "without them, and with words for the command line" run
refute "the privilege is gone" capable hsflowd cap_sys_admin
refute "that of the policies too" capable hsflowd-policy cap_sys_ptrace
check "the agent has the words" eval 'tr "\0" " " < /proc/$(pid)/cmdline | grep -q -- "-dd"'
equal "by a restart" "$([ "$(pid)" != "$agent" ] && echo yes)" yes

# ---- a whole text; a stopped service stays stopped
unset 'class[config]'; class[config_text]="'sflow { polling = 15 collector { ip = 127.0.0.1 } }'"
check "with a whole text" run
equal "it is in force" "$(setting polling | awk '{print $3}')" 15
class[service_ensure]="'stopped'" class[config_text]="'sflow { polling = 16 collector { ip = 127.0.0.1 } }'"
check "stopped, with a change" run
equal "it is stopped" "$(show ActiveState)" inactive
check "again" run; equal "something changes" "$changed" no
[ $failures = 0 ] || journalctl -u 'hsflowd*' -o cat --no-pager | tail -n 40
finish
