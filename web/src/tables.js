// The tables of the page.
import { bar, element } from "./dom.js";
import { binary, both, clock, percent, plain, share, si } from "./format.js";
import { Table } from "./table.js";

/** Makes them; what is returned shows a picture. `choose` is called with a host's address. */
export function tables(parent, choose) {
  let [agent, level] = [null, () => ""];
  const named = (title, of) => ({ title, of, text: true, print: plain });
  const number = (title, of, print, limit) => ({ title, of, print, level: limit && ((row) => level(limit, of(row))) });
  const guest = (index) => agent.guests.find((row) => row.index === index)?.name ?? (index ? `3:${index}` : "");
  const port = ([kind, index]) => (kind === 0 ? (agent.interfaces.find((row) => row.index === index)?.name || `if#${index}`) : `${kind}:${index}`);
  const memory = (row) => share(row.memory, row.memory_max);
  const [errors, drops] = [(row) => both(row.in_errors, row.out_errors), (row) => both(row.in_drops, row.out_drops)];
  const heaviest = (measure) => Math.max(1, ...agent.flows.map((row) => row[measure].high));
  const spread = (measure) => (rate, row) => {
    const most = heaviest(measure);
    return bar(row[measure].low / most, row[measure].value / most, row[measure].high / most);
  };

  const hosts = new Table(parent, "hosts-table", "Hosts", [
    { ...named("Host", (row) => row.name || row.address), print: (name, row) => {
      const button = element("button", { type: "button" }, name);
      button.addEventListener("click", () => choose(row.address));
      return button;
    } },
    named("Address", (row) => row.address),
    { ...named("Heard", (row) => (row.is_silent ? `silent for ${row.silent_secs} s` : "now")), level: (row) => (row.is_silent ? "high" : "") },
    number("CPU", (row) => row.cpu, percent, "host.cpu"),
    number("Load", (row) => row.load, si),
    number("Memory", (row) => row.memory, percent, "host.memory"),
    number("In b/s", (row) => row.in_bits, si),
    number("Out b/s", (row) => row.out_bits, si),
    number("Drops/s", (row) => row.drops, si, "host.drops"),
    number("Guests", (row) => row.guests, plain),
    number("Alerts", (row) => row.alerts, plain),
  ], 3);
  const interfaces = new Table(parent, "interfaces", "Interfaces", [
    named("Interface", (row) => row.name || `if#${row.index}`),
    named("Link", (row) => (row.up === null ? "" : row.up ? "up" : "down")),
    number("Speed", (row) => row.speed, si),
    number("In b/s", (row) => row.in_bits, si),
    number("Out b/s", (row) => row.out_bits, si),
    number("Use", (row) => row.busy, percent, "interface.use"),
    number("In p/s", (row) => row.in_packets, si),
    number("Out p/s", (row) => row.out_packets, si),
    number("Errors/s", errors, si, "interface.errors"),
    number("Drops/s", drops, si, "interface.drops"),
  ], 3);
  const guests = new Table(parent, "guests", "Virtual machines and containers", [
    named("Guest", (row) => row.name),
    named("Kind", (row) => row.kind),
    named("State", (row) => row.state),
    number("CPU", (row) => row.cpu, percent, null),
    number("Of its CPUs", (row) => row.cpu_share, percent, "guest.cpu"),
    number("Memory", (row) => row.memory, binary),
    number("Of its memory", memory, percent, "guest.memory"),
    number("In b/s", (row) => row.in_bits, si),
    number("Out b/s", (row) => row.out_bits, si),
    number("Read/s", (row) => row.disk_read, binary),
    number("Written/s", (row) => row.disk_written, binary),
    number("Drops/s", (row) => row.drops, si, "guest.drops"),
  ], 3);
  const services = new Table(parent, "services", "Services and applications", [
    named("Service", (row) => row.name),
    named("Kind", (row) => row.kind ?? "application"),
    number("CPU", (row) => row.cpu, percent),
    number("Memory", (row) => row.memory, binary),
    number("Read/s", (row) => row.disk_read ?? null, binary),
    number("Written/s", (row) => row.disk_written ?? null, binary),
    number("Good/s", (row) => row.good ?? null, si),
    number("Failed/s", (row) => row.bad ?? null, si, "service.errors"),
  ], 2);
  const flows = new Table(parent, "flows", "Top flows", [
    named("From", (row) => row.source),
    named("To", (row) => row.destination),
    named("Protocol", (row) => row.protocol),
    number("b/s", (row) => row.bits.value, si),
    { title: "95 % of b/s", of: (row) => row.bits.high, print: spread("bits"), text: false },
    number("p/s", (row) => row.packets.value, si),
    number("p/s at least", (row) => row.packets.low, si),
    number("at most", (row) => row.packets.high, si),
    number("Samples", (row) => row.samples, plain),
    named("Sampled on", (row) => port(row.sampled)),
    named("Guests", (row) => row.guests.some(Boolean) ? `${guest(row.guests[0])} > ${guest(row.guests[1])}` : ""),
  ], 3);
  const dropped = new Table(parent, "drops", "Drops", [
    named("Reason", (row) => (row.counted ? `counter: ${row.reason}` : row.reason)),
    named("Detail", (row) => row.detail),
    number("Drops/s", (row) => row.rate, si, "host.drops"),
    number("Total", (row) => row.total, si),
    named("Last packet", (row) => row.last),
  ], 2);
  const alerts = new Table(parent, "alerts", "Alerts", [
    { ...number("When", (row) => row.unix, clock), title: "When" },
    named("What", (row) => row.text),
  ], 0);

  return (picture, filter, levels) => {
    level = levels;
    agent = picture.shown;
    hosts.show(picture.is_many ? picture.hosts : [], filter);
    alerts.show(picture.alerts, filter);
    if (!agent) return;
    interfaces.show(agent.interfaces, filter);
    guests.show(agent.guests.filter((row) => row.kind !== "service"), filter);
    services.show([...agent.guests.filter((row) => row.kind === "service"), ...agent.applications], filter);
    flows.show(agent.flows, filter);
    dropped.show(agent.drops, filter);
  };
}
