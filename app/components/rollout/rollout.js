// The rollout up to each depth, as small maps. The chosen one goes onto the shelf, from where the atlas takes it and shows
// it over the picture.

class Rollout {
  constructor(root) {
    this.root = root;
    root.rollout = this;
    this.find = (selector) => root.querySelector(selector);
    this.strip = this.find(".strip");
    this.shared = this.find(".shared input");
    this.clip = this.find(".clip input");
    this.clip.addEventListener("change", () => this.choose({ clip: this.clip.checked }));
    this.shared.addEventListener("change", () => this.choose({ shared: this.shared.checked }));
    this.strip.addEventListener("change", (event) => this.choose({ depth: Number(event.target.value) }));
    SHELF.views.add(this);
  }

  dispose() {
    SHELF.views.delete(this);
    SHELF.flow = null;
    this.show(null);
  }

  /** A payload has arrived on the shelf. */
  arrived(header) {
    if (header.id === this.header?.of) this.paint();
  }

  render({ data, setStateValue }) {
    this.send = setStateValue;
    const header = decode(data);
    if (this.header?.id === header.id) return;
    const { grid: [rows, cols], size, first, labels, prefix, words } = (this.header = header);
    const tokens = prefix + rows * cols;
    this.rows = labels.map((_, i) => header.section("rows").subarray(i * tokens, (i + 1) * tokens));
    this.maps = this.rows.map((row) => row.subarray(prefix));
    this.chosen = header.chosen;
    const style = this.root.style;
    for (const [name, value] of Object.entries({ ratio: size[0] / size[1], columns: header.columns })) style.setProperty(`--${name}`, value);
    this.strip.setAttribute("aria-label", words.depths);
    while (this.strip.children.length > labels.length) this.strip.lastChild.remove();
    while (this.strip.children.length < labels.length) this.strip.append(this.cell());
    [...this.strip.children].forEach((label, i) => {
      label.querySelector("span").textContent = labels[i];
      label.querySelector("input").value = first + i;
    });
    for (const name of ["shared", "clip"]) {
      this.find(`.${name}`).title = words[`${name}_title`];
      this.find(`.${name} span`).textContent = words[name];
    }
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
    this.chosen = { ...this.chosen, ...what };
    this.paint();
    this.send("chosen", this.chosen);
  }

  /** The index of the map that is shown over the picture. */
  get index() {
    return Math.min(Math.max(this.chosen.depth - this.header.first, 0), this.maps.length - 1);
  }

  /** The value of a map's brightest colour: that of all maps, or its own. */
  top(map, clip = this.chosen.clip) {
    const end = (one) => scaleEnd(one, 0, one.length, clip, false, this.outliers);
    return this.chosen.shared ? Math.max(...this.maps.map(end)) : end(map);
  }

  paint() {
    const { header: { grid: [rows, cols], of, first, token, settings }, index } = this;
    const atlas = SHELF.blobs.get(of)?.header; // missing until it has arrived
    this.root.dataset.state = atlas ? "ready" : "loading";
    this.show(atlas ? of : null, atlas);
    if (!atlas) return;
    this.outliers = atlas.outliers.patches.length;
    const colours = new Uint32Array(atlas.section("viridis").slice().buffer);
    const cells = [...this.strip.querySelectorAll(".map")];
    this.maps.forEach((map, i) => shadeMap(cells[i], map, rows, cols, colours, this.top(map)));
    const map = this.maps[index];
    const [top, full] = [this.top(map), this.top(map, false)];
    const clipped = full > top;
    this.strip.children[index].querySelector("input").checked = true;
    shadeMap(this.find(".ramp"), Float32Array.from({ length: 256 }, (_, i) => i), 1, 256, colours, 255);
    const ticks = this.find(".ticks").children;
    [0, top / 2, top].forEach((value, i) => (ticks[i].textContent = `${clipped && i === 2 ? "≥\u00a0" : ""}${percent(value)}`));
    this.root.toggleAttribute("data-clipped", clipped);
    const sentence = clipped ? clippedSentence(this.header.words, { end: top, above: countAbove(map, 0, map.length, top) }) : "";
    this.find(".clipped").textContent = sentence;
    this.shared.checked = this.chosen.shared;
    this.clip.checked = this.chosen.clip;
    SHELF.flow = {
      of, token, top: Math.fround(Math.sqrt(top)), full: Math.fround(Math.sqrt(full)), root: this.rows[index].map(Math.sqrt), depth: first + index - 1, first: settings.first - 1,
      plain: settings.plain, residual: settings.residual, fusion: settings.fusion, discard: settings.discard, shared: this.chosen.shared,
      clip: this.chosen.clip,
    };
    for (const view of SHELF.views) view.redraw?.();
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
}

/** Draw one pixel per patch; the browser enlarges it without smoothing. */
function shadeMap(canvas, values, rows, cols, colours, top) {
  Object.assign(canvas, { width: cols, height: rows });
  const context = canvas.getContext("2d");
  const image = context.createImageData(cols, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const factor = top > 0 ? 255 / top : 0;
  for (let i = 0; i < pixels.length; i++) pixels[i] = colours[Math.min(Math.round(values[i] * factor), 255)];
  context.putImageData(image, 0, 0);
}

const MOUNTS = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".rollout");
  if (!root || !(data instanceof Uint8Array)) return;
  let view = MOUNTS.get(parentElement);
  if (view?.root !== root) {
    view?.dispose();
    MOUNTS.set(parentElement, (view = new Rollout(root)));
  }
  view.render(component);
  return () => {
    view.dispose();
    MOUNTS.delete(parentElement);
  };
}
