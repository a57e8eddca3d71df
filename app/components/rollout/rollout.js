// The rollout up to each depth, as maps over the picture, which comes with the atlas' payload.

/** The choices made in this tab. They stay when the picture, the model or the page changes. */
const CHOSEN = (globalThis[Symbol.for("vitrine.rollout")] ??= { opacity: 0.65, shared: true, depth: null, span: "" });
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

class Rollout {
  constructor(root) {
    this.root = root;
    root.rollout = this;
    this.find = (selector) => root.querySelector(selector);
    [this.strip, this.stage, this.here] = [".strip", ".enlarged", ".spot.here"].map(this.find);
    this.readout = this.find(".reading");
    this.opacity = this.find(".opacity input");
    this.shared = this.find(".shared input");
    this.opacity.addEventListener("input", () => this.choose({ opacity: Number(this.opacity.value) }));
    this.shared.addEventListener("change", () => this.choose({ shared: this.shared.checked }));
    this.strip.addEventListener("change", (event) => this.choose({ depth: Number(event.target.value) }));
    this.stage.addEventListener("pointermove", (event) => this.over(event));
    this.stage.addEventListener("pointerleave", () => this.read(null));
    this.stage.addEventListener("blur", () => this.read(null));
    this.stage.addEventListener("keydown", (event) => this.pressed(event));
    SHELF.views.add(this);
  }

  dispose() {
    SHELF.views.delete(this);
    this.show(null);
  }

  /** A payload has arrived on the shelf. */
  arrived(header) {
    if (header.id === this.header?.of) this.paint();
  }

  render(bytes) {
    const header = decode(bytes);
    if (this.header?.id === header.id) return;
    const { grid: [rows, cols], size, first, labels, words } = (this.header = header);
    const maps = header.section("maps");
    this.maps = labels.map((_, i) => maps.subarray(i * rows * cols, (i + 1) * rows * cols));
    const span = `${first} ${labels.length}`;
    if (CHOSEN.span !== span) Object.assign(CHOSEN, { span, depth: null }); // other layers: show the last one
    const style = this.root.style;
    for (const [name, value] of Object.entries({ rows, cols, ratio: size[0] / size[1], columns: header.columns })) style.setProperty(`--${name}`, value);
    this.strip.hidden = labels.length < 2;
    this.strip.setAttribute("aria-label", words.depths);
    while (this.strip.children.length > labels.length) this.strip.lastChild.remove();
    while (this.strip.children.length < labels.length) this.strip.append(this.cell());
    [...this.strip.children].forEach((label, i) => {
      label.querySelector("span").textContent = labels[i];
      label.querySelector("input").value = first + i;
    });
    this.stage.setAttribute("aria-label", words.stage);
    this.find(".opacity span").textContent = words.opacity;
    this.find(".shared span").textContent = words.shared;
    this.find(".help").textContent = words.help;
    place(this.find(".spot.from"), header.patch);
    this.read(null);
    this.paint();
  }

