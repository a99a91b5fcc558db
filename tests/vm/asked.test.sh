# Metrics and D-Bus under a real systemd: the unit's sandbox and user, the system bus with the policy that is shipped.
. /src/tests/vm/lib.sh

install_service
conf() { echo "sflow { polling = 2 $1 }" > /etc/hsflowd.conf; }
get() { # the page, by the socket or by address and port
  python3 - "$1" <<'END'
import http.client, socket, sys
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX); self.sock.connect(sys.argv[1])
connection = Unix("x") if sys.argv[1].startswith("/") else http.client.HTTPConnection(sys.argv[1])
connection.request("GET", "/metrics"); answer = connection.getresponse()
print(answer.read().decode()); sys.exit(answer.status != 200)
END
}
value() { get "$1" | awk -v n="$2" '$1 == n {print $2}'; }
ask() { busctl call net.sflow.hsflowd /net/sflow/hsflowd "net.sflow.hsflowd.$@"; }
conf "metrics { listen = unix:/run/hsflowd/metrics.sock } dbus { }"
check "the user is made" systemd-sysusers hsflowd.conf
check "the link is made" systemd-tmpfiles --create hsflowd.conf
ip link add d0 type dummy && ip addr add 192.0.2.10/24 dev d0 && ip link set d0 up
systemctl daemon-reload

# ---- without the policy the bus lets nobody have the name
check "starts" systemctl start hsflowd
within 20 "the bus's refusal is told" state dbus "DEGRADED.*net.sflow.hsflowd.conf is missing"
install -D -m 644 /src/packaging/net.sflow.hsflowd.conf /usr/share/dbus-1/system.d/net.sflow.hsflowd.conf
check "the bus reads it" systemctl reload dbus
within 60 "it has its name by itself" state dbus running
equal "the name is the service's" "$(busctl status net.sflow.hsflowd | sed -n 's/^PID=//p')" "$(pid)"
equal "version" "$(ask telemetry GetVersion)" "s \"$(hsflowd -v 2>&1 | awk '{print $NF}')\""
check "everybody may ask" anybody busctl call net.sflow.hsflowd / net.sflow.hsflowd.telemetry GetAll
refute "nobody else may have the name" anybody busctl call org.freedesktop.DBus / org.freedesktop.DBus RequestName su net.sflow.hsflowd 2
equal "agent address" "$(ask telemetry GetAgent)" 's "192.0.2.10"'
before=$(ask telemetry Get s counter_samples)
within 20 "it counts" eval '[ "$(ask telemetry Get s counter_samples)" != "$before" ]'
equal "there is no switch port" "$(ask switchport GetAll)" "a(stuu) 0"
check "a restart of the bus" systemctl restart dbus
within 60 "costs the name for a while" eval 'state dbus running && ask telemetry GetVersion'

# ---- the page, by a socket and by a port
sock=/run/hsflowd/metrics.sock
within 20 "the page comes by the socket" get $sock
equal "memory as /proc has it" "$(value $sock node_memory_MemTotal_bytes)" "$(awk '$1 == "MemTotal:" {print $2 * 1024}' /proc/meminfo)"
check "everybody may ask" anybody python3 -c "import socket; socket.socket(socket.AF_UNIX).connect('$sock')"
before=$(awk '{print ($14 + $15) * 10}' "/proc/$(pid)/stat")
enclosed() { # what the page says is of a moment between two others
  local told after
  told=$(value $sock process_cpu_seconds_total | awk '{printf "%.0f", $1 * 1000}'); after=$(($(show CPUUsageNSec) / 1000000))
  echo "$before <= $told <= $after"; [ "$told" -ge "$before" ] && [ "$told" -le $((after + 10)) ]
}
within 20 "its CPU is between what /proc said before and what systemd counts, in ms" enclosed
equal "the main thread is known" "$(get $sock | grep -c '^hsflow_agent_thread_cpu_seconds_total{thread="main",mode="user"}')" 1
conf "metrics { }"
check "reload" systemctl reload hsflowd
within 20 "the page comes by the port" get 127.0.0.1:9036
refute "the socket is gone" test -e $sock
within 10 "the bus is left" eval '! busctl status net.sflow.hsflowd'
check "all is well" hsflowctl status
equal "still nobody" "$(stat -c %U "/proc/$(pid)") $(all_sets)" "hsflowd 0000000000000000"
equal "and not restarted" "$(show NRestarts)" 0
finish
