// Numbers as people read them; what is not known is a dash.

export const DASH = "–";

function scaled(value, step, units) {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  let unit = 0;
  while (value >= 999.5 && unit + 1 < units.length) {
    value /= step;
    unit += 1;
  }
  const digits = value === 0 || value >= 99.95 || units[unit] === "B" ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(digits) + units[unit];
}

export const si = (value) => scaled(value, 1000, ["", "k", "M", "G", "T", "P", "E"]);
export const binary = (value) => scaled(value, 1024, ["B", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]);
/** A number with what it is of, or nothing but a dash. */
export const per = (print, value, unit) => (value === null || value === undefined ? DASH : print(value) + unit);
export const percent = (value) => (value === null || value === undefined ? DASH : `${value.toFixed(value < 99.95 ? 1 : 0)}%`);
export const plain = (value) => (value === null || value === undefined || value === "" ? DASH : String(value));

export function span(seconds) {
  if (seconds === null || seconds === undefined) return DASH;
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

export const clock = (unix) => new Date(unix * 1000).toLocaleTimeString();

/** Per cent of a whole that is known. */
export const share = (part, whole) => (part === null || part === undefined || !whole ? null : (part / whole) * 100);

/** The sum of what is known. */
export const both = (one, other) => (one === null && other === null ? null : (one ?? 0) + (other ?? 0));
