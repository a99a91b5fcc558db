# The Ansible role, applied to a Debian with systemd. Run by tests/orchestration.sh.
. /src/tests/orchestration/lib.sh
exec 2>&1
export ANSIBLE_ROLES_PATH=/tmp/ansible/roles
cp -r /src/orchestration/ansible /tmp/ansible
check "ansible-lint finds nothing" eval '(cd ansible && ansible-lint --offline --strict --profile production)'

check "every drop-in is known" every_drop_in ansible/roles/hsflowd_rs/{meta/argument_specs,vars/main}.yml

play() { # options: with the variables of the files in /tmp/vars
  local file options=(); for file in vars/*.yml; do options+=(-e "@$file"); done
  play_site "${options[@]}" "$@"
}
mkdir vars
make_repository
{ echo 'hsflowd_rs_apt_repository:'; echo '  uri: file:/tmp/repo'; echo '  suite: ./'; echo '  key: |'; sed 's/^/    /' repo.asc; } > vars/repository.yml
cat > vars/agent.yml <<'YAML'
hsflowd_rs_config:
  polling: 20
  sampling.10G: 20000
  agent.cidr: ["!192.168.0.0/16", 10.0.0.0/8]
  interfaceCounters: all
  collector:
    - {ip: 127.0.0.1}
    - {ip: "::1", udpport: 6344}
  pcap: [{dev.pattern: "^(en|eth)", promisc: off, sampling: 100}]
  systemd: {markTraffic: on}
  json: {udpport: 36343}
  nlroute:
YAML
cat > vars/policy.yml <<'YAML'
hsflowd_rs_policy: true
hsflowd_rs_policy_tokens:
  - {name: ops, token: 0123456789abcdef}
  - {name: wall, token: fedcba9876543210, access: read}
hsflowd_rs_policy_config:
  limits: {policies: 100}
  rest: {listen: ["127.0.0.1:8084"], tokens: /etc/hsflowd/policy.tokens}
  protect: [{peer: 192.0.2.9, protocol: tcp, port: 22, at: host}]
  group: {web: {addresses: [192.0.2.0/28, "2001:db8:1::/64"]}}
  policy:
    good: {direction: in, source: "@web", protocol: udp, destination_port: 4444, action: drop}
    "li.mit": {direction: in, protocol: udp, destination_port: [53, "1024-1030"], action: {limit: 10 kpps}}
YAML

# ---- check mode on a host that has nothing
snapshot > before
check "check mode on a new host" play --check
equal "it would change something" "$([ "${changed:-0}" -gt 0 ] && echo yes)" yes
check "and changes nothing" untouched

# ---- a repository that another key signed
cp -r repo repo.good; sed -i 's/^Date: .*/Date: Thu, 01 Jan 2026 00:00:00 UTC/' repo/InRelease
refute "a repository whose signature is wrong is not installed from" play
refute "nothing was" dpkg-query -W hsflowd-rs
check "and apt is left as it was" eval '! ls /etc/apt/sources.list.d/*'
rm -r repo; mv repo.good repo

# ---- first run
check "the first run" play
check "packages are installed" dpkg-query -W hsflowd-rs hsflowd-rs-policy
check "the agent's configuration is whole" hsflowctl check /etc/hsflowd.conf
equal "its values" "$(for k in polling sampling.10G interfaceCounters collector.2.ip collector.2.udpport pcap.1.dev.pattern systemd.markTraffic; do
  setting "$k" | awk '{print $3}'; done | xargs)" '20 20000 all ::1 6344 ^(en|eth) on'
