// A chart over time, which is made anew when other lines are to be drawn.
import uPlot from "uplot";
import { element } from "./dom.js";

/** Steps of the axis of time. */
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400];
const ofDay = (time) => new Date(time * 1000).toLocaleTimeString(undefined, { hourCycle: "h23" });
const COLOURS = ["#3b82c4", "#e07b39", "#3f9c5a", "#b1489b", "#8a7a2f", "#5b5fc7"];

export class Chart {
  constructor(parent, id, title, print) {
    this.print = print;
    this.place = element("div", { class: "plot" });
    this.empty = element("p", { class: "empty" }, "waits for the second counters");
    this.card = element("div", { class: "card", id }, element("h2", {}, title), this.empty, this.place);
    parent.append(this.card);
    this.labels = null;
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.place);
  }

  size() {
    return { width: Math.max(200, this.place.clientWidth), height: 160 };
  }

  /** `lines`: label and values, as many as there are times. */
  show(times, lines) {
    const drawn = lines.filter((line) => line.values.some((value) => value !== null));
    this.empty.hidden = drawn.length > 0;
    this.place.hidden = drawn.length === 0;
    const labels = drawn.map((line) => line.label).join("\n");
    const data = [times, ...drawn.map((line) => line.values)];
    if (labels === this.labels && this.plot) {
      this.plot.setData(data);
      this.tell(times);
      return;
    }
    this.plot?.destroy();
    this.plot = drawn.length ? new uPlot(this.options(drawn), data, this.place) : null;
    this.labels = labels;
  }

  /** The legend has the last values while nobody points at others. */
  tell(times) {
    if (this.plot && this.plot.cursor.left < 0) this.plot.setLegend({ idx: times.length - 1 });
  }

  options(lines) {
    const style = getComputedStyle(document.documentElement);
    const [dim, line] = [style.getPropertyValue("--dim").trim(), style.getPropertyValue("--line").trim()];
    const axis = { stroke: dim, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const print = this.print;
    return {
      ...this.size(),
      hooks: { ready: [(plot) => queueMicrotask(() => plot.setLegend({ idx: plot.data[0].length - 1 }))] },
      legend: { live: true },
      cursor: { points: { size: 5 } },
      scales: { y: { range: (_, low, high) => [0, Math.max(high ?? 0, 1) * 1.05] } },
      axes: [
        { ...axis, incrs: SECONDS, values: (_, times) => times.map(ofDay) },
        { ...axis, size: 58, values: (_, values) => values.map(print) },
      ],
      series: [
        { label: "time", value: (_, time) => (time === null ? "–" : ofDay(time)) },
        ...lines.map(({ label }, at) => ({
          label,
          stroke: COLOURS[at % COLOURS.length],
          width: 1.6,
          spanGaps: true,
          value: (_, value) => print(value),
        })),
      ],
    };
  }
}
