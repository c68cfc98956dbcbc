// Canvases and the unrolled graph: heat maps, the signal, gradients on a log axis.

const element = (name, attributes = {}, ...children) => {
  const made = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};
const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const channels = (colour) => [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
const mixed = (a, b, share) => a.map((v, k) => Math.round(v + (b[k] - v) * share));

/** 256 colours from low to high: one hue for what begins at 0, two around it otherwise; and one for NaN. */
function palette(span) {
  const [ground, high, low] = ["--wash", "--model", "--base"].map((name) => channels(variable(name)));
  const ramp = (far, share) => mixed(ground, far, Math.min(1, share * 1.05));
  return Array.from({ length: 256 }, (_, k) => {
    if (span[0] >= 0) return ramp(high, k / 255);
    const share = (k - 127.5) / 127.5;
    return share < 0 ? ramp(low, -share) : ramp(high, share);
  });
}
const NAN = [214, 0, 147];

function colourAt(number, span, colours) {
  if (Number.isNaN(number)) return NAN;
  const share = clamp((number - span[0]) / (span[1] - span[0]), 0, 1);
  return colours[Math.round(255 * share)];
}

/** A canvas as sharp as the screen; gives its context and its size in CSS pixels. */
function prepared(canvas) {
  const box = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.max(1, box.width), Math.max(1, box.height)];
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return [context, width, height];
}

/** Whether a canvas must be drawn again; `key` is all that its picture depends on beside the window. */
function stale(canvas, key) {
  const box = canvas.getBoundingClientRect();
  const now = [state.from, state.to, box.width, box.height, window.devicePixelRatio, variable("--paper"), key].join(" ");
  if (canvas.dataset.key === now) return false;
  canvas.dataset.key = now;
  return true;
}

/** Put the frame around the column that is looked at; it lies over the canvas, which stays as it is. */
function frameColumn(canvas, left = 0, right = 0) {
  const frame = canvas.parentElement.querySelector(".column");
  const seen = state.to - state.from;
  const share = (state.t - state.from) / seen;
  frame.style.left = `calc(${left}px + ${share} * (100% - ${left + right}px))`;
  frame.style.width = `max(2px, (100% - ${left + right}px) / ${seen})`;
}

/** The whole map, a pixel for each column and unit; made again only when colours or order change. */
function pictureOf(map) {
  const { shown, span } = map.value;
  const colours = palette(span);
  // One colour for each code that a number can have.
  const table = new Uint8ClampedArray(4 * 65536);
  for (let code = 0; code < CODES + 3; code++) table.set([...colourAt(shown.number(code), span, colours), 255], 4 * code);
  const colourOf = new Uint32Array(table.buffer);
  const picture = element("canvas", { width: columns, height: shown.size });
  const context = picture.getContext("2d");
  const image = context.createImageData(columns, shown.size);
  const pixels = new Uint32Array(image.data.buffer);
  map.rows = orderOf(shown.size);
  map.rows.forEach((unit, row) => {
    for (let t = 0; t < columns; t++) pixels[row * columns + t] = colourOf[shown.codes[t * shown.size + unit]];
  });
  context.putImageData(image, 0, 0);
  map.picture = picture;
}

function drawMap(map) {
  const size = map.value.shown.size;
  if (!map.picture) pictureOf(map);
  if (stale(map.canvas, state.order)) {
    const [context, width, height] = prepared(map.canvas);
    const seen = state.to - state.from;
    context.imageSmoothingEnabled = seen > width || size > height;
    context.drawImage(map.picture, state.from, 0, seen, size, 0, 0, width, height);
  }
  frameColumn(map.canvas);
  const line = map.canvas.parentElement.querySelector(".line");
  const row = map.rows.indexOf(state.unit);
  line.hidden = row < 0;
  line.style.top = `${(100 * row) / size}%`;
  line.style.height = `max(2px, ${100 / size}%)`;
}