equal "the agent's user" "$(stat -c %U "/proc/$(pid)")" hsflowd
equal "the policies' user" "$(stat -c %U "/proc/$(policy_pid)")" hsflowd-policy
within 20 "the policy is in force" rule 4444
equal "both start at boot" "$(systemctl is-enabled hsflowd hsflowd-policy | xargs)" "enabled enabled"
equal "tokens are their owner's" "$(stat -c '%a %U' /etc/hsflowd/policy.tokens)" "600 hsflowd-policy"
may() { [ "$(ask "$1" /v1/policies)" = 200 ]; }
ask() { python3 -c 'import sys, urllib.request as u, urllib.error as e
try: print(u.urlopen(u.Request("http://127.0.0.1:8084" + sys.argv[2], headers={"Authorization": "Bearer " + sys.argv[1]})).status)
except e.HTTPError as wrong: print(wrong.code)' "$@"; }
within 10 "a token lets in" may fedcba9876543210
equal "another does not" "$(ask 0123456789abcdee /v1/policies)" 401
refute "no token is in what Ansible said" grep -q -e 0123456789abcdef -e fedcba9876543210 play.log

# ---- second run, and check mode
agent=$(pid) policies=$(policy_pid); snapshot > before
check "the second run" play
equal "it changes nothing" "$changed" 0
check "no file either" untouched
check "check mode" play --check
equal "would change nothing" "$changed" 0
version=$(dpkg-query -W -f '${Version}' hsflowd-rs)
oldest=/opt/ansible-oldest/bin/
check "with the oldest Ansible that the role allows, by version" play -e "hsflowd_rs_version=$version"
equal "nothing changes" "$changed" 0
oldest=

# ---- a change is reloaded, without a restart
sed -i 's/polling: 20/polling: 10/' vars/agent.yml; sed -i 's/4444/5555/' vars/policy.yml
check "check mode with a change" play --check --diff
equal "would change both files" "$(grep -c -e '^+.*polling = 10' -e '^+.*5555' play.log)" 2
check "and changes nothing" untouched
check "the change" play
equal "is in force" "$(setting polling | awk '{print $3}')" 10
within 20 "that of the policy too" rule 5555
equal "the same processes" "$(pid) $(policy_pid)" "$agent $policies"

# ---- what is wrong is refused before anything is written
snapshot > before
# All at once: each is a host of its own, this one by another name.
cat > wrong.yml <<'YAML'
all:
  vars: {ansible_connection: local, hsflowd_rs_policy: true}
  hosts:
    a-value-out-of-range: {hsflowd_rs_config: {polling: 301, collector: {ip: 192.0.2.1}}}
    an-object-that-is-none: {hsflowd_rs_config: {polling: , collector: {ip: 192.0.2.1}}}
    a-value-that-ends-its-quotes: {hsflowd_rs_config: {agent: "eth0\" sampling = 1 \""}}
    a-value-with-a-line-end: {hsflowd_rs_config: {agent: "eth0\" sampling = 1\nuuid = \""}}
    a-policy-of-an-unknown-action: {hsflowd_rs_policy_config: {policy: {one: {action: drip}}}}
    a-policy-with-nothing-for-a-key: {hsflowd_rs_policy_config: {policy: {one: {protocol: , action: drop}}}}
    a-drop-in-that-there-is-not: {hsflowd_rs_drop_ins: [docker-socket]}
    settings-of-another-type: {hsflowd_rs_service_enabled: perhaps}
    settings-and-a-text: {hsflowd_rs_config: {polling: 20}, hsflowd_rs_config_text: "sflow { }"}
YAML
mistakes=$(grep -c '^    [as][a-z-]*: ' wrong.yml)
for mode in --check --diff; do # without check mode, too
  refute "mistakes with $mode" eval "ansible-playbook -i wrong.yml -e @vars/repository.yml $mode site.yml > play.log 2>&1"
  equal "each is refused" "$(grep -c '^[a-z-]* .* failed=1 ' play.log)" "$mistakes"
  check "with the place and the words of the agent" grep -q '/dev/stdin:3:.*301' play.log
  check "nothing was written" untouched
done
equal "the same processes" "$(pid) $(policy_pid)" "$agent $policies"

# ---- what README.md shows is accepted
python3 - <<'PYTHON' > readme.yml
import json, re, yaml
shown = {}
for block in re.findall(r'```yaml\n(.*?)```', open('/src/orchestration/ansible/README.md').read(), re.S):
    said = yaml.safe_load(block)
    shown.update(said if isinstance(said, dict) else next((role['vars'] for role in said[0]['roles'] if 'vars' in role), {}))
names = ('hsflowd_rs_config', 'hsflowd_rs_policy_config')
print(json.dumps({name: shown[name] for name in names}))
PYTHON
check "the examples of README.md" play --check -e @readme.yml

# ---- what is derived from the configuration
make_generator
sed -i 's/nlroute:/tcp: {}/' vars/agent.yml; sed -i 's/"li.mit": {/&netns: none, /' vars/policy.yml
check "with what a unit is given more for" play
check "the agent has it" has_adm "$(pid)"
check "the policies have it" has_adm "$(policy_pid)"
agent=$(pid) policies=$(policy_pid)
sed -i 's/polling: 10/polling: 11/' vars/agent.yml; sed -i 's/5555/5556/' vars/policy.yml
check "another change" play
equal "is a reload again" "$(pid) $(policy_pid)" "$agent $policies"
snapshot > before

# ---- drop-ins and the command line want a restart
capable() { systemctl show -P CapabilityBoundingSet "$1" | grep -q "$2"; }
echo 'hsflowd_rs_drop_ins: [packet-drops, policy-namespaces]' > vars/drop_ins.yml
check "with drop-ins, in check mode" play --check
equal "would place three" "$(grep -c 'changed: .*item=p.* for hsflowd-policy\|changed: .*packet-drops for hsflowd' play.log)" 3
check "nothing changes" untouched
check "with drop-ins" play
check "the agent may see dropped packets" capable hsflowd cap_sys_admin
check "policies may enter namespaces" capable hsflowd-policy cap_sys_ptrace
check "their timer too" capable hsflowd-policy-expire cap_sys_ptrace
equal "both were started anew" "$([ "$(pid)" != "$agent" ] && [ "$(policy_pid)" != "$policies" ] && echo yes)" yes
echo 'hsflowd_rs_drop_ins: []' > vars/drop_ins.yml
agent=$(pid)
echo 'hsflowd_rs_daemon_args: -dd' > vars/args.yml
check "without them, and with words for the command line" play
refute "the privilege is gone" capable hsflowd cap_sys_admin
refute "that of the policies too" capable hsflowd-policy cap_sys_ptrace
check "the agent has the words" eval 'tr "\0" " " < /proc/$(pid)/cmdline | grep -q -- "-dd"'
equal "by a restart" "$([ "$(pid)" != "$agent" ] && echo yes)" yes

# ---- a whole text; a stopped service stays stopped
echo 'hsflowd_rs_config_text: "sflow { polling = 15 collector { ip = 127.0.0.1 } }"' > vars/agent.yml
check "with a whole text" play
equal "it is in force" "$(setting polling | awk '{print $3}')" 15
echo 'hsflowd_rs_service_state: stopped' > vars/stopped.yml; sed -i 's/15/16/' vars/agent.yml
check "stopped, with a change" play
equal "it is stopped" "$(show ActiveState)" inactive
check "again" play; equal "nothing changes" "$changed" 0

# ---- packages as files, without a repository
systemctl disable --quiet --now hsflowd hsflowd-policy
dpkg --purge hsflowd-rs-policy hsflowd-rs > /dev/null 2>&1
rm vars/*.yml /etc/apt/sources.list.d/hsflowd-rs.sources
echo "hsflowd_rs_package_files: [$(echo /tmp/repo/hsflowd-rs_*.deb)]" > vars/files.yml
check "check mode with a file" play --check
refute "nothing is installed" test -e /usr/sbin/hsflowd
oldest=/opt/ansible-oldest/bin/
check "with a file, by the oldest Ansible" play
within 10 "the agent runs" systemctl is-active hsflowd
check "again" play; equal "nothing changes" "$changed" 0
[ $failures = 0 ] || journalctl -u 'hsflowd*' -o cat --no-pager | tail -n 40
finish
