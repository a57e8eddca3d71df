// See why with two models, A and B: for each its picture, probabilities and maps; pointing shows the same place in both.

/** A name that keeps its own writing direction inside a sentence. */
const iso = (name) => `\u2068${name}\u2069`;

/** One model's column. */
class Side {
  constructor(view, number) {
    Object.assign(this, { view, number, data: view.data.sides[number] });
    const { words, rows } = view.data;
    const of = this.data;
    this.root = el("section", { class: "side", "aria-label": of.title }, el("h3", { dir: "auto", text: of.title, title: of.title }));
    this.root.append(el("p", { class: `prediction ${of.outcome}`, dir: "auto", text: of.prediction }));
    this.root.style.setProperty("--ratio", of.grid[1] / (of.grid[0] * of.aspect));
    const top = this.root.appendChild(el("div", { class: "top" }));
    const hover = (patch) => view.pointed(this, patch);
    this.pictures = [new Picture(top.appendChild(el("div")), this, { label: of.title, onhover: hover })];
    new Bars(top, { label: of.prediction }).show(of.bars.map(([name, value, kind]) => ({ label: name, value, kind })), 1);
    const maps = this.root.appendChild(el("div", { class: "maps", style: { "--maps": rows.length } }));
    this.values = rows.map((row, i) => {
      const values = view.section(`map ${number} ${i}`);
      const title = fill(words.map_title, { name: iso(row.name) });
      const part = maps.appendChild(el("div", { class: "map" }, el("h4", { dir: "auto", text: title, title }), el("p", { class: "note", text: row.tag })));
      if (!values) part.append(el("p", { class: "none", text: words.both_none }));
      else {
        const picture = new Picture(part, this, { label: `${of.title}: ${title}`, grid: false, onhover: hover });
        picture.map(values, { low: 0, high: 1 });
        this.pictures.push(picture);
      }
      return values;
    });
  }

  // What the lecture's drawings need from their stage.
  picture() {
    return this.view.url(`picture ${this.number}`);
  }

  palette(name) {
    return pixels(this.view.section(name));
  }

  /** The middle of a patch, as shares of the picture's height and width. */
  place(patch) {
    const [rows, cols] = this.data.grid;
    return [(Math.floor(patch / cols) + 0.5) / rows, ((patch % cols) + 0.5) / cols];
  }

  at([y, x]) {
    const [rows, cols] = this.data.grid;
    return Math.min(rows - 1, Math.floor(y * rows)) * cols + Math.min(cols - 1, Math.floor(x * cols));
  }

  frame(patch) {
    for (const picture of this.pictures) picture.frame(patch);
  }

  /** What the maps have at a patch, in words. */
  say(patch) {
    const { words, rows } = this.view.data;
    const values = rows.map((row, i) => (this.values[i] ? `${iso(row.name)} ${percent(this.values[i][patch])}` : null)).filter(Boolean);
    return fill(words.both_reading, { side: "AB"[this.number], row: Math.floor(patch / this.data.grid[1]) + 1, col: (patch % this.data.grid[1]) + 1, values: values.join(", ") });
  }
}

class BothView {
  constructor(root) {
    this.root = root;
    this.urls = {};
    this.resizes = new ResizeObserver(() => this.resize());
    this.resizes.observe(root);
    root.both = this;
  }

  open(data) {
    if (this.data?.id === data.id) return;
    this.release();
    this.data = data;
    this.sides = data.sides.map((_, number) => new Side(this, number));
    this.legendPlace = el("div", { class: "below" });
    this.legend = new Legend(this.legendPlace, this, "viridis", data.words.both_scale);
    this.legend.show(0, 1, percent);
    this.reading = this.legendPlace.appendChild(el("p", { class: "note reading", dir: "auto" }));
    this.root.replaceChildren(el("div", { class: "sides" }, ...this.sides.map((side) => side.root)), this.legendPlace);
    this.pointed(null, null);
    this.resize();
    this.root.dataset.state = "ready";
  }

  section(name) {
    return this.data.section(name);
  }

  url(name) {
    return (this.urls[name] ??= URL.createObjectURL(new Blob([this.section(name)], { type: "image/webp" })));
  }

  release() {
    for (const url of Object.values(this.urls)) URL.revokeObjectURL(url);
    this.urls = {};
  }

  pointed(from, patch) {
    const said = [];
    for (const side of this.sides) {
      const at = patch === null ? null : side === from ? patch : this.data.same ? side.at(from.place(patch)) : null;
      side.frame(at);
      if (at !== null) said.push(side.say(at));
    }
    this.reading.textContent = said.join(" · ") || this.data.words[this.data.same ? "both_hint" : "both_hint_apart"];
  }

  /** All sizes are in em. Choose the em that fits the width without making the view higher than the window. */
  resize() {
    const wide = this.root.clientWidth;
    if (!wide) return;
    const narrow = wide < 640;
    this.root.classList.toggle("narrow", narrow);
    this.root.style.setProperty("--em", `${narrow ? 13 : Math.min(wide / 76, Math.max(430, 0.64 * innerHeight) / 35)}px`);
  }

  dispose() {
    this.resizes.disconnect();
    this.release();
  }
}

const MOUNTED = new WeakMap();

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".both");
  if (!root || !(data instanceof Uint8Array)) return;
  let view = MOUNTED.get(root);
  if (!view) MOUNTED.set(root, (view = new BothView(root)));
  view.open(decode(data));
  return () => {
    view.dispose();
    MOUNTED.delete(root);
  };
}
