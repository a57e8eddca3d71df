// The parts of "See why": the picture to erase patches of, the probabilities before and after, the grid of heads.

/** The picture with its patches. Dragging erases them, or restores them if the drag began on an erased one. */
class Easel extends Picture {
  constructor(parent, view, { label, onpaint, onhover }) {
    super(parent, view, { label, onhover });
    this.view = view;
    this.blur = el("img", { alt: "", src: view.url("blur") });
    this.blur.addEventListener("load", () => this.redraw());
    this.onpaint = onpaint;
    this.cursor = null;
    this.root.classList.add("easel");
    this.root.tabIndex = 0;
    this.root.setAttribute("role", "application");
    this.root.addEventListener("pointerdown", (event) => this.startStroke(event));
    this.root.addEventListener("pointermove", (event) => this.continueStroke(event));
    for (const end of ["pointerup", "pointercancel"]) this.root.addEventListener(end, () => (this.stroke = null));
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    this.root.addEventListener("blur", () => this.point(null));
    this.resizes = new ResizeObserver(() => this.redraw());
    this.resizes.observe(this.root);
  }

  at(event) {
    const box = this.root.getBoundingClientRect();
    const [y, x] = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
    const clamp = (value, n) => Math.min(n - 1, Math.max(0, Math.floor(value * n)));
    return [clamp(y, this.rows), clamp(x, this.cols)];
  }

  startStroke(event) {
    if (event.button !== 0) return;
    const [row, col] = this.at(event);
    this.root.setPointerCapture(event.pointerId);
    this.stroke = { on: !this.view.erased.has(row * this.cols + col), row, col };
    this.onpaint([row * this.cols + col], this.stroke.on);
  }

  /** Every patch on the way: a fast drag skips events, but must not skip patches. */
  continueStroke(event) {
    if (!this.stroke) return;
    const [row, col] = this.at(event);
    const steps = Math.max(Math.abs(row - this.stroke.row), Math.abs(col - this.stroke.col));
    if (!steps) return;
    const along = Array.from({ length: steps }, (_, i) => {
      const part = (i + 1) / steps;
      const [r, c] = [this.stroke.row + part * (row - this.stroke.row), this.stroke.col + part * (col - this.stroke.col)];
      return Math.round(r) * this.cols + Math.round(c);
    });
    Object.assign(this.stroke, { row, col });
    this.onpaint(along, this.stroke.on);
  }

