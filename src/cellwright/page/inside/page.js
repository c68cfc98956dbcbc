// The page: what is drawn when something changes, and the ways to change it: slider, pointer, keys, address.

const at = (id) => document.getElementById(id);
const maps = [];
const LOOKS = ["--model", "--base", "--second", "--good"];
let playing = null;
let waiting = false;

/** Draw again, once for all changes before the next frame. */
function refresh() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    drawAll();
  });
}

function drawAll() {
  showPlace();
  showInput();
  showEquations();
  maps.forEach(drawMap);
  if (data.signal) drawSignal(at("signal"));
  if (Object.keys(data.flow.states).length) {
    drawUnrolled(at("unrolled-picture"));
    drawLog(at("flow-lines"), flowLines());
  }
  if (data.beside.length) drawLog(at("beside-lines"), besideLines());
  document.body.dataset.ready = `${state.t} ${state.unit} ${state.colour} ${state.language}`;
}

function go(change) {
  Object.assign(state, change);
  state.t = clamp(Math.round(state.t), 0, columns - 1);
  state.unit = clamp(Math.round(state.unit) || 0, 0, units - 1);
  const seen = state.to - state.from;
  if (state.t < state.from || state.t >= state.to) {
    state.from = clamp(state.t - Math.floor(seen / 2), 0, columns - seen);
    state.to = state.from + seen;
  }
  history.replaceState(null, "", `#t=${state.t}&u=${unitNumber(state.unit)}&v=${state.colour}&l=${state.language}`);
  refresh();
}

/** Show so many columns around the step that is looked at. */
function zoom(seen) {
  const count = clamp(Math.round(seen), Math.min(columns, 10), columns);
  const from = clamp(state.t - Math.floor(count / 2), 0, columns - count);
  go({ from, to: from + count });
}

function showPlace() {
  const step = state.t * data.stride + 1;
  at("step").value = state.t;
  at("unit").value = unitNumber(state.unit);
  at("colour").value = state.colour;
  const shown = data.signal ? data.steps[state.t] : visible(data.steps[state.t]);
  at("where").textContent = `${step.toLocaleString("en")} / ${data.length.toLocaleString("en")}  ${shown}`;
  at("step").setAttribute("aria-valuetext", `${word("step")} ${step}: ${shown}`);
}

/** The text, every token in the colour of the chosen unit or of its share in the answer. */
function showInput() {
  const holder = at("tokens");
  if (!holder) return;
  const key = `${state.from} ${state.to}`;
  if (holder.dataset.range !== key) {
    holder.dataset.range = key;
    holder.replaceChildren(...tokens());
  }
  if (stale(holder, `${state.unit} ${state.colour}`)) {
    const [numbers, span] = tint();
    const colours = palette(span);
    for (const token of holder.querySelectorAll(".token")) {
      const [r, g, b] = colourAt(numbers(Number(token.dataset.t)), span, colours);
      token.style.backgroundColor = `rgb(${r} ${g} ${b})`;
      token.style.color = 0.3 * r + 0.59 * g + 0.11 * b > 140 ? "#111" : "#fff";
    }
  }
  const [before] = holder.getElementsByClassName("here");
  if (before) before.classList.remove("here");
  const here = holder.querySelector(`[data-t="${state.t}"]`);
  if (here) here.classList.add("here");
}

function* tokens() {
  const spaced = data.spaced;
  for (let t = state.from; t < state.to; t++) {
    const text = data.steps[t];
    const shown = text === "\n" ? "↵" : text === " " ? "\u00a0" : text;
    yield element("span", { "data-t": t, class: spaced ? "token word" : "token" }, shown);
    if (text.endsWith("\n")) yield element("br");
  }
}

/** The equations with the numbers of this step and unit. */
function showEquations() {
  data.equations.forEach((equation, k) => {
    const cell = at(`filled-${k}`);
    const pieces = equation.pieces.map((piece, n) => {
      if (typeof piece === "string") return piece;
      const text = terms.get(piece).text;
      const kind = text.includes("{t-1}") ? "state" : /\bx_t/.test(text) ? "x" : "";
      const number = written(termNumber(piece));
      const title = text.replaceAll("{t-1}", "t−1");
      const inside = /[+⊙·/^] $/.test(equation.pieces[n - 1] || "");
      const shown = inside && number.startsWith("−") ? `(${number})` : number;
      return element("span", { class: `number ${kind}`, title, "data-place": piece }, shown);
    });
    const whole = byPlace.get(equation.place);
    const result = written(whole ? whole.exact.at(state.t, state.unit) : undefined);
    const own = equation.pieces.length === 1 && equation.pieces[0] === equation.place;
    const shown = element("b", { "data-result": equation.place }, result);
    cell.replaceChildren(...(own ? [shown] : [...pieces, " = ", shown]));
  });
}

function flowLines() {
  return Object.entries(data.flow.states).map(([, numbers], k) => ({
    numbers: numbers.map((v) => v || 0),
    first: data.flow.first,
    colour: LOOKS[k % LOOKS.length],
    dash: [],
  }));
}

function besideLines() {
  return data.beside.flatMap((one, n) =>
    Object.values(one.states).map((numbers, k) => ({
      numbers: numbers.map((v) => v || 0),
      first: one.first,
      colour: LOOKS[n % LOOKS.length],
      dash: k ? [2, 3] : one.trained ? [] : [7, 4],
    })),
  );
}

/** Where on a canvas over columns something is: [column, row share]. */
function under(event, canvas) {
  const box = canvas.getBoundingClientRect();
  const share = clamp((event.clientX - box.left) / box.width, 0, 0.999999);
  const t = state.from + Math.floor(share * (state.to - state.from));
  return [t, clamp((event.clientY - box.top) / box.height, 0, 0.999999)];
}

