#!/bin/bash
# Release programs of one kind: what they are linked with, what they say of the machine that they were built on, and that they
# check, measure, sample and send. Those of another machine are run by QEMU, with that machine's libraries from Debian's packages
# for cross compilers. Run by tests/packages/programs.
. "$PWD/tests/packages/lib.sh"
. packaging/lib.sh
kind=$2 programs=$PWD/target/packages/programs/$2
[ -x "$programs/hsflowd" ] || die "no $programs/hsflowd: packaging/build $kind"
case $(machine "$programs/hsflowd") in amd64) m=x86_64 ;; arm64) m=aarch64 ;; esac
by=() taps='pcap { dev = d0 }'
[ $m = "$(uname -m)" ] || { by=(qemu-$m-static -L /usr/$m-linux-gnu); taps=; }
kind_of() { readelf -hW "$1" | awk '$1 == "Type:" {print $2}'; }
gone() { comm -13 <(nm --defined-only --format=just-symbols "$1" | c++filt --no-verbose | sort -u) <(grep -v '^#' packaging/often | sort -u); }
program() { local p=$1; shift; "${by[@]}" "$programs/$p" "$@"; }

# ---- what they are
for p in hsflowd hsflowctl hsflowd-policy; do
  file=$programs/$p
  case $kind in
    static-*)
      refute "$p needs no loader" eval 'readelf -lW "$file" | grep INTERP'
      refute "and no library" eval 'readelf -dW "$file" | grep NEEDED'
      refute "it is stripped" eval 'readelf -SW "$file" | grep -F .symtab'
      echo "     $p: $(($(stat -c %s "$file") / 1024)) KiB" ;;
    *) check "$p runs with glibc 2.28" packaging/glibc 2.28 "$file" ;;
  esac
  # what runs often lies together: packaging/often still names most of it
  [ $p != hsflowd ] || check "its polls are side by side" eval '[ $((16#0$(readelf -SW "$file" | sed -n "s/.* .text_often *PROGBITS *[0-9a-f]* [0-9a-f]* \([0-9a-f]*\) .*/\1/p"))) -gt 262144 ]'
  [ $p != hsflowd ] || check "with what they use" eval 'readelf -SW "$file" | grep -qF .rodata_often'
  # and still all but some of what runs; a function that is split or renamed scatters it again, and nothing else says so
  case $p.$kind in hsflowd.static-*) ;; hsflowd.*) check "packaging/often names what is there, or benches/footprint/often has to make a new list" eval '[ "$(gone "$file" | wc -l)" -le 4 ]' ;; esac
  equal "wherever it is loaded" "$(kind_of "$file")" DYN
  check "all of it is linked at its start" eval 'readelf -dW "$file" | grep -q "FLAGS_1.*NOW"'
  check "what is linked is read-only afterwards" eval 'readelf -lW "$file" | grep -q GNU_RELRO'
  equal "its stack cannot be run" "$(readelf -lW "$file" | awk '$1 == "GNU_STACK" {print $7}')" RW
  # as packages have it: what debuggers read names zig's own files
  "$(tool_for "$file" strip)" -o "$work/stripped" "$file"
  refute "no path of this machine is in it" grep -cF -e "$PWD" -e "${CARGO_HOME:-$HOME/.cargo}" "$work/stripped"
done

# ---- what they do
[ ${#by[@]} = 0 ] || command -v "${by[0]}" >/dev/null || die "no ${by[0]}: tests/install.sh packages"
ip link set lo up; ip link add d0 type veth peer name d1; ip addr add 192.0.2.10/24 dev d0; ip link set d0 up; ip link set d1 up
own=$(mktemp -d)
echo "sflow { polling = 1 collector { ip = 127.0.0.1 udpport = 6343 } interfaceCounters = all $taps }" > "$own/conf"
check "hsflowctl accepts a configuration" program hsflowctl check "$own/conf"
echo 'sflow { polling = often }' > "$own/wrong"
refute "and refuses another" program hsflowctl check "$own/wrong"
# QEMU refuses what is asked of interfaces
[ ${#by[@]} -gt 0 ] || program hsflowctl once -f "$own/conf" > "$own/once"
[ ${#by[@]} -gt 0 ] || for record in host_id host_cpu host_memory host_disk_io generic_interface; do check "once: $record" grep -q "^ *$record\$" "$own/once"; done
check "hsflowd-policy takes its example" program hsflowd-policy --check -c etc
here=$PWD/tests/vm
catch 6343
"${by[@]}" "$programs/hsflowd" -d -P -f "$own/conf" -o "$own/auto" --socket "$own/socket" 2> "$own/log" &
agent=$!
within 60 "three polls arrive" seen "[$host] | length >= 3" || cat "$own/log"
equal "host name" "$(last "$host.records[\"2000\"].hostname")" "$(uname -n)"
equal "kernel" "$(last "$host.records[\"2000\"].release")" "$(uname -r)"
[ ${#by[@]} -gt 0 ] || check "and interfaces" seen "[.[].samples[] | select(.source == \"0:$(index d0)\")] | length > 0"
if [ ${#by[@]} = 0 ]; then
  check "hsflowctl finds it healthy" program hsflowctl status --socket "$own/socket"
else
  check "hsflowctl reaches it" eval 'program hsflowctl status --json --socket "$own/socket"; [ $? -le 1 ]'
fi
refute "nothing is malformed" seen 'any(.[]; has("malformed"))'
kill $agent
check "it ends when it is told to" wait $agent
finish
