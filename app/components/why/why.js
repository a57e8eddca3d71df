// See why, the view: what is erased or switched off, the message to Python, and the answer.

const ANSWER_TIMEOUT = 5000; // ms after which an answer counts as lost
const RUN_END = 250; // ms from the first curve until Streamlit has ended the run that sent it

/** A name that keeps its own writing direction inside a sentence. */
const iso = (name) => `\u2068${name}\u2069`;

class WhyView {
  constructor(root) {
    this.root = root;
    this.tag = Math.random().toString(36).slice(2, 7); // tells answers to this mount from those to an earlier one
    this.number = 0;
    this.urls = {};
    this.compare = new Comparison(this);
    this.resizes = new ResizeObserver(() => this.resize());
    this.resizes.observe(root);
    SHARED.views.add(this);
    root.why = this;
    root.dataset.state = "loading";
  }

  dispose() {
    this.resizes.disconnect();
    this.easel?.resizes.disconnect();
    SHARED.views.delete(this);
    this.release();
  }

  release() {
    for (const url of Object.values(this.urls)) URL.revokeObjectURL(url);
    this.urls = {};
    this.sections = new Map();
  }

  render({ data, setStateValue }) {
    this.send = setStateValue;
    this.id = data.id;
    const found = SHARED.payloads.get(data.id);
    if (found && found !== this.data) this.open(found);
  }

  /** Called for every payload that arrives; opens the one that this view waits for. */
  arrived(data) {
    if (data.id === this.id && data !== this.data) this.open(data);
  }

  open(data) {
    const same = this.data?.of === data.of; // the same picture in another language
    this.release();
    this.data = data;
    if (!same) {
      [this.erased, this.heads, this.layers] = [new Set(), new Set(), new Set()];
      Object.assign(this, { k: 0, rankedFor: 0, curves: new Map(), mapsOf: new Map(), pending: null, dirty: false });
      this.compare.reset();
      this.values = data.shown.map((one) => one.p);
      const best = data.shown.reduce((a, b) => (b.p > a.p ? b : a));
      this.now = [best.class, best.name, best.p];
    }
    Object.assign(this, { fill: data.fill, method: data.method, chosen: data.method }); // as the address has them
    this.mapsOf.set(data.method, this.section(data.method));
    this.keepFirstCurve();
    this.names = data.pair.map((number) => this.nameOf([number]));
    this.build();
    this.root.dataset.state = "ready";
  }

  /** Of [class, name, ..]. */
  nameOf([number, name]) {
    const shown = this.data.shown.find((one) => one.class === number);
    return shown?.name ?? this.data.translations[name] ?? name ?? fill(this.data.words.class, { number });
  }

  // What the lecture's drawings need from their stage.
  section(name) {
    if (!this.sections.has(name)) this.sections.set(name, this.data.section(name));
    return this.sections.get(name);
  }

  palette(name) {
    return pixels(this.section(name));
  }

  url(name) {
    return (this.urls[name] ??= URL.createObjectURL(new Blob([this.section(name)], { type: "image/webp" })));
  }

  picture() {
    return this.url("picture");
  }

  /** One of the pair's maps, or with "difference" the second minus the first. */
  map(which) {
    const [both, n] = [this.mapsOf.get(this.method), this.patches];
    if (which !== "difference") return both.subarray(n * which, n * (which + 1));
    return Float32Array.from({ length: n }, (_, i) => both[n + i] - both[i]);
  }

  /** Patches by their evidence for one of the pair, most first; equal ones in their own order. */
  ranking(which) {
    const map = this.map(which);
    return Array.from(map.keys()).sort((a, b) => map[b] - map[a] || a - b);
  }

  /** The number of erased patches if they are the first of that ranking; null if others are erased, by hand or by
   *  another order. */
  ranked(which) {
    const first = this.ranking(which).slice(0, this.erased.size);
    return first.every((patch) => this.erased.has(patch)) ? first.length : null;
  }

