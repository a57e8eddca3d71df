// Drawing: elements, maps of cells, the picture with its patches, charts. Sizes are in em of the stage (80 em wide).

/** An element: el("div", { class, text, onclick, style: {..} }, ...children). */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (name === "text") node.textContent = value;
    else if (name === "style") for (const [key, part] of Object.entries(value)) node.style.setProperty(key, part);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** The same for an SVG element. */
function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

/** Replace the children; the focus stays on the button with the same index. */
function renew(root, ...nodes) {
  const buttons = () => Array.from(root.querySelectorAll("button"));
  const focused = buttons().indexOf(root.getRootNode().activeElement);
  root.replaceChildren(...nodes);
  buttons()[focused]?.focus();
}

/** (256, 4) bytes as 256 pixels. */
const pixels = (table) => new Uint32Array(table.buffer.slice(table.byteOffset, table.byteOffset + 1024));

/** Smallest and largest of an array. */
function range(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** The largest absolute value of an array: the half-width of a range around zero. */
const reach = (values) => Math.max(...range(values).map(Math.abs), 1e-12);

/**
 * A matrix drawn as coloured cells. Calls `onpick(row, col)` on a click or, with `keys`, when arrow keys move the last
 * mark; and `onhover(row, col)` or `onhover(null)`. Without a label it is hidden from screen readers. The style sheet
 * sets its size.
 */
class Cells {
  constructor(parent, stage, { label = "", kind = "cells", onpick, onhover, keys = kind === "picture" } = {}) {
    this.stage = stage;
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.marks = el("div", { class: "marks" });
    this.root = parent.appendChild(el("div", { class: kind, ...(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" }) }, this.canvas, this.marks));
    if (onpick && keys) this.keys(onpick);
    if (onpick || onhover) {
      this.root.classList.add("live-cells");
      const at = (event) => {
        const box = this.canvas.getBoundingClientRect();
        const clamp = (value, n) => Math.min(n - 1, Math.max(0, Math.floor(value * n)));
        return [clamp((event.clientY - box.top) / box.height, this.rows), clamp((event.clientX - box.left) / box.width, this.cols)];
      };
      if (onpick) this.root.addEventListener("click", (event) => onpick(...at(event)));
      if (onhover) {
        this.root.addEventListener("pointermove", (event) => onhover(...at(event)));
        this.root.addEventListener("pointerleave", () => onhover(null));
      }
    }
  }

  /** Arrow keys move the mark while the matrix has keyboard focus. A click gives up the focus: then they change the scene. */
  keys(onpick) {
    this.root.setAttribute("role", "application");
    this.root.tabIndex = 0;
    this.root.addEventListener("click", () => this.root.blur());
    this.root.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const { row, col, rows = 1, cols = 1 } = this.marked ?? { row: Math.floor(this.rows / 2), col: Math.floor(this.cols / 2) };
      const moved = (from, size, by, n) => Math.min(n - 1, Math.max(0, Math.floor(from + size / 2) + by * size));
      onpick(moved(row, rows, step[0], this.rows), moved(col, cols, step[1], this.cols));
    });
  }

  /** Values (rows * cols) as colours: viridis over [low, high], or "diverging" around zero; NaN is transparent. */
  paint(values, rows, cols, { low, high, palette = "viridis", alpha = 1 } = {}) {
    [this.rows, this.cols] = [rows, cols];
    if (low === undefined || high === undefined) {
      const [least, most] = range(values);
      if (palette === "diverging") [low, high] = [-Math.max(Math.abs(least), Math.abs(most)), Math.max(Math.abs(least), Math.abs(most))];
      else [low, high] = [low ?? least, high ?? most];
    }
    const [table, span] = [this.stage.palette(palette), high - low || 1];
    this.draw(rows, cols, (out) => {
      const shade = Math.round(255 * alpha);
      for (let i = 0; i < rows * cols; i++) {
        if (Number.isNaN(values[i])) continue;
        const step = Math.min(255, Math.max(0, Math.round((255 * (values[i] - low)) / span)));
        out[i] = (table[step] & 0x00ffffff) | (shade << 24);
      }
    });
    return [low, high];
  }

  /** RGB values (rows * cols, 3) in 0..255. */
  colours(values, rows, cols) {
    [this.rows, this.cols] = [rows, cols];
    this.draw(rows, cols, (out) => {
      for (let i = 0; i < rows * cols; i++) out[i] = (255 << 24) | (values[3 * i + 2] << 16) | (values[3 * i + 1] << 8) | values[3 * i];
    });
  }

  draw(rows, cols, write) {
    if (this.canvas.width !== cols || this.canvas.height !== rows) [this.canvas.width, this.canvas.height] = [cols, rows];
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(cols, rows);
    write(new Uint32Array(image.data.buffer));
    context.putImageData(image, 0, 0);
  }

  /** Draw frames { row, col, rows, cols, kind }; rows and cols default to 1. */
  mark(...frames) {
    this.marked = frames.filter(Boolean).at(-1);
    this.marks.replaceChildren(...frames.filter(Boolean).map(({ row, col, rows = 1, cols = 1, kind = "", text }) =>
      el("div", { class: `mark ${kind}`, text, style: {
        left: `${(100 * col) / this.cols}%`, top: `${(100 * row) / this.rows}%`,
        width: `${(100 * cols) / this.cols}%`, height: `${(100 * rows) / this.rows}%` } })));
  }
}

/** The model's picture with its patch grid and, optionally, a map over it. Patches are counted row by row from 0. */
class Picture extends Cells {
  constructor(parent, stage, { onpick, onhover, label, grid = true, keys } = {}) {
    const index = (act) => act && ((row, col) => act(row === null ? null : row * this.cols + col));
    super(parent, stage, { label, kind: "picture", keys, onpick: index(onpick), onhover: index(onhover) });
    [this.rows, this.cols] = stage.data.grid;
    this.image = el("img", { alt: "", src: stage.picture(), draggable: "false" });
    this.root.prepend(this.image);
    this.root.style.setProperty("aspect-ratio", `${this.cols} / ${this.rows * stage.data.aspect}`);
    this.lines(grid);
  }

  /** Show or hide the grid lines; the second argument is another grid. */
  lines(shown, [rows, cols] = [this.rows, this.cols]) {
    this.root.classList.toggle("grid", shown && Math.max(rows, cols) <= 64);
    this.root.style.setProperty("--rows", rows);
    this.root.style.setProperty("--cols", cols);
  }

  /** Draw one value a patch over the picture; null removes the map. */
  map(values, options = {}) {
    this.canvas.hidden = !values;
    return values ? this.paint(values, this.rows, this.cols, { low: 0, alpha: 0.72, ...options }) : null;
  }

  /** Frame these patches: an index each, or [index, kind]. */
  frame(...patches) {
    this.mark(...patches.filter((p) => p !== null && p !== undefined).map((p) => {
      const [at, kind] = Array.isArray(p) ? p : [p, "chosen"];
      return { row: Math.floor(at / this.cols), col: at % this.cols, kind };
    }));
  }
}

/** A colour scale with its range in numbers. */
class Legend {
  constructor(parent, stage, palette = "viridis", caption = "") {
    const table = stage.section(palette);
    const stops = Array.from({ length: 17 }, (_, i) => {
      const at = 4 * Math.min(255, i * 16);
      return `rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})`;
    });
    this.ends = [el("span"), el("span")];
    this.caption = el("span", { class: "caption", text: caption });
    parent.append(el("div", { class: "legend" }, this.ends[0],
      el("div", { class: "ramp", style: { background: `linear-gradient(90deg, ${stops})` } }), this.ends[1], this.caption));
  }

  show(low, high, say = two) {
    this.ends[0].textContent = say(low);
    this.ends[1].textContent = say(high);
  }
}

/** Rows of label, bar and value; each row { label, value, say, kind, pick }. The longest bar is `top` (or the largest value). */
class Bars {
  constructor(parent, { label = "" } = {}) {
    this.root = parent.appendChild(el("div", { class: "bars", "aria-label": label || null }));
  }

  show(rows, top = Math.max(...rows.map((row) => Math.abs(row.value)), 1e-12)) {
    this.root.setAttribute("role", rows.some((row) => row.pick) ? "group" : "list");
    renew(this.root, ...rows.map(({ label, value, say = percent(value), kind = "", pick }) =>
      el(pick ? "button" : "div", { class: `bar-row ${kind}`, type: pick ? "button" : null, role: pick ? null : "listitem", onclick: pick },
        el("span", { class: "name", text: label, title: label }),
        el("span", { class: "track" }, el("span", { class: value < 0 ? "fill below" : "fill", style: { width: `${(100 * Math.abs(value)) / top}%` } })),
        el("span", { class: "value", text: say }))));
  }
}

/**
 * A chart of lines and dots: series [{ name, values: [[x, y], ..], kind: "a" | "b" | "c" | "quiet", dots, dash }].
 * Options: { x: caption, y: caption, xs: [low, high], ys: [low, high], ticksX, ticksY, sayX, sayY, at: x to mark, onpick(x),
 * band: [[x, low, high], ..] to fill behind the lines }.
 * Names are written at the ends of the lines. The view box is `width` x `height`; one unit is 1/10 em.
 */
class Chart {
  constructor(parent, { width = 400, height = 240, label = "" } = {}) {
    [this.width, this.height] = [width, height];
    this.root = parent.appendChild(svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }));
    this.root.addEventListener("click", (event) => {
      if (!this.onpick) return;
      const box = this.root.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * width;
      this.onpick(this.xs[0] + ((x - this.left) / this.across) * (this.xs[1] - this.xs[0]));
    });
  }

  show(series, { x = "", y = "", xs, ys, ticksX, ticksY, sayX = two, sayY = two, at = null, names = true, onpick = null, band = null } = {}) {
    const all = series.flatMap((one) => one.values);
    this.xs = xs ?? range(all.map((p) => p[0]));
    this.ys = ys ?? range(all.map((p) => p[1]));
    if (this.ys[0] === this.ys[1]) this.ys = [this.ys[0] - 1, this.ys[1] + 1];
    this.onpick = onpick;
    this.root.classList.toggle("live-cells", Boolean(onpick));
    const longest = names ? Math.max(0, ...series.map((one) => (one.name ?? "").length)) : 0;
    const wide = series.some((one) => /[가-힣]/.test(one.name ?? "")) ? 14.5 : 8.2;
    [this.left, this.top] = [48, 26];
    this.across = this.width - this.left - Math.max(14, longest * wide + 8);
    this.down = this.height - this.top - 44;
    const px = (v) => this.left + ((v - this.xs[0]) / (this.xs[1] - this.xs[0] || 1)) * this.across;
    const py = (v) => this.top + this.down - ((v - this.ys[0]) / (this.ys[1] - this.ys[0])) * this.down;
    const nodes = [];
    const [bottom, right] = [this.top + this.down, this.left + this.across];
    for (const tick of ticksY ?? ticks(...this.ys)) {
      nodes.push(svg("line", { class: "rule", x1: this.left, x2: right, y1: py(tick), y2: py(tick) }));
      nodes.push(svg("text", { class: "tick", x: this.left - 6, y: py(tick) + 5, "text-anchor": "end", text: sayY(tick) }));
    }
    for (const tick of ticksX ?? ticks(...this.xs)) nodes.push(svg("text", { class: "tick", x: px(tick), y: bottom + 18, "text-anchor": "middle", text: sayX(tick) }));
    nodes.push(svg("text", { class: "axis", x: this.left + this.across / 2, y: this.height - 5, "text-anchor": "middle", text: x }));
    nodes.push(svg("text", { class: "axis", x: 2, y: 15, text: y }));
    if (band) {
      const edge = [...band.map(([x, , high]) => [x, high]), ...band.toReversed().map(([x, low]) => [x, low])];
      nodes.push(svg("polygon", { class: "band", points: edge.map(([x, v]) => `${px(x)},${py(Math.min(this.ys[1], Math.max(this.ys[0], v)))}`).join(" ") }));
    }
    if (at !== null) nodes.push(svg("line", { class: "at", x1: px(at), x2: px(at), y1: this.top, y2: bottom }));
    const ends = [];
    for (const one of series) {
      const kind = one.kind ?? "a";
      const points = one.values.filter((p) => Number.isFinite(p[1]));
      if (!one.dots) nodes.push(svg("path", { class: `line ${kind} ${one.dash ? "dash" : ""}`, d: points.map((p, i) => `${i ? "L" : "M"}${px(p[0]).toFixed(2)} ${py(p[1]).toFixed(2)}`).join("") }));
      if (one.dots || points.length <= 40) nodes.push(...points.map((p) => svg("circle", { class: `dot ${kind}`, cx: px(p[0]), cy: py(p[1]), r: one.r ?? 3.2 })));
      if (names && one.name && points.length) ends.push({ name: one.name, kind, y: py(points.at(-1)[1]) });
    }
    ends.sort((a, b) => a.y - b.y);
    for (let i = 1; i < ends.length; i++) ends[i].y = Math.max(ends[i].y, ends[i - 1].y + 18);
    for (const end of ends) nodes.push(svg("text", { class: `name ${end.kind}`, x: right + 8, y: end.y + 5, text: end.name }));
    this.root.replaceChildren(...nodes);
  }
}

/** About four round numbers between two values. */
function ticks(low, high) {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999);
  const out = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) out.push(Math.abs(v) < step / 1e6 ? 0 : v);
  return out;
}
