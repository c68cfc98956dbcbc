// The data of the page, decoded; what is looked at (step, unit, value), and how numbers are written.

const data = JSON.parse(document.getElementById("data").textContent);
const CODES = 65533; // numbers are codes below it; then -infinity, +infinity, not a number

/** Numbers [columns, size] out of two-byte codes. */
class Grid {
  constructor(coded) {
    this.size = coded.size;
    this.low = coded.low;
    this.step = (coded.high - coded.low) / (CODES - 1);
    this.fixed = coded.fixed === true;
    const bytes = atob(coded.data);
    const raw = new Uint8Array(bytes.length);
    for (let k = 0; k < bytes.length; k++) raw[k] = bytes.charCodeAt(k);
    this.codes = new Uint16Array(raw.buffer);
    this.columns = this.codes.length / this.size;
  }

  at(column, unit) {
    // A scalar goes with every unit; a value of another size has no such unit.
    const row = this.size === 1 ? 0 : unit;
    if (row >= this.size) return undefined;
    return this.number(this.codes[(this.fixed ? 0 : column) * this.size + row]);
  }

  number(code) {
    if (code < CODES) return this.low + code * this.step;
    return [-Infinity, Infinity, NaN][code - CODES];
  }
}

const values = data.values.map((value) => ({
  name: value.name,
  place: value.place,
  kind: value.kind,
  span: value.span,
  exact: new Grid(value),
  shown: new Grid(value.mean || value),
}));
const terms = new Map(
  Object.entries(data.terms).map(([place, term]) => [
    Number(place),
    { text: term.text, grid: term.data === undefined ? null : new Grid(term) },
  ]),
);
const byPlace = new Map(values.map((value) => [value.place, value]));
const output = byPlace.get(data.output) || values[values.length - 1];
const columns = data.steps.length;
const units = output.exact.size;

const state = {
  t: columns - 1,
  unit: 0,
  colour: output.name, // a value's name, or "moved"
  from: 0,
  to: columns,
  order: "number",
  language: "en",
};

/** The number of a unit of the layer, where only some units are shown. */
const unitNumber = (unit) => (data.units === null ? unit : data.units[unit]);
const unitIndex = (number) => (data.units === null ? number : data.units.indexOf(number));
const coloured = () => values.find((value) => value.name === state.colour) || null;

/** What a term is at the step and unit that are looked at. */
function termNumber(place) {
  const term = terms.get(place);
  const grid = term && term.grid ? term.grid : byPlace.get(place).exact;
  return grid.at(state.t, state.unit);
}

function written(number, digits = 4) {
  if (number === undefined || number === null) return "–";
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  const size = Math.abs(number);
  const text =
    number !== 0 && (size < 1e-3 || size >= 1e5)
      ? number.toExponential(2).replace("e+", "e")
      : number.toFixed(Math.max(0, digits - 1 - Math.max(0, Math.floor(Math.log10(size || 1)))));
  return text.replaceAll("-", "−");
}

/** Two digits, for small places. */
function brief(number) {
  if (number === undefined || number === null || !Number.isFinite(number)) return written(number);
  const size = Math.abs(number);
  const text = size !== 0 && (size < 0.01 || size >= 1e4) ? number.toExponential(0) : String(Number(number.toPrecision(2)));
  return text.replace("e+", "e").replaceAll("-", "−");
}

const word = (key) => data.words[key][state.language === "zh" ? 1 : 0];
const both = (pair) => pair[state.language === "zh" ? 1 : 0];
const clamp = (number, low, high) => Math.min(Math.max(number, low), high);

/** The order of units on the maps: by number, or by the column of their largest output. */
function orderOf(size) {
  const numbers = Array.from({ length: size }, (_, k) => k);
  if (state.order === "number" || size !== units) return numbers;
  const peak = numbers.map((unit) => {
    let most = -1;
    let where = 0;
    for (let t = 0; t < columns; t++) {
      const height = Math.abs(output.shown.at(t, unit));
      if (height > most) [most, where] = [height, t];
    }
    return where;
  });
  return numbers.sort((a, b) => peak[a] - peak[b] || a - b);
}
