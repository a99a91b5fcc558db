//! GPUs of the host and of guests, and the tables of a switch chip.

use super::page::{Page, Row, Value};
use super::subjects::{Subject, all, pick};
use crate::sflow::counters::hardware::{BcmTables, Gpu};
use crate::status::guests::Guest;

/// The rows of GPUs, whose names begin with whose they are.
macro_rules! gpus {
    ($whose:literal) => {
        &[
            Row::gauge(concat!($whose, "_gpus"), "GPUs.", |g| Value::of32(g.device_count)),
            Row::gauge(concat!($whose, "_gpu_processes"), "Processes that use GPUs.", |g| {
                Value::of32(g.processes)
            }),
            Row::counter(
                concat!($whose, "_gpu_busy_seconds_total"),
                "Time in which GPUs worked, summed.",
                |g| Value::millis(g.gpu_time),
            ),
            Row::counter(
                concat!($whose, "_gpu_memory_busy_seconds_total"),
                "Time in which memory of GPUs was read or written, summed.",
                |g| Value::millis(g.mem_time),
            ),
            Row::gauge(concat!($whose, "_gpu_memory_bytes"), "Memory of GPUs.", |g| {
                Value::unless_zero(g.mem_total)
            }),
            Row::gauge(concat!($whose, "_gpu_memory_free_bytes"), "Free memory of GPUs.", |g| {
                Value::of64(g.mem_free)
            }),
            Row::counter(concat!($whose, "_gpu_ecc_errors_total"), "Memory errors of GPUs.", |g| {
                Value::of32(g.ecc_errors)
            }),
            Row::counter(concat!($whose, "_gpu_energy_joules_total"), "Energy that GPUs took.", |g| {
                Value::millis(g.energy)
            }),
            Row::gauge(concat!($whose, "_gpu_celsius"), "Temperature of the hottest GPU.", |g| {
                Value::unless_zero(g.temperature.into())
            }),
        ]
    };
}

static OF_HOST: &[Row<Gpu>] = gpus!("hsflow_host");
static OF_GUESTS: &[Row<Gpu>] = gpus!("hsflow_guest");

/// The rows of tables: their word and the fields with what is in them and what may be.
macro_rules! tables {
    ($name:literal, $help:literal, { $( $table:literal = $field:ident ),* $(,)? }) => {
        &[$( Row::<BcmTables>::gauge($name, $help, |t| Value::of32(t.$field)).with("table", $table) ),*]
    };
}

static ENTRIES: &[Row<BcmTables>] = tables!("hsflow_switch_table_entries", "Entries of a table of the chip.", {
    "host" = host_entries,
    "ipv4" = ipv4_entries,
    "ipv6" = ipv6_entries,
    "ipv4_ipv6" = ipv4_ipv6_entries,
    "long_ipv6" = long_ipv6_entries,
    "routes" = total_routes,
    "ecmp_nexthops" = ecmp_nexthops,
    "mac" = mac_entries,
    "acl_ingress" = acl_ingress_entries,
    "acl_ingress_counters" = acl_ingress_counters,
    "acl_ingress_meters" = acl_ingress_meters,
    "acl_ingress_slices" = acl_ingress_slices,
    "acl_egress" = acl_egress_entries,
    "acl_egress_counters" = acl_egress_counters,
    "acl_egress_meters" = acl_egress_meters,
    "acl_egress_slices" = acl_egress_slices,
});

static ROOM: &[Row<BcmTables>] = tables!("hsflow_switch_table_entries_max", "Room of a table of the chip.", {
    "host" = host_entries_max,
    "ipv4" = ipv4_entries_max,
    "ipv6" = ipv6_entries_max,
    "ipv4_ipv6" = ipv4_ipv6_entries_max,
    "long_ipv6" = long_ipv6_entries_max,
    "routes" = total_routes_max,
    "ecmp_nexthops" = ecmp_nexthops_max,
    "mac" = mac_entries_max,
    "acl_ingress" = acl_ingress_entries_max,
    "acl_ingress_counters" = acl_ingress_counters_max,
    "acl_ingress_meters" = acl_ingress_meters_max,
    "acl_ingress_slices" = acl_ingress_slices_max,
    "acl_egress" = acl_egress_entries_max,
    "acl_egress_counters" = acl_egress_counters_max,
    "acl_egress_meters" = acl_egress_meters_max,
    "acl_egress_slices" = acl_egress_slices_max,
});

pub(super) fn write_host(page: &mut Page, host: &[Subject<'_>]) {
    page.rows(OF_HOST, all(host, pick!(Gpu)));
    page.rows(ENTRIES, all(host, pick!(BcmTables)));
    page.rows(ROOM, all(host, pick!(BcmTables)));
}

pub(super) fn write_guests(page: &mut Page, guests: &[Subject<'_, Guest>]) {
    page.rows(OF_GUESTS, all(guests, pick!(Gpu)));
}