  build() {
    const { words, grid } = this.data;
    this.patches = grid[0] * grid[1];
    this.easel?.resizes.disconnect();
    const [left, middle, right] = ["left", "middle", "right"].map((kind) => el("div", { class: `side ${kind}` }));
    this.panels = el("div", { class: "panels" }, left, middle, right);
    this.root.replaceChildren(this.panels);

    this.root.style.setProperty("--ratio", grid[1] / (grid[0] * this.data.aspect));
    const paint = panel(left, words.paint_title);
    this.easel = new Easel(paint, this, { label: words.paint_label, onhover: (patch) => this.pointed(patch),
      onpaint: (patches, on) => this.paint(patches, on) });
    this.slider = new Slider(row(left), { label: words.top, min: 0, max: this.patches, say: (k) => fill(words.top_of, { k, patches: this.patches }),
      on: (k) => this.eraseTop(this.rankedFor, k) });
    const tops = row(left, "tops");
    this.tops = this.names.map((name, i) => {
      const act = button(tops, fill(words.erase_for, { name: iso(name) }), () => this.eraseTop(i, this.k || this.curve()?.first || 1));
      act.classList.add("ab"[i]);
      act.title = act.textContent;
      return act;
    });
    const tools = row(left);
    this.fillChoice = new Choice(tools, { label: words.fill, options: ["mean", "blur", "black"].map((one) => [one, words[`fill_${one}`]]), on: (one) => this.setFill(one) });
    this.clear = button(tools, words.clear, () => this.restoreAll());
    left.append(el("p", { class: "note", text: words.not_kept }));

    this.methodChoice = new Choice(row(middle), { label: words.method, options: this.data.methods.map((one) => [one, words[one]]), on: (one) => this.setMethod(one) });
    const maps = middle.appendChild(el("div", { class: "maps" }));
    this.maps = this.names.map((name, i) => {
      const part = panel(maps, "", `map ${"ab"[i]}`);
      part.firstChild.append(el("span", { dir: "auto", text: fill(words.map_title, { name: iso(name) }), title: fill(words.map_title, { name: iso(name) }) }));
      return new Picture(part, this, { label: fill(words.map_title, { name }), grid: false, onhover: (patch) => this.pointed(patch) });
    });
    this.shared = maps.appendChild(el("div", { class: "shared" }));
    const between = panel(maps, words.difference_title, "map");
    this.between = new Picture(between, this, { label: words.difference_title, grid: false, onhover: (patch) => this.pointed(patch) });
    this.legendBetween = new Legend(between, this, "diverging");
    const heads = panel(maps, words.heads_title, "taps");
    this.switches = new Switches(heads.appendChild(el("div", { class: "scroll" })), this, { onhead: (l, h) => this.toggleHead(l, h), onlayer: (l) => this.toggleLayer(l) });
    this.off = heads.appendChild(el("p", { class: "note" }));
    this.reading = middle.appendChild(el("p", { class: "note reading" }));

    const probabilities = panel(right, words.probabilities_title);
    this.prediction = probabilities.appendChild(el("p", { class: "prediction", role: "status", "aria-live": "polite" }));
    this.probabilities = new Probabilities(probabilities, this);
    probabilities.append(el("p", { class: "note key" }, el("i", { class: "outline" }), words.before, el("i", { class: "full" }), words.after));
    const curve = panel(right, words.curve_title, "curve");
    this.firstChange = curve.appendChild(el("p", { class: "prediction" }));
    this.chart = new Chart(curve, { width: 340, height: 190, label: words.curve_title });
    this.resize();
    this.compare.build();
    this.redrawMaps();
    this.redraw();
    this.redrawProbabilities();
  }

  // Actions.

  paint(patches, on) {
    const before = this.erased.size;
    for (const patch of patches) on ? this.erased.add(patch) : this.erased.delete(patch);
    if (this.erased.size !== before) this.changed();
  }

  eraseTop(which, k) {
    [this.rankedFor, this.k] = [which, k];
    this.erased = new Set(this.ranking(which).slice(0, k));
    this.changed();
  }

  setFill(one) {
    if (one === this.fill) return;
    this.fill = one;
    this.changed();
  }

  /** The maps shown stay until those of the chosen method have come. */
  setMethod(method) {
    this.chosen = method;
    this.methodChoice.show(method);
    this.compare.redraw();
    if (this.mapsOf.has(method)) this.showMethod();
    this.changed(); // also for maps that are here: the address holds the method
  }

