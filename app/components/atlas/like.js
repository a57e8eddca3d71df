// "Is like": how similar each patch's feature is to the query's, over the picture and as one small map per layer.

const SLICE_MS = 4; // of drawing small maps at a stretch: the pointer's next move comes first
const LEAST_SPAN = 0.01; // of a map's colours: smaller differences lie within the error of the features as sent

class Likeness {
  constructor(view) {
    this.view = view;
    this.mosaic = new Mosaic(view.parts(".mosaic"));
    this.features = null; // of the picture
    this.buffers = []; // of cosines and of what is drawn, by use
    this.requests = Date.now(); // numbers the requests: an equal state value would not reach Python
    this.complete = false; // whether every small map is drawn
    this.sheetTimes = []; // [ms from the handler's start until all small maps were drawn]; the last 1,000
    this.listen();
  }

  /** Whether this is shown: in every view but Flow and Features, which have maps of their own over the picture. */
  get on() {
    const { view } = this;
    return Boolean(view.model) && view.state.direction === "like" && view.state.view !== "features" && !view.flow();
  }

  /** Show these maps in the place of those of all heads, if they are chosen; returns whether they are. */
  show() {
    const { view: { root, words, parts, state }, on } = this;
    parts(".clip").hidden = on && state.scale === "shared";
    root.toggleAttribute("data-like", on);
    const label = words[on ? "like_maps" : "maps"];
    if (parts(".maps").getAttribute("aria-label") !== label) parts(".maps").setAttribute("aria-label", label);
    return on;
  }

  /** Another picture: forget the last one's features. */
  begin(model) {
    this.features = new Features(model);
    this.asked = null;
    this.drawn = null;
  }

  stop() {
    clearTimeout(this.timer);
  }

  layout(width, height) {
    const { view, mosaic } = this;
    const name = (layer, short) => (short ? String(layer + 1) : fill(view.words.like_where_token, { layer: layer + 1 }));
    const wide = mosaic.layout(view.model, width, height, window.devicePixelRatio || 1, name);
    view.root.style.setProperty("--mosaic", `${wide}px`);
    this.drawn = null;
  }

  /** Draw the map over the picture at once, and the small maps as far as time allows; the others follow. */
  draw() {
    const { view } = this;
    const { model, state } = view;
    const begun = performance.now();
    const queries = view.shown();
    const layer = view.over?.[0] ?? state.layer;
    const kind = queries.length > 1 ? state.compare : "one";
    view.tables = view.colours[kind];
    this.request(layer);
    const map = this.map(layer, queries, "large");
    view.map = map ?? { a: new Float32Array(model.N), b: null, at: 0, exact: false };
    view.mapTop = view.map.top;
    if (map) view.overlay.paint(model.rows, model.cols, map.a, map.b, model.p, map.top, view.tables.over, kind === "difference");
    else view.overlay.context.clearRect(0, 0, view.overlay.canvas.width, view.overlay.canvas.height);
    this.describe(queries, layer, map);
    this.mosaic.frame(state.layer, view.over ? layer : null);
    if (state.view === "heads") this.drawAll(queries, kind, begun);
    if (view.save.open) view.save.refresh();
  }

  /** Draw the small maps, as many in one go as time allows. The next call stops those that are not drawn yet. */
  drawAll(queries, kind, begun) {
    const { view, features, mosaic } = this;
    const { state, model } = view;
    const key = [queries, kind, state.facet, state.scale, state.clip, features.version].join();
    if (this.drawn === key) return;
    this.drawn = key;
    this.complete = false;
    this.stop();
    let layer = 0;
    const slice = () => {
      const until = performance.now() + SLICE_MS;
      do mosaic.paint(layer, model, this.map(layer, queries, "small"), view.tables.cell, kind === "difference");
      while (++layer < model.L && performance.now() < until);
      if (layer < model.L) return (this.timer = setTimeout(slice));
      this.complete = !features.missing(state.facet, 0).length;
      this.sheetTimes.push(performance.now() - begun);
      if (this.sheetTimes.length > 1000) this.sheetTimes.shift();
    };
    slice();
  }