function drawSignal(canvas) {
  frameColumn(canvas);
  const numbers = data.signal.values.map((line, k) => `${data.signal.names[k]} ${written(line[state.t])}`);
  canvas.parentElement.querySelector(".says").textContent = numbers.join("   ");
  if (!stale(canvas, `${state.unit} ${state.colour}`)) return;
  const [context, width, height] = prepared(canvas);
  const lines = data.signal.values;
  const seen = state.to - state.from;
  const band = height / lines.length;
  const looks = ["--model", "--base", "--second", "--good"].map(variable);
  lines.forEach((line, k) => {
    const known = line.filter((v) => v !== null);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const place = (v) => band * (k + 0.84) - (band * 0.74 * (v - low)) / (high - low || 1);
    context.beginPath();
    let down = false;
    for (let t = state.from; t < state.to; t++) {
      if (line[t] === null) {
        down = false;
        continue;
      }
      const x = ((t - state.from + 0.5) * width) / seen;
      if (down) context.lineTo(x, place(line[t]));
      else context.moveTo(x, place(line[t]));
      down = true;
    }
    context.strokeStyle = looks[k % looks.length];
    context.lineWidth = 1.6;
    context.stroke();
  });
  drawStrip(context, width, height);
}

/** Below a signal: the chosen unit, or what moved the answer, as a strip of colour. */
function drawStrip(context, width, height) {
  const [numbers, span] = tint();
  const colours = palette(span);
  const w = width / (state.to - state.from);
  for (let t = state.from; t < state.to; t++) {
    context.fillStyle = `rgb(${colourAt(numbers(t), span, colours).join(" ")})`;
    context.fillRect((t - state.from) * w, height - 9, w + 0.5, 9);
  }
}

/** What the input is coloured by: a number for each column, and the span of the colours. */
function tint() {
  const value = coloured();
  if (value) return [(t) => value.shown.at(t, state.unit), value.span];
  const shares = data.moved.values.map((v) => (v === null ? NaN : v));
  const most = Math.max(...shares.map((v) => Math.abs(v) || 0), 1e-30);
  return [(t) => shares[t], [-most, most]];
}

const [LEFT, RIGHT] = [44, 4]; // beside the lines on a log axis

/** Lines over steps on a log axis; `lines`: {numbers, first, colour, dash}. */
function drawLog(canvas, lines) {
  frameColumn(canvas, LEFT, RIGHT);
  if (!stale(canvas, "")) return;
  const [context, width, height] = prepared(canvas);
  const [from, to] = [state.from * data.stride, Math.min(state.to * data.stride, data.length)];
  const all = lines.flatMap((line) => line.numbers.filter((v) => v > 0));
  if (!all.length) return;
  const most = Math.ceil(Math.log10(Math.max(...all)) + 0.05);
  const least = Math.max(Math.floor(Math.log10(Math.min(...all)) - 0.05), most - 14);
  const [left, right, low, high] = [LEFT, width - RIGHT, height - 18, 6];
  const x = (step) => left + ((step - from + 0.5) / (to - from)) * (right - left);
  const y = (v) => low - ((Math.log10(v) - least) / (most - least)) * (low - high);
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "right";
  const every = Math.ceil((most - least) / 7);
  for (let power = most; power >= least; power -= every) {
    context.strokeStyle = variable("--rule");
    context.beginPath();
    context.moveTo(left, y(10 ** power));
    context.lineTo(right, y(10 ** power));
    context.stroke();
    context.fillStyle = variable("--muted");
    context.fillText(`1e${power}`.replace("-", "−"), left - 5, y(10 ** power) + 4);
  }
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, height);
  context.clip();
  for (const line of lines) {
    context.beginPath();
    let down = false;
    line.numbers.forEach((v, k) => {
      const step = line.first + k;
      if (step < from - 1 || step > to) return;
      if (!(v > 0) || Math.log10(v) < least) {
        down = false;
      } else if (down) {
        context.lineTo(x(step), y(v));
      } else {
        context.moveTo(x(step), y(v));
        down = true;
      }
    });
    context.strokeStyle = variable(line.colour);
    context.setLineDash(line.dash);
    context.lineWidth = 2;
    context.stroke();
  }
  context.restore();
  context.setLineDash([]);
  context.fillStyle = variable("--muted");
  context.textAlign = "left";
  context.fillText(String(from + 1), left, height - 4);
  context.textAlign = "right";
  context.fillText(String(to), right, height - 4);
}

