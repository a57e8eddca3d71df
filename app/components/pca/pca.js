// The patches' features as colours: a small map for each layer, and what the colours of the chosen layer hold. The atlas
// takes that layer's map from the shelf and shows it over its picture. All choices are the atlas' (its CHOICES).

const GREY = 96; // of patches outside of the chosen side
const CHANNELS = ["red", "green", "blue"];

class Pca {
  constructor(root) {
    this.root = root;
    root.pca = this;
    this.find = (selector) => root.querySelector(selector);
    this.strip = this.find(".strip");
    this.strip.addEventListener("change", (event) => this.change({ layer: Number(event.target.value) }));
    this.strip.addEventListener("pointerleave", () => this.preview(null));
    SHELF.views.add(this); // the atlas of this picture finds it there
  }

  dispose() {
    SHELF.views.delete(this);
  }

  /** A payload has arrived on the shelf: the atlas draws it, and calls `follow`. */
  arrived() {}

  /** The atlas that shows this picture; undefined until it has it. */
  get atlas() {
    return [...SHELF.views].find((view) => view.model?.id === this.header?.of);
  }

  change(choice) {
    if (this.atlas) this.atlas.over = null;
    this.atlas?.change(choice);
  }

  /** Show a layer's map over the picture while the pointer is on it; null: the chosen layer's again. */
  preview(layer) {
    const { atlas } = this;
    if (!atlas || atlas.save.open) return;
    atlas.over = layer === null ? null : [layer, atlas.state.head];
    atlas.redraw();
  }

  render({ data }) {
    const header = decode(data);
    if (this.header?.id === header.id) return;
    this.header = header;
    this.root.hidden = Boolean(header.refused);
    if (header.refused) return void this.atlas?.redraw();
    const { grid: [rows, cols], size, layers, words } = header;
    this.patches = rows * cols;
    for (const name of ["colours", "projections", "foreground", "explained"]) this[name] = header.section(name);
    for (const [name, value] of Object.entries({ ratio: size[0] / size[1], columns: header.columns })) this.root.style.setProperty(`--${name}`, value);
    this.root.setAttribute("aria-label", words.label);
    this.strip.setAttribute("aria-label", words.layers);
    while (this.strip.children.length > layers) this.strip.lastChild.remove();
    while (this.strip.children.length < layers) this.strip.append(this.cell(this.strip.children.length));
    for (const name of ["facet", "foreground"]) {
      const group = this.find(`.${name}`);
      group.setAttribute("aria-label", words[name]);
      group.title = words[name];
      segments(group, name, header.choices[name], words, (value) => this.change({ [name]: value }));
    }
    this.painted = null;
    this.atlas?.redraw();
  }

