// Asks for the model every two seconds and shows it.
import { Chart } from "./chart.js";
import { element } from "./dom.js";
import { DASH, binary, both, clock, per, percent, plain, share, si, span } from "./format.js";
import { History } from "./history.js";
import { tables } from "./tables.js";

const EVERY_MS = 2000;
const PATIENCE_MS = 10000;
const byId = (id) => document.getElementById(id);

const place = byId("charts");
const charts = {
  cpu: new Chart(place, "chart-cpu", "Processors and memory", percent),
  net: new Chart(place, "chart-net", "Network, bits a second", si),
  disk: new Chart(place, "chart-disk", "Disks, bytes a second", binary),
  guests: new Chart(place, "chart-guests", "Guests and services: processor use of the busiest", percent),
  interfaces: new Chart(place, "chart-interfaces", "Interfaces: bits a second of the busiest, both ways", si),
  flows: new Chart(place, "chart-flows", "Flows: bits a second of the heaviest", si),
  drops: new Chart(place, "chart-drops", "Dropped packets a second", si),
};
const shown = tables(byId("tables"), (address) => choose(address));
let histories = {};
let last = null;
let host = null;
let paused = false;

function choose(address) {
  host = address;
  histories = {};
  ask();
}

function history(name) {
  histories[name] ??= new History();
  return histories[name];
}

function level(name, value) {
  const limit = last.limits.find(([known]) => known === name);
  if (!limit || value === null || value === undefined) return "";
  return value >= limit[2] ? "high" : value >= limit[1] ? "warn" : "";
}

function tile(name, value, more, kind = "") {
  return element("div", { class: "tile" }, element("span", {}, name), element("b", { class: kind }, value), element("small", {}, more));
}

function tiles(agent) {
  const h = agent.host;
  const [memory, swap] = [share(h.memory_used, h.memory_total), share(h.swap_used, h.swap_total)];
  const load = h.load ? h.load[0] / (h.cpus || 1) : null;
  const all = [
    ["Processors", percent(h.cpu), `${plain(h.cpus)} · user ${percent(h.cpu_user)} system ${percent(h.cpu_system)}`, level("host.cpu", h.cpu)],
    ["Load", h.load ? h.load[0].toFixed(2) : DASH, h.load ? `${h.load[1].toFixed(2)} · ${h.load[2].toFixed(2)}` : "", level("host.load", load)],
    ["Memory", percent(memory), `${binary(h.memory_used)} of ${binary(h.memory_total)}`, level("host.memory", memory)],
    ["Swap", percent(swap), `${binary(h.swap_used)} of ${binary(h.swap_total)}`, level("host.swap", swap)],
    ["Network in", per(si, h.in_bits, "b/s"), `${si(h.in_packets)} packets/s`],
    ["Network out", per(si, h.out_bits, "b/s"), `${si(h.out_packets)} packets/s`],
    ["Disks", per(binary, h.disk_read, "/s"), `read · written ${binary(h.disk_written)}/s`],
    ["Fullest disk", percent(h.disk_fullest), `${binary(h.disk_free)} free of ${binary(h.disk_total)} in all`, level("host.disk", h.disk_fullest)],
    ["Drops", per(si, h.drops, "/s"), `errors ${si(h.errors)}/s`, level("host.drops", h.drops)],
    ["Connections", plain(h.connections), `${si(h.retransmissions)} retransmissions/s`],
  ];
  // What is not known after some samples is not told of, as by a switch.
  const wanted = all.filter(([, value]) => value !== DASH || isYoung(agent));
  byId("tiles").replaceChildren(...wanted.map((parts) => tile(...parts)));
}

const isYoung = (agent) => agent.trail.length > 0 && agent.trail.length < 3;

function draw(agent, unix) {
  const times = agent.trail.map(([time]) => unix - agent.silent_secs - (agent.time - time));
  const column = (at) => agent.trail.map((point) => point[at]);
  charts.cpu.show(times, [{ label: "processors", values: column(1) }, { label: "memory", values: column(2) }]);
  charts.net.show(times, [{ label: "in", values: column(3) }, { label: "out", values: column(4) }]);
  charts.disk.show(times, [{ label: "read", values: column(5) }, { label: "written", values: column(6) }]);
  for (const name of ["cpu", "net", "disk"]) charts[name].card.hidden = !charts[name].plot && !isYoung(agent);
  const remembered = [
    ["guests", agent.guests.map((row) => [row.name, row.cpu])],
    ["interfaces", agent.interfaces.map((row) => [row.name || `if#${row.index}`, both(row.in_bits, row.out_bits)])],
    ["flows", agent.flows.slice(0, 20).map((row) => [`${row.source} > ${row.destination}`, row.bits.value])],
    ["drops", agent.drops.map((row) => [`${row.counted ? "counter: " : ""}${row.reason}`, row.rate])],
  ];
  for (const [name, pairs] of remembered) {
    const known = history(name);
    known.add(unix, pairs);
    charts[name].show(known.times, known.highest(5));
    charts[name].card.hidden = pairs.length === 0 && known.values.size === 0;
  }
}

function heading(picture) {
  const agent = picture.shown;
  const name = agent ? agent.host.name || agent.address : "hsflowctl web";
  const parts = agent ? [agent.host.name && agent.address, per(span, agent.host.uptime_secs, " up"), agent.host.release] : [];
  const more = parts.filter((part) => part && part !== DASH).join(" · ");
  byId("title").replaceChildren(name, " ", element("small", { class: "empty" }, more));
  document.title = `${name} – hsflowctl web`;
  const list = byId("hosts");
  list.hidden = !picture.is_many;
  const wanted = picture.hosts.map((line) => line.address).join(" ");
  if (list.dataset.hosts !== wanted) {
    list.dataset.hosts = wanted;
    list.replaceChildren(...picture.hosts.map((line) => element("option", { value: line.address }, line.name ? `${line.name} (${line.address})` : line.address)));
  }
  if (agent) list.value = agent.address;
}

function state(text, isBad) {
  byId("state").textContent = text;
  byId("state").className = isBad ? "bad" : "";
}

function remarks(picture) {
  const agent = picture.shown;
  if (picture.away) return [picture.away, true];
  if (!agent) return ["nothing was received yet", false];
  if (agent.is_silent) return [`silent for ${span(agent.silent_secs)}`, true];
  const lost = [[agent.lost, "datagrams lost"], [agent.lost_samples, "samples lost"]].filter(([count]) => count > 0);
  const high = picture.current ? `${picture.current} high · ` : "";
  return [high + [clock(picture.unix), ...lost.map(([count, what]) => `${count} ${what}`)].join(" · "), picture.current > 0];
}

function show(picture) {
  last = picture;
  heading(picture);
  state(...remarks(picture));
  if (picture.shown) {
    tiles(picture.shown);
    draw(picture.shown, picture.unix);
  }
  shown(picture, byId("filter").value, level);
}

async function ask() {
  const query = host ? `?host=${encodeURIComponent(host)}` : "";
  try {
    const reply = await fetch(`/api/picture${query}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!reply.ok) throw new Error(`status ${reply.status}`);
    show(await reply.json());
  } catch (error) {
    state(`hsflowctl web does not answer: ${error.message}`, true);
  }
}

async function follow() {
  if (!paused && !document.hidden) await ask();
  setTimeout(follow, EVERY_MS);
}

byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").textContent = paused ? "Go on" : "Pause";
});
byId("filter").addEventListener("input", () => last && shown(last, byId("filter").value, level));
byId("hosts").addEventListener("change", (event) => choose(event.target.value));
follow();