function onMap(map) {
  const pick = (event) => {
    const [t, share] = under(event, map.canvas);
    const unit = map.rows[Math.floor(share * map.value.shown.size)];
    return [t, unit];
  };
  map.canvas.addEventListener("pointerdown", (event) => {
    const [t, unit] = pick(event);
    go(map.value.shown.size === units ? { t, unit, colour: map.value.name } : { t, colour: map.value.name });
  });
  map.canvas.addEventListener("pointermove", (event) => {
    const [t, unit] = pick(event);
    const number = written(map.value.shown.at(t, unit));
    const shown = map.value.shown.size === units ? unitNumber(unit) : unit;
    map.tip.textContent = `${word("step")} ${t * data.stride + 1}, ${word("unit")} ${shown}: ${number}`;
    if (event.buttons) go(map.value.shown.size === units ? { t, unit } : { t });
  });
  map.canvas.addEventListener("pointerleave", () => (map.tip.textContent = ""));
}

function speak(language) {
  state.language = language;
  document.documentElement.lang = language;
  for (const spot of document.querySelectorAll("[data-word]")) spot.textContent = word(spot.dataset.word);
  for (const spot of document.querySelectorAll("[data-both]")) spot.textContent = both(JSON.parse(spot.dataset.both));
  at("language").textContent = language === "zh" ? "English" : "中文";
}

function play() {
  if (playing) {
    clearInterval(playing);
    playing = null;
  } else {
    playing = setInterval(() => go({ t: state.t + 1 < columns ? state.t + 1 : 0 }), 160);
  }
  at("play").setAttribute("aria-pressed", String(playing !== null));
}

/** The names that tokens can be coloured by, in their order. */
const colours = () => [...values.filter((v) => v.exact.size === units).map((v) => v.name), "moved"];

const KEYS = {
  ArrowLeft: () => go({ t: state.t - 1 }),
  ArrowRight: () => go({ t: state.t + 1 }),
  ArrowUp: () => go({ unit: state.unit - 1 }),
  ArrowDown: () => go({ unit: state.unit + 1 }),
  Home: () => go({ t: 0 }),
  End: () => go({ t: columns - 1 }),
  "+": () => zoom((state.to - state.from) / 2),
  "-": () => zoom((state.to - state.from) * 2),
  0: () => zoom(columns),
  g: () => go({ colour: colours()[(colours().indexOf(state.colour) + 1) % colours().length] }),
  l: () => (speak(state.language === "zh" ? "en" : "zh"), go({})),
  " ": play,
};

function listen() {
  at("step").addEventListener("input", (event) => go({ t: Number(event.target.value) }));
  at("unit").addEventListener("input", (event) => {
    const unit = unitIndex(Number(event.target.value));
    if (event.target.value !== "" && unit >= 0) go({ unit });
  });
  at("colour").addEventListener("input", (event) => go({ colour: event.target.value }));
  at("order").addEventListener("input", (event) => {
    state.order = event.target.value;
    repaint();
  });
  at("closer").addEventListener("click", KEYS["+"]);
  at("farther").addEventListener("click", KEYS["-"]);
  at("whole").addEventListener("click", KEYS[0]);
  at("play").addEventListener("click", play);
  at("language").addEventListener("click", KEYS.l);
  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    const typing = target.matches("input[type=number], select");
    const pressing = event.key === " " && target.matches("button, summary, a");
    if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  const holder = at("tokens");
  if (holder) {
    holder.addEventListener("click", (event) => {
      if (event.target.dataset.t !== undefined) go({ t: Number(event.target.dataset.t) });
    });
  } else {
    at("signal").addEventListener("pointerdown", (event) => go({ t: under(event, at("signal"))[0] }));
    at("signal").addEventListener("pointermove", (event) => event.buttons && go({ t: under(event, at("signal"))[0] }));
  }
  for (const row of document.querySelectorAll("[data-unit]")) {
    row.addEventListener("click", () => {
      const unit = unitIndex(Number(row.dataset.unit));
      if (unit >= 0) go({ unit, colour: row.dataset.value });
    });
  }
  new ResizeObserver(refresh).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  window.addEventListener("hashchange", fromAddress);
}

/** Colours or order changed: the maps' pictures are made again. */
function repaint() {
  for (const map of maps) map.picture = null;
  for (const canvas of document.querySelectorAll("canvas")) canvas.dataset.key = "";
  refresh();
}

function fromAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  const language = said.get("l") || (navigator.language.startsWith("zh") ? "zh" : "en");
  speak(language === "zh" ? "zh" : "en");
  const change = {};
  if (said.has("t")) change.t = Number(said.get("t")) || 0;
  if (said.has("u")) change.unit = Math.max(0, unitIndex(Number(said.get("u"))));
  if (said.has("v") && colours().includes(said.get("v"))) change.colour = said.get("v");
  go(change);
}

/** The unit that moves most over the input is looked at first. */
function liveliest() {
  let [best, most] = [0, -1];
  for (let unit = 0; unit < units; unit++) {
    let [sum, squares, count] = [0, 0, 0];
    for (let t = 0; t < columns; t++) {
      const v = output.shown.at(t, unit);
      if (Number.isFinite(v)) [sum, squares, count] = [sum + v, squares + v * v, count + 1];
    }
    const spread = squares / count - (sum / count) ** 2;
    if (spread > most) [best, most] = [unit, spread];
  }
  return best;
}

for (const value of values) {
  const canvas = at(`map-${value.place}`);
  const map = { value, canvas, tip: at(`tip-${value.place}`), picture: null, rows: [] };
  maps.push(map);
  onMap(map);
}
state.unit = liveliest();
listen();
fromAddress();