/** How wide an arrow is: six powers of ten from hair to broad. */
const broad = (v, most) => (v > 0 ? 1 + 9 * clamp((Math.log10(v / most) + 6) / 6, 0, 1) : 0.4);

/** Some steps around the one that is looked at; the arrows between them are gradients coming back. */
function drawUnrolled(holder) {
  const width = Math.max(280, holder.clientWidth);
  const shown = clamp(Math.floor(width / 118), 2, 9);
  const step = state.t * data.stride;
  const first = clamp(step - Math.floor(shown / 2), 0, Math.max(0, data.length - shown));
  const last = Math.min(first + shown, data.length);
  const names = Object.keys(data.flow.states);
  const paths = Object.keys(data.flow.paths).filter((path) => path.startsWith(`${names[0]} via `));
  const most = Math.max(...names.flatMap((name) => data.flow.states[name].map((v) => v || 0)), 1e-300);
  const box = { width: 62, gap: (width - 62 * (last - first)) / Math.max(1, last - first) };
  const [top, row] = [34, 30];
  const tall = Math.max(names.length * row + 14, paths.length * 13 + 16);
  const picture = element("svg:svg", { viewBox: `0 0 ${width} ${top + tall + 34}`, width, height: top + tall + 34, role: "img" });
  picture.append(element("svg:title", {}, word("unrolled_about")));
  const add = (name, attributes, ...children) => picture.append(element(`svg:${name}`, attributes, ...children));
  for (let s = first; s < last; s++) {
    const x = (s - first) * (box.width + box.gap) + box.gap / 2;
    const here = s === step;
    add("rect", { x, y: top, width: box.width, height: tall, rx: 7, class: here ? "box here" : "box" });
    add("text", { x: x + box.width / 2, y: top - 8, class: "label" }, label(s));
    add("text", { x: x + box.width / 2, y: top + tall + 16, class: "small" }, String(s + 1));
    paths.forEach((path, k) => {
      const v = data.flow.paths[path][s - data.flow.first];
      const y = top + 12 + 13 * k;
      add("text", { x: x + 8, y: y + 4, class: "small start" }, path.split(" via ")[1]);
      add("rect", { x: x + 20, y: y - 3, width: Math.max(0, broad(v, most) - 0.4) * 3.6, height: 6, class: "bar" });
    });
    names.forEach((name, k) => {
      const v = data.flow.states[name][s - data.flow.first];
      const y = top + row * (k + 0.5) + 7;
      const [right, left] = [x + box.width + box.gap, x + box.width + 2];
      if (s + 1 >= data.length || v === undefined || right > width) return;
      const thick = broad(v, most);
      const head = thick / 2 + 4;
      add("path", { d: `M${right - 2} ${y}H${left + head}`, "stroke-width": thick, class: `flow f${k % 3}` });
      add("path", { d: `M${left} ${y}l${head} ${-head}v${2 * head}z`, class: `head f${k % 3}` });
      add("text", { x: (left + right) / 2, y: y - head - 2, class: "small" }, `${name} ${brief(v)}`);
    });
  }
  holder.replaceChildren(picture);
}

const label = (step) => (data.stride === 1 ? visible(data.steps[step]) : "");
const visible = (text) => {
  const plain = text.replaceAll("\n", "↵").replaceAll("\t", "→").replaceAll(" ", "␣");
  return plain.length > 8 ? `${plain.slice(0, 7)}…` : plain;
};