  showMethod() {
    this.method = this.chosen;
    this.redrawMaps();
    this.redraw();
  }

  toggleHead(layer, head) {
    if (this.layers.has(layer)) return;
    const name = `${layer},${head}`;
    this.heads.has(name) ? this.heads.delete(name) : this.heads.add(name);
    this.changed();
  }

  toggleLayer(layer) {
    this.layers.has(layer) ? this.layers.delete(layer) : this.layers.add(layer);
    this.changed();
  }

  restoreAll() {
    [this.erased, this.heads, this.layers] = [new Set(), new Set(), new Set()];
    this.changed();
  }

  pointed(patch) {
    const { words, grid } = this.data;
    for (const one of [this.easel, ...this.maps, this.between]) one.frame(patch);
    if (patch === null) return void (this.reading.textContent = words.hint);
    const [a, b] = [this.map(0)[patch], this.map(1)[patch]];
    this.reading.textContent = fill(words.reading, { row: Math.floor(patch / grid[1]) + 1, col: (patch % grid[1]) + 1,
      first: iso(this.names[0]), a: two(a), second: iso(this.names[1]), b: two(b), gone: this.erased.has(patch) ? words.gone : "" });
  }

  // Messages: one at a time; changes made meanwhile go into the next one.

  curve() {
    return this.curves.get(`${this.method}/${this.fill}`);
  }

  /** The first curve, if it is that of this picture. */
  keepFirstCurve() {
    if (SHARED.first?.of !== this.data.of) return;
    const { curve } = SHARED.first;
    this.curves.set(`${curve.method}/${curve.fill}`, curve);
  }

  /** Until the first curve has come, the page's own run goes on, and nothing is sent: Streamlit would take a message for
   *  one of the page before, and reset that page's widgets. */
  curveCame() {
    if (!this.data) return;
    this.keepFirstCurve();
    this.redraw();
    setTimeout(() => (this.dirty && !this.pending ? this.ask() : this.compare.goOn()), RUN_END);
  }

  changed() {
    this.redraw();
    this.dirty = true;
    if (!this.curves.size) return;
    if (!this.pending || performance.now() - this.pending.at > ANSWER_TIMEOUT) this.ask();
  }

  /** A step of the comparison, unless an answer is awaited; it goes on when that has come. */
  compareNext(step) {
    if (!this.pending && !this.dirty && this.curves.size) this.ask({ compare: step });
  }

  ask(more = null) {
    this.dirty = false;
    this.pending = { seq: `${this.tag}-${(this.number += 1)}`, at: performance.now() };
    if (!more) this.root.dataset.state = "busy";
    this.send("off", { of: this.data.of, seq: this.pending.seq, erased: [...this.erased], method: this.chosen, fill: this.fill, layers: [...this.layers],
      heads: [...this.heads].map((pair) => pair.split(",").map(Number)),
      maps: this.mapsOf.has(this.chosen) ? null : this.chosen, curve: this.curves.has(`${this.chosen}/${this.fill}`) ? null : this.chosen, ...more });
  }

  answered(answer) {
    if (!this.pending || answer.of !== this.data?.of || answer.seq !== this.pending.seq) return;
    [this.values, this.now] = [answer.p, answer.now];
    if (answer.curve) this.curves.set(`${answer.curve.method}/${answer.curve.fill}`, answer.curve);
    if (answer.maps) this.mapsOf.set(answer.maps.method, Float32Array.from(answer.maps.values));
    this.redrawProbabilities();
    if (this.method !== this.chosen && this.mapsOf.has(this.chosen)) this.showMethod();
    else if (answer.curve) this.redraw();
    if (answer.compare) this.compare.came(answer.compare);
    this.pending = null;
    if (this.dirty) return this.ask();
    this.root.dataset.state = "ready";
    this.compare.goOn();
  }

  // Drawing.

