// A table that is ordered by a click on a title and filtered by the box above.
import { element } from "./dom.js";

export class Table {
  /** `columns`: title, of (row → value to order by), print (value, row → text or element), text (not a number), level. */
  constructor(parent, id, title, columns, order) {
    this.columns = columns;
    this.order = order;
    this.reverse = false;
    this.count = element("small");
    this.body = element("tbody");
    const heads = columns.map((column, at) => {
      const head = element("th", { class: column.text ? "" : "n", scope: "col" }, column.title);
      head.addEventListener("click", () => this.turn(at));
      return head;
    });
    this.heads = heads;
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), this.body);
    this.card = element("div", { class: "card", id }, element("h2", {}, `${title} `, this.count), element("div", { class: "scroll" }, table));
    parent.append(this.card);
    this.rows = [];
    this.filter = "";
  }

  turn(at) {
    this.reverse = at === this.order ? !this.reverse : false;
    this.order = at;
    this.draw();
  }

  show(rows, filter) {
    this.rows = rows;
    this.filter = filter.toLowerCase();
    this.card.hidden = rows.length === 0;
    this.draw();
  }

  compare(one, other) {
    const column = this.columns[this.order];
    const [a, b] = [column.of(one), column.of(other)];
    const sign = this.reverse ? -1 : 1;
    if (column.text) return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
    if (a === null || b === null || a === undefined || b === undefined) return (a === null || a === undefined) - (b === null || b === undefined);
    return sign * (b - a);
  }

  draw() {
    const wanted = this.rows.filter((row) => !this.filter || this.columns.some((column) => String(column.of(row)).toLowerCase().includes(this.filter)));
    wanted.sort((one, other) => this.compare(one, other));
    this.count.textContent = wanted.length === this.rows.length ? `${wanted.length}` : `${wanted.length} of ${this.rows.length}`;
    this.heads.forEach((head, at) => {
      head.textContent = this.columns[at].title + (at === this.order ? (this.reverse !== Boolean(this.columns[at].text) ? " ▴" : " ▾") : "");
    });
    this.body.replaceChildren(...wanted.slice(0, 500).map((row) => this.line(row)));
  }

  line(row) {
    const cells = this.columns.map((column) => {
      const level = column.level?.(row) ?? "";
      const value = column.of(row);
      return element("td", { class: `${column.text ? "" : "n"} ${level}`.trim() }, column.print ? column.print(value, row) : String(value));
    });
    return element("tr", {}, ...cells);
  }
}