  onKey(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const middle = Math.floor(this.rows / 2) * this.cols + Math.floor(this.cols / 2);
    if (step) {
      const from = this.cursor ?? middle;
      const row = Math.min(this.rows - 1, Math.max(0, Math.floor(from / this.cols) + step[0]));
      const col = Math.min(this.cols - 1, Math.max(0, (from % this.cols) + step[1]));
      this.point(row * this.cols + col);
    } else if (event.key === " " || event.key === "Enter") {
      const patch = this.cursor ?? middle;
      this.point(patch);
      this.onpaint([patch], !this.view.erased.has(patch));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  point(patch) {
    this.cursor = patch;
    this.view.pointed(patch);
  }

  /** The erased patches as the model gets them. Each has a frame, or black on black could not be seen. */
  redraw() {
    const box = this.root.getBoundingClientRect();
    const scale = globalThis.devicePixelRatio || 1;
    const [width, height] = [Math.round(box.width * scale), Math.round(box.height * scale)];
    if (!width || !height) return;
    if (this.canvas.width !== width || this.canvas.height !== height) [this.canvas.width, this.canvas.height] = [width, height];
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const fill = this.view.fill;
    const line = Math.max(1, Math.round(scale * (this.rows > 20 ? 1 : 1.5)));
    for (const patch of this.view.erased) {
      const [row, col] = [Math.floor(patch / this.cols), patch % this.cols];
      const [x, y] = [Math.round((col * width) / this.cols), Math.round((row * height) / this.rows)];
      const [w, h] = [Math.round(((col + 1) * width) / this.cols) - x, Math.round(((row + 1) * height) / this.rows) - y];
      context.fillStyle = fill === "black" ? "#000" : `rgb(${this.view.data.mean})`;
      context.fillRect(x, y, w, h);
      if (fill === "blur" && this.blur.complete && this.blur.naturalWidth) {
        const [bw, bh] = [this.blur.naturalWidth / this.cols, this.blur.naturalHeight / this.rows];
        context.drawImage(this.blur, col * bw, row * bh, bw, bh, x, y, w, h);
      }
      context.lineWidth = line;
      context.strokeStyle = "#000";
      context.strokeRect(x + 1.5 * line, y + 1.5 * line, w - 3 * line, h - 3 * line);
      context.strokeStyle = "#fff";
      context.strokeRect(x + line / 2, y + line / 2, w - line, h - line);
    }
  }
}

/** A row for each class, in a fixed order: the probability before as an outline, the present one as a bar. */
class Probabilities {
  constructor(parent, view) {
    this.view = view;
    this.root = parent.appendChild(el("div", { class: "probabilities", role: "list" }));
    this.root.classList.toggle("threshold", view.data.threshold !== null);
    this.rows = view.data.shown.map((one) => this.row(one));
    this.other = this.row({ name: "", p: 0 });
    this.other.root.classList.add("other");
    this.other.root.style.visibility = "hidden";
  }

  row({ class: number, name, p }) {
    const kind = number === this.view.data.pair[0] ? "a" : number === this.view.data.pair[1] ? "b" : "";
    const words = this.view.data.words;
    const tag = kind === "a" ? words.tag_predicted : kind === "b" ? (this.view.data.labelled ? words.tag_label : words.tag_second) : "";
    const parts = { name: el("span", { class: "name", dir: "auto", text: name, title: name }), tag: el("span", { class: "tag", text: tag }),
      now: el("span", { class: "now" }), before: el("span", { class: "before" }), value: el("span", { class: "value" }) };
    parts.root = this.root.appendChild(el("div", { class: `one ${kind}`, role: "listitem" },
      parts.name, parts.tag, el("span", { class: "track" }, parts.now, parts.before), parts.value));
    parts.before.style.width = `${100 * p}%`;
    return Object.assign(parts, { p });
  }

  /** `values`: of each row; `now`: [class, name, probability] of the prediction. */
  show(values, now) {
    const { data } = this.view;
    const fillIn = (row, value, first) => {
      row.now.style.width = `${100 * value}%`;
      row.value.textContent = percent(value);
      row.value.title = fill(data.words.before_value, { before: percent(row.p) });
      row.root.classList.toggle("first", data.threshold === null ? first : value >= data.threshold);
    };
    values.forEach((value, i) => fillIn(this.rows[i], value, data.shown[i].class === now[0]));
    const outside = !data.shown.some((one) => one.class === now[0]);
    this.other.root.style.visibility = outside ? "visible" : "hidden";
    if (!outside) return;
    this.other.name.textContent = this.other.name.title = this.view.nameOf(now);
    fillIn(this.other, now[2], true);
  }
}

/** A row for each layer: its heads, then the whole layer. Arrow keys move, space toggles. */
class Switches {
  constructor(parent, view, { onhead, onlayer }) {
    const { layers, heads, words } = view.data;
    this.view = view;
    this.at = [0, 0];
    this.buttons = [];
    const cell = (layer, head, act) => {
      const whole = head === heads;
      const node = el("button", { type: "button", tabindex: layer || head ? -1 : 0, class: whole ? "whole" : "head",
        title: fill(whole ? words.layer : words.head, { layer: layer + 1, head: head + 1 }), onclick: act });
      node.setAttribute("aria-label", node.title);
      node.addEventListener("focus", () => (this.at = [layer, head]));
      return node;
    };
    this.root = parent.appendChild(el("div", { class: "switches", role: "group", "aria-label": words.heads_title, style: { "--heads": heads, "--layers": layers } }));
    for (let layer = 0; layer < layers; layer++) {
      const row = Array.from({ length: heads }, (_, head) => cell(layer, head, () => onhead(layer, head)));
      row.push(cell(layer, heads, () => onlayer(layer)));
      row[heads].textContent = layer + 1;
      this.buttons.push(row);
      this.root.append(...row);
    }
    this.root.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!step) return;
      const clamp = (value, n) => Math.min(n, Math.max(0, value));
      const [layer, head] = [clamp(this.at[0] + step[0], layers - 1), clamp(this.at[1] + step[1], heads)];
      const [from, to] = [this.buttons[this.at[0]][this.at[1]], this.buttons[layer][head]];
      [from.tabIndex, to.tabIndex] = [-1, 0];
      to.focus();
      event.preventDefault();
      event.stopPropagation();
    });
  }

  show() {
    const { heads, layers } = this.view;
    this.buttons.forEach((row, layer) => {
      const gone = layers.has(layer);
      row.forEach((node, head) => {
        const off = head === row.length - 1 ? gone : heads.has(`${layer},${head}`);
        node.setAttribute("aria-pressed", !off && !gone);
        node.classList.toggle("gone", gone);
      });
    });
  }
}