  /**
   * The map of one layer: for each query the cosines to all tokens; as `a` and `b` what is drawn, the root of each one's
   * place between `low` and `high`, as draw.js takes it; `top`, the largest value or difference of these. A few patches
   * that would leave all others of one colour are left outside, at both ends, by the rule of scale.js. Null without the
   * features. `use`: maps of another use stay as they are.
   */
  map(layer, queries, use) {
    const { view: { state, model } } = this;
    if (!this.has(layer)) return null;
    const buffer = (i) => ((this.buffers[`${use} ${i}`] ??= []).length === model.N ? this.buffers[`${use} ${i}`] : (this.buffers[`${use} ${i}`] = new Float32Array(model.N)));
    const cosines = queries.map((query, i) => this.cosines(layer, query, buffer(i)));
    const own = this.own(queries);
    const facts = cosines.map((values) => spread(values, model.p, own));
    const others = (value) => Float32Array.from({ length: model.N - model.p }, (_, i) => (own.includes(model.p + i) ? 0 : value(model.p + i)));
    const clip = state.clip === "on" && state.scale !== "shared";
    const end = (values) => scaleEnd(values, 0, values.length, clip, false, model.outliers.length);
    let [low, high] = [0, 1];
    if (state.scale !== "shared") {
      const [lowest, highest] = [Math.min(...facts.map((one) => one.low)), Math.max(...facts.map((one) => one.high))];
      high = lowest + Math.max(...cosines.map((values) => end(others((k) => values[k] - lowest))));
      low = highest - Math.max(...cosines.map((values) => end(others((k) => highest - values[k]))));
      if (high <= low) [low, high] = [lowest, highest]; // patches of two kinds, and none between
      low = Math.min(low, high - LEAST_SPAN);
    }
    const roots = cosines.map((values, i) => {
      const out = buffer(`root ${i}`);
      for (let k = 0; k < out.length; k++) out[k] = Math.sqrt(Math.min(1, Math.max(0, (values[k] - low) / (high - low))));
      return out;
    });
    const map = { a: roots[0], b: roots[1], at: 0, exact: true, cosines, facts, low, high, top: 1 };
    if (roots[1] && state.compare === "difference" && state.scale !== "shared") map.top = end(others((k) => Math.abs(map.a[k] ** 2 - map.b[k] ** 2)));
    return map;
  }

  /** Whether everything that a layer's map needs is here. */
  has(layer) {
    return Boolean(this.features.get(this.view.state.facet, layer));
  }

  /** The cosine of a query to each token of this picture, written to `out`. */
  cosines(layer, query, out) {
    return this.features.similarity(this.view.state.facet, layer, query, out);
  }

  /** Those of the queries that are in this picture: they are not part of the colours' range. */
  own(queries) {
    return queries;
  }

  describe(queries, layer, map) {
    likeInWords(this.view, queries, layer, map);
  }

  /** Ask Python for the features that are not here: those of the shown layer first, then the facet's others. */
  request(layer) {
    const { view, features } = this;
    const { facet } = view.state;
    if (features.tooLarge) return;
    const missing = features.missing(facet, layer);
    const first = missing[0] === layer ? [layer] : missing;
    const asked = `${facet} ${features.version} ${missing[0] === layer ? "first" : ""}`;
    if (!first.length || this.asked === asked) return;
    this.asked = asked;
    view.send("like", { of: view.model.id, id: ++this.requests, facet, layers: first });
  }

  /** Python's answer. */
  arrived(header) {
    this.features.learn(header);
    this.view.redraw();
  }

  /** Keys whose meaning is another one here. */
  keys(inMaps) {
    const { view, mosaic } = this;
    const by = (layers) => () => step(view, layers, 0);
    const acts = { "[": null, "]": null };
    if (!inMaps) return acts;
    return { ...acts, ArrowUp: by(-mosaic.columns), ArrowDown: by(mosaic.columns), ArrowLeft: by(-1), ArrowRight: by(1), Home: by(-view.model.L), End: by(view.model.L) };
  }

  listen() {
    const { view, mosaic: { canvas } } = this;
    const layerAt = (event) => {
      const box = canvas.getBoundingClientRect();
      return this.mosaic.at(event.clientX - box.left, event.clientY - box.top);
    };
    canvas.addEventListener("pointermove", (event) => {
      if (!this.on || view.save.open || event.pointerType === "touch") return;
      const layer = layerAt(event);
      if (view.over?.[0] !== layer) view.timed(event, () => {
        view.over = [layer, view.state.head];
        view.redraw();
      });
    });
    canvas.addEventListener("pointerleave", () => {
      view.over = null;
      view.redraw();
    });
    canvas.addEventListener("click", (event) => {
      if (!this.on) return;
      view.stop?.();
      view.change({ layer: layerAt(event) });
    });
  }
}
