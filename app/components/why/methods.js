// See why, the comparison of attribution methods: each one's map of the predicted class, and its scores beside chance.
// The view asks for one step at a time, and only while nothing else is asked for, so that painting never waits long.

/** An area under a curve; that of an improbable class would be 0.00. */
const area = (value) => (Math.abs(value) < 0.01 ? two(value) : fixed(value));

class Comparison {
  constructor(view) {
    this.view = view;
    this.root = el("section", { class: "compare" });
    [this.open, this.more] = [false, false]; // kept for the next picture
  }

  /** Forget what belongs to another picture. */
  reset() {
    Object.assign(this, { found: new Map(), random: 0, chance: null, bands: null, pointed: null });
  }

  build() {
    const { words, methods, more_methods: others } = this.view.data;
    const names = [...methods, ...(this.more ? others : [])];
    this.view.root.append(this.root);
    this.root.replaceChildren(...[words.compare_title].filter(Boolean).map((text) => el("h3", { text })));
    this.cards = new Map();
    if (!this.open) return void button(row(this.root), words.compare_start, () => this.show({ open: true }));
    if (words.compare_note) this.root.append(el("p", { class: "note", text: words.compare_note }));
    const cards = this.root.appendChild(el("div", { class: "cards" }));
    for (const name of names) this.cards.set(name, this.card(cards, name));
    this.charts = words.compare_curves ? this.buildCharts() : [];
    const end = row(this.root);
    if (!this.more) button(end, words.compare_more, () => this.show({ more: true }));
    this.progress = end.appendChild(el("span", { class: "note", role: "status" }));
    this.redraw();
    this.goOn();
  }

  show(change) {
    Object.assign(this, change);
    this.build();
    this.root.querySelector("button")?.focus();
  }

  card(parent, name) {
    const { words, controls } = this.view.data;
    const root = parent.appendChild(el("div", { class: "card" }));
    root.addEventListener("pointerenter", () => this.point(name));
    root.addEventListener("pointerleave", () => this.point(null));
    const picture = new Picture(root, this.view, { label: words[name], grid: false });
    picture.map(null);
    const act = this.view.setMethod ? button(root, words[name], () => this.view.setMethod(name)) : root.appendChild(el("p", { class: "name", text: words[name] }));
    if (controls.includes(name)) root.append(el("p", { class: "note", text: words.compare_control }));
    return { root, picture, act, scores: root.appendChild(el("div", { class: "scores" })) };
  }

  /** The deletion and the insertion curves of all methods, over the band of random maps. */
  buildCharts() {
    const { words } = this.view.data;
    const both = this.root.appendChild(el("div", { class: "curves" }));
    const charts = [words.compare_deletions, words.compare_insertions].map((title) => new Chart(panel(both, title), { width: 400, height: 200, label: title }));
    this.root.append(el("p", { class: "note", text: words.compare_curves }));
    return charts;
  }

  point(name) {
    this.pointed = name;
    this.drawCurves();
  }

  drawCurves() {
    const { words } = this.view.data;
    const lit = this.found.get(this.pointed)?.curves ? this.pointed : this.view.chosen;
    const along = (values, point) => values.map((value, k) => point(k / (values.length - 1), value));
    this.charts.forEach((chart, i) => {
      const names = [...this.found.keys()].filter((name) => this.found.get(name).curves).sort((a, b) => (a === lit) - (b === lit)); // the lit one on top
      const series = names.map((name) => ({ name: name === lit ? words[name] : "", kind: name === lit ? "a" : "quiet", r: 2,
        values: along(this.found.get(name).curves[i], (x, value) => [x, value]) }));
      chart.show(series, { x: words.compare_x, xs: [0, 1], ys: [0, 1], ticksX: [0, 0.5, 1], ticksY: [0, 0.5, 1], sayX: percent, sayY: percent,
        names: false, band: this.bands && along(this.bands[i], (x, [low, high]) => [x, low, high]) });
    });
  }

  /** The next step to ask for, if any: first all maps, then their scores, then the random maps. */
  next() {
    if (!this.open) return null;
    const names = [...this.cards.keys()];
    const mapless = names.find((name) => !this.found.has(name));
    if (mapless) return mapless;
    const unmeasured = names.find((name) => !this.found.get(name).scores);
    if (unmeasured) return `scores:${unmeasured}`;
    return this.chance ? null : this.random;
  }

  goOn() {
    const step = this.next();
    if (step !== null) this.view.compareNext(step);
  }

  came({ method, values, scores, curves, random, chance, bands }) {
    if (values) this.found.set(method, { values: Float32Array.from(values) });
    if (scores) Object.assign(this.found.get(method), { scores, curves });
    if (random) this.random = random;
    if (chance) [this.chance, this.bands] = [chance, bands];
    this.redraw();
  }

  redraw() {
    const { words, signed, random } = this.view.data;
    if (!this.open || !this.cards.size) return;
    for (const [name, { root, picture, act, scores }] of this.cards) {
      if (this.view.setMethod) act.setAttribute("aria-pressed", name === this.view.chosen);
      root.classList.toggle("chosen", name === this.view.chosen);
      const found = this.found.get(name);
      if (!found?.scores) scores.textContent = words.computing;
      if (!found) continue;
      const most = reach(found.values) || 1;
      picture.map(found.values, signed.includes(name) ? { low: -most, high: most, palette: "diverging", alpha: 0.82 } : { low: 0, high: most });
      if (found.scores) scores.replaceChildren(...[words.compare_deletion, words.compare_insertion].map((sentence, i) => el("p", {},
        el("span", { text: fill(sentence, { area: area(found.scores[i]) }) }), this.verdict(found.scores[i], i))));
    }
    this.drawCurves();
    this.progress.textContent = this.next() === null ? (words.compare_done ?? "") : fill(words.compare_random, { k: this.random, all: random });
  }

  /** Whether a score lies outside the interval of random maps, on its good side: below for deletion, else above. */
  verdict(value, i) {
    if (!this.chance) return el("span");
    const { words } = this.view.data;
    const [low, high] = this.chance[i];
    const better = i === 0 ? value < low : value > high;
    return el("span", { class: better ? "better" : "quiet", text: words[better ? "compare_better" : "compare_no_better"],
      title: fill(words.compare_interval, { low: area(low), high: area(high) }) });
  }
}
