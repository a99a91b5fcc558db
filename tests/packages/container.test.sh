#!/bin/bash
# The container image: with the capabilities and mounts of daemonset.yaml, by podman, it measures the host and not the container,
# as its own user, and hsflowctl finds it healthy. Run by tests/packages.sh.
. "$PWD/tests/packages/lib.sh"
command -v podman >/dev/null || { echo "SKIP container: no podman"; exit; }
ip link set lo up; ip link add d0 type dummy 2>/dev/null || ip link add d0 type veth peer name d1; ip addr add 192.0.2.10/24 dev d0; ip link set d0 up
store=$(mktemp -d /var/tmp/store.XXXXXX)
printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n' > "$store/conf"; export CONTAINERS_CONF=$store/conf
podman() { command podman --root "$store/root" --runroot "$store/run" --storage-driver vfs "$@"; }
export -f podman; export store
cat > /usr/local/bin/builder <<END
#!/bin/sh
exec podman --root $store/root --runroot $store/run --storage-driver vfs "\$@"
END
chmod 755 /usr/local/bin/builder

# Programs of the debug build want their libraries; those that are static want none.
libraries() { ldd "$work"/programs/{hsflowd,hsflowctl} | grep -o '/[^ ]*' | grep -v ':$' | sort -u; }
base=() needed=$(libraries 2>/dev/null)
if [ -n "$needed" ]; then
  base=(--build-arg BASE=localhost/base)
  tar -chf "$store/base.tar" $needed 2>/dev/null
  check "libraries for the programs of this build" podman import -q "$store/base.tar" localhost/base
fi
check "the image is made" env BUILDER=/usr/local/bin/builder packaging/container/build "$work/programs" localhost/hsflowd-rs "${base[@]}" --pull=never --format docker

# As the DaemonSet says it.
manifest() { python3 - "$1" <<'END'
import re, sys
text = open('packaging/container/daemonset.yaml').read()
if sys.argv[1] == 'capabilities':
    part = text[text.index('              add:'):text.index('readinessProbe')]
    print(' '.join('--cap-add=' + c for c in re.findall(r'^ +- ([A-Z_]+)$', part, re.M)))
else:
    print(' '.join(re.search(r'args: \[(.*)\]', text).group(1).replace('"', '').split(', ')))
END
}
printf 'sflow { polling = 1 collector { ip = 127.0.0.1 udpport = 6343 } pcap { dev = d0 } }\n' > "$store/hsflowd.conf"
here=$PWD/tests/vm
catch 6343
check "it starts" podman run -d --name agent --network host --pid host --cap-drop all $(manifest capabilities) --security-opt no-new-privileges \
  --read-only --read-only-tmpfs=false --tmpfs /run/hsflowd:mode=777 -v "$store/hsflowd.conf:/etc/hsflowd.conf:ro" -v /:/host:ro,rslave localhost/hsflowd-rs $(manifest arguments)
within 20 "a host sample arrives" seen "[$host] | length > 0" || podman logs agent
main=$(podman inspect -f '{{.State.Pid}}' agent)
equal "its user" "$(stat -c %u "/proc/$main")" 64321
equal "its capability" "$(awk '$1 == "CapEff:" {print $2}' "/proc/$main/status")" 0000000000002000
equal "host name" "$(last "$host.records[\"2000\"].hostname")" "$(uname -n)"
total=$(df -B1 --output=source,size,target -x tmpfs -x overlay -x devtmpfs 2>/dev/null | awk '$1 ~ "^/dev/" && !seen[$1]++ {s += $2} END {printf "%.0f", s}')
equal "disk_total is that of the host" "$(last "$host.records[\"2005\"].total")" "$total"
check "hsflowctl finds it healthy" podman exec agent /usr/bin/hsflowctl status
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
check "it ends when it is told to" podman stop -t 10 agent
equal "its result" "$(podman inspect -f '{{.State.ExitCode}}' agent)" 0
podman rm -f agent >/dev/null 2>&1 # and its cgroups
finish
