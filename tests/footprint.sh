#!/bin/bash
# footprint.sh: bytes of the release programs, and what an idle agent holds after its first sample. Prints a table.
set -eu
cd "$(dirname "$0")/../target/release"
dir=$(mktemp -d)
agent=
trap 'if [ -n "$agent" ]; then kill $agent; wait $agent || true; fi; rm -rf "$dir"' EXIT
for p in hsflowd hsflowctl; do
  strip -o "$dir/$p" $p
  printf '%-28s %8d kB stripped, %d shared libraries\n' $p $(($(stat -c %s "$dir/$p") / 1024)) "$(ldd $p | grep -c '=>')"
done
printf 'sflow { polling = 1 collector { ip = 127.0.0.1 udpport = 16343 } }\n' > "$dir/conf"
./hsflowctl decode --listen 127.0.0.1:16343 --count 2 --timeout 20 >/dev/null &
listener=$!
./hsflowd -d -f "$dir/conf" -o "$dir/auto" 2>"$dir/log" &
agent=$!
wait $listener || { cat "$dir/log" >&2; echo "footprint.sh: no datagram came" >&2; exit 1; }
awk '/^(VmHWM|VmRSS|RssAnon|Threads):/ {printf "%-28s %8d %s\n", "hsflowd " $1, $2, $3}' /proc/$agent/status
awk '/^Pss:/ {printf "%-28s %8d %s\n", "hsflowd " $1, $2, $3}' /proc/$agent/smaps_rollup
