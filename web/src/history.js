// What rows were at the last polls: the page remembers it as long as it is open.

const MOST = 300;

export class History {
  constructor() {
    this.times = [];
    this.values = new Map();
  }

  /** `pairs`: label and value of every row at this time. */
  add(time, pairs) {
    if (this.times.length && this.times[this.times.length - 1] >= time) return;
    this.times.push(time);
    for (const [label, value] of pairs) {
      if (!this.values.has(label)) this.values.set(label, new Array(this.times.length - 1).fill(null));
      this.values.get(label)[this.times.length - 1] = value;
    }
    const over = this.times.length - MOST;
    for (const [label, list] of this.values) {
      if (list.length < this.times.length) list.push(null);
      if (over > 0) list.splice(0, over);
      if (list.every((value) => value === null)) this.values.delete(label);
    }
    if (over > 0) this.times.splice(0, over);
  }

  /** The lines that are highest now. */
  highest(count) {
    const now = [...this.values].map(([label, values]) => ({ label, values, last: values[values.length - 1] ?? -1 }));
    now.sort((one, other) => other.last - one.last || (one.label < other.label ? -1 : 1));
    return now.slice(0, count);
  }
}