  cell(layer) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "layer", value: layer });
    const map = Object.assign(document.createElement("canvas"), { className: "map" });
    label.append(Object.assign(document.createElement("span"), { textContent: layer + 1 }), map, input);
    label.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && this.preview(layer));
    return label;
  }

  /** Show what the atlas' view chooses. It calls this with each drawing. */
  follow(view) {
    const { header: { words, grid: [rows, cols], layers, facet }, root, strip } = this;
    const { state } = view;
    root.dataset.state = facet === state.facet ? "ready" : "loading"; // else the page still computes
    if (this.painted !== state.foreground) {
      this.painted = state.foreground;
      for (let layer = 0; layer < layers; layer++) {
        const canvas = Object.assign(strip.children[layer].querySelector(".map"), { width: cols, height: rows });
        const pixels = new Uint8ClampedArray(this.pixels(layer, state.foreground).buffer);
        canvas.getContext("2d").putImageData(new ImageData(pixels, cols, rows), 0, 0);
      }
    }
    strip.children[state.layer].querySelector("input").checked = true;
    for (const name of ["facet", "foreground"])
      for (const input of this.find(`.${name}`).querySelectorAll("input")) input.checked = input.value === state[name];
    const [layer] = view.selected();
    const [shares, rest] = [this.shares(layer), this.rest(layer)];
    this.find(".explained").textContent = `${fill(words.of_layer, { layer: layer + 1 })} ${this.holds(layer)}`;
    const parts = [...shares, rest];
    [...this.find(".shares").children].forEach((bar, i) => (bar.style.flexGrow = parts[i]));
    [...this.find(".key").children].forEach((span, i) => (span.textContent = fill(words[CHANNELS[i] ?? "rest"], { share: percent(parts[i]) })));
  }

  /** A layer's map as 32-bit pixels, one a patch. `side` is one of the choices of "foreground". */
  pixels(layer, side, alpha = 1) {
    const { patches, colours } = this;
    const pixels = new Uint32Array(patches);
    const bytes = new Uint8Array(pixels.buffer);
    for (let patch = 0, i = layer * patches; patch < patches; patch++, i++) {
      const rgb = this.coloured(i, side) ? colours.subarray(3 * i, 3 * i + 3) : [GREY, GREY, GREY];
      bytes.set([...rgb, Math.round(255 * alpha)], 4 * patch);
    }
    return pixels;
  }

  /** Whether the patch at this index of all layers' patches keeps its colour. */
  coloured(index, side) {
    return side === "off" || Boolean(this.foreground[index]) === (side === "on");
  }

  shares(layer) {
    return this.explained.subarray(3 * layer, 3 * layer + 3);
  }

  /** The share of the variance that the three colours do not hold. */
  rest(layer) {
    return Math.max(0, 1 - this.shares(layer).reduce((sum, share) => sum + share, 0));
  }

  holds(layer) {
    const { words } = this.header;
    const [a, b, c] = [...this.shares(layer)].map(percent);
    return this.shares(layer)[0] > 0 ? fill(words.holds, { a, b, c }) : words.nothing;
  }

  // What the atlas says of it.

  title(layer) {
    const { words, facet } = this.header;
    return fill(words[`title_${facet}`], { layer: layer + 1 });
  }

  /** The line beneath the title. */
  note(layer, side) {
    const { words } = this.header;
    return side === "off" ? words.note : this.onSide(words.note_side, layer, side);
  }

  /** A sentence on how many patches are coloured. */
  onSide(sentence, layer, side) {
    const { header: { words }, patches } = this;
    let count = 0;
    for (let i = layer * patches; i < (layer + 1) * patches; i++) count += this.coloured(i, side);
    return fill(sentence, { count, patches, side: words[`foreground_${side}`] });
  }

  /** The values of a patch, counted from 0, in two parts. */
  readout(layer, patch, side, place) {
    const { header: { words }, patches } = this;
    const at = layer * patches + patch;
    const values = [...this.projections.subarray(3 * at, 3 * at + 3)].map(signed);
    return [place, fill(words[this.coloured(at, side) ? "values" : "values_grey"], { a: values[0], b: values[1], c: values[2] })];
  }

  /** What stands in a caption. */
  caption(layer, { foreground, opacity }) {
    const { words } = this.header;
    return [
      this.title(layer), words.caption, this.holds(layer), words.caption_colours,
      foreground !== "off" && this.onSide(words.caption_side, layer, foreground),
      opacity !== "1" && fill(words.caption_opacity, { value: percent(Number(opacity)) }),
    ].filter(Boolean);
  }

  /** What a file's name says of it. */
  nameParts(layer, { foreground }) {
    return [`layer-${layer + 1}`, `features-${this.header.facet}`, { on: "foreground", other: "other-side" }[foreground]];
  }

  /** A layer's components one after the other, (3, rows, cols). */
  numbers(layer) {
    const { patches, projections } = this;
    const at = layer * patches;
    return Float32Array.from({ length: 3 * patches }, (_, i) => projections[3 * (at + (i % patches)) + Math.floor(i / patches)]);
  }
}

/** Two significant digits with a proper minus sign. */
const signed = (value) => String(Number(value.toPrecision(2))).replace("-", "−");

const MOUNTS = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".pca");
  if (!root || !(data instanceof Uint8Array)) return;
  let view = MOUNTS.get(parentElement);
  if (view?.root !== root) {
    view?.dispose();
    MOUNTS.set(parentElement, (view = new Pca(root)));
  }
  view.render(component);
  return () => {
    const atlas = view.atlas;
    view.dispose();
    MOUNTS.delete(parentElement);
    atlas?.redraw();
  };
}