  cell() {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "depth" });
    const frame = Object.assign(document.createElement("div"), { className: "cell" });
    frame.append(Object.assign(new Image(), { className: "ground", alt: "" }), Object.assign(document.createElement("canvas"), { className: "map" }));
    label.append(document.createElement("span"), frame, input);
    return label;
  }

  choose(what) {
    Object.assign(CHOSEN, what);
    this.paint();
  }

  /** The index of the enlarged map. */
  get index() {
    const last = this.maps.length - 1;
    return CHOSEN.depth === null ? last : Math.min(Math.max(CHOSEN.depth - this.header.first, 0), last);
  }

  /** The range of a map's colours: from 0 to the maximum of all maps, or its own. */
  limits(map) {
    if (CHOSEN.shared) return [0, Math.max(...this.maps.map((one) => largest(one)))];
    return [-largest(map, -1), largest(map)];
  }

  paint() {
    const { grid: [rows, cols], of, sentences } = this.header;
    const atlas = SHELF.blobs.get(of)?.header; // missing until it has arrived
    this.root.dataset.state = atlas ? "ready" : "loading";
    this.show(atlas ? of : null, atlas);
    if (!atlas) return;
    const colours = new Uint32Array(atlas.section("viridis").slice().buffer);
    const cells = [...this.strip.querySelectorAll(".map")];
    this.maps.forEach((map, i) => shade(cells[i], map, rows, cols, colours, this.limits(map)));
    const { index } = this;
    const limits = this.limits(this.maps[index]);
    this.strip.children[index].querySelector("input").checked = true;
    shade(this.find(".one .map"), this.maps[index], rows, cols, colours, limits);
    shade(this.find(".ramp"), Float32Array.from({ length: 256 }, (_, i) => i), 1, 256, colours, [0, 255]);
    const ticks = this.find(".ticks").children;
    [limits[0], (limits[0] + limits[1]) / 2, limits[1]].forEach((value, i) => (ticks[i].textContent = percent(value)));
    this.find(".said b").textContent = sentences[index][0];
    this.find(".said span").textContent = sentences[index][1];
    this.root.style.setProperty("--opacity", CHOSEN.opacity);
    this.opacity.value = CHOSEN.opacity;
    this.find(".opacity output").textContent = `${Math.round(100 * CHOSEN.opacity)}\u00a0%`;
    this.shared.checked = CHOSEN.shared;
    if (this.at) this.read(this.at);
  }

  /** Show the picture with that name on the shelf beneath all maps. */
  show(name, atlas) {
    if (name !== this.shown) {
      if (this.url) URL.revokeObjectURL(this.url);
      this.url = name && URL.createObjectURL(new Blob([atlas.section("picture")], { type: "image/jpeg" }));
      this.shown = name;
    }
    for (const image of this.root.querySelectorAll(".ground")) {
      if (!this.url) image.removeAttribute("src");
      else if (image.getAttribute("src") !== this.url) image.src = this.url;
    }
  }

  over(event) {
    const box = this.stage.getBoundingClientRect();
    const [rows, cols] = this.header.grid;
    const at = (from, size, of) => Math.min(Math.max(Math.floor((from / size) * of), 0), of - 1);
    this.read([at(event.clientY - box.top, box.height, rows), at(event.clientX - box.left, box.width, cols)]);
  }

  pressed(event) {
    const step = STEPS[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const from = this.at ?? this.header.patch ?? this.header.grid.map((n) => Math.floor((n - 1) / 2));
    this.read(this.at ? from.map((n, i) => Math.min(Math.max(n + step[i], 0), this.header.grid[i] - 1)) : from);
  }

  /** Show the enlarged map's value at (row, col); null shows nothing. */
  read(at) {
    this.at = at;
    place(this.here, at);
    const share = at && this.maps[this.index][at[0] * this.header.grid[1] + at[1]];
    this.readout.textContent = at ? fill(this.header.words.place, { row: at[0] + 1, col: at[1] + 1, percent: percent(share) }) : "";
  }
}

const largest = (map, sign = 1) => map.reduce((most, value) => Math.max(most, sign * value), -Infinity);

/** Move a mark onto a patch, or hide it (null). */
function place(mark, at) {
  mark.style.visibility = at ? "visible" : "hidden";
  if (at) mark.style.transform = `translate(${100 * at[1]}%, ${100 * at[0]}%)`;
}

/** Draw one pixel per patch; the browser enlarges it without smoothing. */
function shade(canvas, values, rows, cols, colours, [low, high]) {
  Object.assign(canvas, { width: cols, height: rows });
  const context = canvas.getContext("2d");
  const image = context.createImageData(cols, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const factor = high > low ? 255 / (high - low) : 0;
  for (let i = 0; i < pixels.length; i++) pixels[i] = colours[Math.min(Math.max(Math.round((values[i] - low) * factor), 0), 255)];
  context.putImageData(image, 0, 0);
}

const MOUNTS = new WeakMap();

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".rollout");
  if (!root || !(data instanceof Uint8Array)) return;
  let view = MOUNTS.get(parentElement);
  if (view?.root !== root) {
    view?.dispose();
    MOUNTS.set(parentElement, (view = new Rollout(root)));
  }
  view.render(data);
  return () => {
    view.dispose();
    MOUNTS.delete(parentElement);
  };
}