  redrawMaps() {
    const signed = this.data.signed.includes(this.method);
    const high = Math.max(...[0, 1].map((which) => (signed ? reach(this.map(which)) : range(this.map(which))[1])));
    const [low, palette, alpha] = signed ? [-high, "diverging", 0.82] : [0, "viridis", 0.72];
    this.maps.forEach((one, i) => one.map(this.map(i), { low, high: high || 1, palette, alpha }));
    this.shared.replaceChildren();
    new Legend(this.shared, this, palette, this.data.words.legend).show(low, high);
    this.compare.redraw();
    const most = reach(this.map("difference"));
    this.between.map(this.map("difference"), { low: -most, high: most, palette: "diverging", alpha: 0.82 });
    this.legendBetween.ends.forEach((end, i) =>
      end.replaceChildren(el("b", { class: "name", dir: "auto", text: this.names[i], title: this.names[i] }), el("span", { text: two(most) })));
    this.methodChoice.show(this.chosen);
    this.pointed(null);
  }

  redraw() {
    const { words } = this.data;
    this.easel.redraw();
    this.switches.show();
    this.fillChoice.show(this.fill);
    const top = this.ranked(this.rankedFor);
    this.slider.show(top ?? 0);
    if (top === null) this.slider.value.textContent = fill(words.painted, { k: this.erased.size });
    this.slider.input.setAttribute("aria-valuetext", this.slider.value.textContent);
    this.tops.forEach((one, i) => one.setAttribute("aria-pressed", i === this.rankedFor));
    this.clear.disabled = !this.erased.size && !this.heads.size && !this.layers.size;
    this.off.textContent = fill(words.off, { heads: this.heads.size, layers: this.layers.size });
    const curve = this.curve();
    this.firstChange.textContent = !curve ? words.computing : curve.first === null ? words.no_change
      : fill(words.first_change, { k: curve.first, patches: this.patches, name: iso(this.nameOf(curve.becomes)) });
    const series = ["a", "b"].map((kind, i) => ({ kind, values: (curve?.counts ?? []).map((k, at) => [k, curve.p[at][i]]), dash: i === 1 }));
    this.chart.show(series, { x: words.curve_x, xs: [0, this.patches], ys: [0, 1], ticksY: [0, 0.5, 1], sayY: (v) => `${100 * v} %`, sayX: String,
      at: this.ranked(0) || null, names: false, onpick: (k) => this.eraseTop(0, Math.min(this.patches, Math.max(0, Math.round(k)))) });
  }

  redrawProbabilities() {
    const { words } = this.data;
    this.probabilities.show(this.values, this.now);
    const changed = this.erased.size || this.heads.size || this.layers.size;
    const [subject, moved] = this.answer();
    const values = { name: iso(this.nameOf(subject)), percent: percent(subject[2]), erased: this.erased.size, patches: this.patches };
    this.prediction.textContent = fill(!changed ? words.predicts : moved ? words.predicts_now : words.predicts_still, values);
    this.prediction.classList.toggle("moved", moved);
  }

  /** [class, name, probability] to report, and whether the prediction differs from that for the whole picture. Of a
   *  multi-label model: the class that was most probable, and whether it is now on the other side of the threshold. */
  answer() {
    const { pair, shown, threshold } = this.data;
    if (threshold === null) return [this.now, this.now[0] !== pair[0]];
    const at = shown.findIndex((one) => one.class === pair[0]);
    const value = this.values[at];
    return [[pair[0], shown[at].name, value], (value >= threshold) !== (shown[at].p >= threshold)];
  }

  /** All sizes are in em. Choose the em that fits the width without making the view higher than the window. */
  resize() {
    const wide = this.root.clientWidth;
    if (!wide || !this.panels) return;
    const narrow = wide < 720;
    const em = narrow ? 15 : Math.min(wide / 85, Math.max(590, 0.8 * innerHeight) / 41);
    this.panels.classList.toggle("narrow", narrow);
    this.root.style.setProperty("--em", `${em}px`);
  }
}

const MOUNTED = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".why");
  if (!root || !data) return;
  let view = MOUNTED.get(root);
  if (!view) MOUNTED.set(root, (view = new WhyView(root)));
  view.render(component);
  return () => {
    view.dispose();
    MOUNTED.delete(root);
  };
}
