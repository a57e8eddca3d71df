// The atlas' state, and drawing it. controls.js changes it.

const VIEWS = ["heads", "flow", "answer", "inside", "features"]; // what stands beside the picture; all but the maps are Streamlit's
const CHOICES = { // the first is the default
  direction: ["row", "column", "like"], scale: ["map", "layer", "shared"], compare: ["both", "difference"], view: VIEWS,
  speed: ["1", "0.5", "0.25"], loop: ["off", "on"], clip: ["on", "off"],
  // which vectors of a layer "is like" and the view Features show; of that view, which side of the first component, and the
  // colours' opacity
  facet: ["token", "query", "key", "value"], foreground: ["off", "on", "other"], opacity: ["1", "0.75", "0.5", "0.25", "0"],
  asks: ["first", "second"], // of a comparison, which picture has the place whose like the other shows
};
const GROUPS = ["direction", "facet", "scale", "compare", "view"]; // those of them that are rows of buttons
const SEND_DELAY_MS = 200; // without a change, before Python gets the view
const REST_MS = 90; // in one place, before exact maps of a large picture are requested
// The layout, CSS pixels, as in atlas.css.
const GAP = 28; // between picture and maps
const LAYERS_WIDTH = 26; // the layers' numbers, left of the maps
const HEADINGS_HEIGHT = 22; // the heads' numbers, above the maps
const MARGIN = 34; // right of the maps, for the last heading
const CONTROLS_WIDTH = 508; // that the controls below the maps need, when two patches are compared
const LEGEND_WIDTH = 400; // of its sentences
const OTHER_HEIGHT = 328; // of the window: the page's header and answer, what stands above and below the picture, and the fold
const MAX_WIDTH = 1.5; // of the picture's width, in the height that the window leaves

class View {
  constructor(root) {
    this.root = root;
    this.parts = (selector) => root.querySelector(selector);
    this.frame = this.parts(".frame");
    this.overlay = new Overlay(this.parts(".overlay"));
    this.sheet = new Sheet(this.parts(".sheet canvas"));
    this.state = { layer: null, head: null, query: null, pinned: [], residual: 0.5 };
    for (const [name, [first]] of Object.entries(CHOICES)) this.state[name] = first;
    this.model = null;
    this.over = null; // the map under the pointer: [layer, head]
    this.here = null; // the token under the pointer, when the query is pinned
    this.drawTimes = []; // [ms from the handler's start, ms from the event] until drawn; the last 1,000
    this.texts = new Map();
    this.resize = new ResizeObserver(() => this.layout());
    this.resize.observe(root.parentElement);
    this.save = new SaveMenu(this);
    this.like = this.likeness();
    listen(this);
    SHELF.views.add(this);
    root.atlas = this;
  }

  /** Called for each change of words or view. */
  render({ data, setStateValue }) {
    this.send = setStateValue;
    this.about = data.about;
    if (JSON.stringify(data.words) !== JSON.stringify(this.words)) {
      this.words = data.words;
      label(this);
    }
    const other = data.id !== this.wanted;
    if (other) {
      this.wanted = data.id;
      this.root.dataset.state = "loading";
      this.clear(); // first, so that the new view is not clamped to the last model
    }
    if (this.seq === undefined || data.view.seq !== this.seq) {
      const first = this.seq === undefined;
      this.seq = data.view.seq;
      this.adopt(data.view);
      if (!first) this.change({}); // confirms Python's view, so that Python does not send it again
    }
    const shelved = other && SHELF.blobs.get(data.id)?.header;
    if (shelved) this.arrived(shelved);
    else if (!other) this.redraw();
  }

  /** Adopt the valid values of a view. */
  adopt(view) {
    const { state } = this;
    for (const name of ["layer", "head", "query"]) if (Number.isInteger(view[name])) state[name] = view[name];
    if (Array.isArray(view.pinned)) state.pinned = [...new Set(view.pinned.filter(Number.isInteger))].slice(0, 2);
    for (const [name, allowed] of Object.entries(CHOICES)) if (allowed.includes(view[name])) state[name] = view[name];
    if (view.residual >= 0 && view.residual <= 1) state.residual = Number(view.residual);
    if (this.model) this.clamp();
    this.publish();
  }

  /** Clamp the state to what this model has. */
  clamp() {
    const { state, model } = this;
    const inside = (value, low, high, otherwise) => (value === null || value < low || value > high ? otherwise : value);
    state.layer = inside(state.layer, 0, model.L - 1, Math.floor(model.L / 2));
    state.head = inside(state.head, ROLLOUT, model.H - 1, MEAN);
    const middle = model.p + Math.floor(model.rows / 2) * model.cols + Math.floor(model.cols / 2);
    state.query = inside(state.query, 0, model.N - 1, middle);
    state.pinned = state.pinned.filter((token) => token >= 0 && token < model.N);
  }

  /** A payload has arrived on the shelf. */
  async arrived(header) {
    if (header.of) {
      if (this.model?.id !== header.of) return;
      if (header.file) return this.save.arrived(header);
      if (header.like) return this.like.arrived(header);
      this.model.learn(header);
      this.requested = null;
      this.redraw();
      return;
    }
    if (header.id !== this.wanted || this.model?.id === header.id || this.reading === header.id) return;
    this.reading = header.id;
    const picture = new Image();
    picture.className = "picture";
    picture.alt = "";
    const url = URL.createObjectURL(new Blob([header.section("picture")], { type: "image/jpeg" }));
    picture.src = url;
    try {
      await picture.decode();
    } finally {
      URL.revokeObjectURL(url);
      this.reading = null;
    }
    if (header.id !== this.wanted || this.gone) return; // another picture has been chosen
    this.parts(".picture").replaceWith(picture);
    this.model = new Attention(header);
    this.model.residual = this.state.residual;
    this.like.begin(this.model);
    this.colours = colours(header);
    this.over = this.here = null;
    this.requested = null;
    this.clamp();
    fitChips(this);
    this.layout();
    this.model.prepare(() => this.redraw());
    this.root.dataset.state = "ready";
  }

  /** Remove the last picture while the next one is loading. */
  clear() {
    this.model?.dispose();
    this.model = null;
    this.painted = null;
    this.save.refresh();
    this.like.stop();
    this.stop?.();
    this.parts(".picture").replaceWith(Object.assign(new Image(), { className: "picture", alt: "" }));
    for (const canvas of [this.overlay.canvas, this.sheet.canvas]) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    for (const mark of this.root.querySelectorAll(".mark")) mark.style.visibility = "hidden";
    this.write(".readout", this.words.loading);
    for (const selector of [".more", ".spoken", ".title", ".numbers"]) this.write(selector, "");
  }

  dispose() {
    this.gone = true;
    this.model?.dispose();
    this.resize.disconnect();
    this.stop?.();
    this.save.dispose();
    this.like.stop();
    clearTimeout(this.sending);
    clearTimeout(this.resting);
    clearTimeout(this.speaking);
    document.removeEventListener("keydown", this.shortcuts);
    SHELF.views.delete(this);
  }

  /** What draws "is like". */
  likeness() {
    return new Likeness(this);
  }

  /** The width for picture and maps, whether the maps go below the picture, and the height of the window for others. */
  place() {
    const width = this.root.parentElement?.clientWidth || this.root.clientWidth;
    return { width, stacked: width < 820, widest: 620, others: OTHER_HEIGHT };
  }

  /** Lay out picture and maps: side by side, or one below the other on a phone. */
  layout() {
    const { model, root } = this;
    const { width, stacked, widest, others } = this.place();
    if (!model || !width) return;
    root.removeAttribute("data-like"); // the picture has the same size in every direction; `redraw` sets it again
    const shape = model.header.size[1] / model.header.size[0];
    const ratio = window.devicePixelRatio || 1;
    const pitch = headPitch(this);
    const beside = LAYERS_WIDTH + MARGIN;
    const share = shape < 1 ? Math.min(0.5, 0.42 / Math.sqrt(shape)) : 0.42; // wide pictures have wide maps too
    // The window's height limits picture and maps. Further lines of chips take some of it from the picture, so that the
    // values below it stay in the window.
    const space = Math.min(900, Math.max(320, window.innerHeight - others));
    const fit = (more) => {
      const tall = Math.max(320, space - more);
      // The picture gets what the maps and their controls leave, and at least a share of the width.
      const maps = this.sheet.width(model, space, ratio, pitch) + beside;
      const left = width - Math.max(maps, barWidth(this), CONTROLS_WIDTH) - GAP;
      const across = stacked ? Math.min(width, widest) : Math.max(share * width, left);
      const wide = Math.round(Math.min(across, tall / Math.max(shape, 1 / MAX_WIDTH)));
      const side = Math.max(wide, Math.round(Math.min(stacked ? width : share * width, tall))); // also of a tall picture
      root.style.setProperty("--stage", `${side}px`);
      return [wide, side, lineChips(this)];
    };
    let [wide, side, more] = fit(0);
    if (more) [wide, side, more] = fit(more);
    const high = Math.round(wide * shape);
    const style = { wide, high, "stage-height": high };
    for (const [name, value] of Object.entries(style)) root.style.setProperty(`--${name}`, `${value}px`);
    root.style.setProperty("--rows", model.rows);
    root.style.setProperty("--cols", model.cols);
    root.style.setProperty("--line", wide / model.cols > 18 ? 0.16 : 0.07);
    root.toggleAttribute("data-stacked", stacked);
    const room = (stacked ? width : width - side - GAP) - beside;
    const [w, h] = this.sheet.layout(model, room, stacked ? 640 : space, ratio, pitch);
    root.style.setProperty("--sheet", `${w}px`);
    root.style.setProperty("--legend", `${Math.min(room + MARGIN, Math.max(w, LEGEND_WIDTH))}px`);
    labelAxes(this, w, h);
    this.like.layout(room + beside, stacked ? 640 : HEADINGS_HEIGHT + Math.max(h, 0.9 * space));
    this.painted = this.framed = null;
    this.width = width; // read by tests
    this.publish();
    this.redraw();
  }

  /** Show the maps or hide them, and tell the page where to put its own figures (style.css): beside or below the picture. */
  publish() {
    const { root, state: { view } } = this;
    const [left, bench] = [this.parts(".left"), root.getRootNode().host?.closest(".st-key-workbench")];
    root.dataset.view = view;
    if (!bench) return; // a test's page has the atlas alone
    bench.dataset.view = view;
    bench.toggleAttribute("data-stacked", root.hasAttribute("data-stacked"));
    bench.style.setProperty("--picture-width", `${left.offsetWidth}px`);
    bench.style.setProperty("--picture-height", `${left.offsetHeight}px`);
  }

  /** The rollout that the page shows beside the picture, if it is of this picture: its map goes over the picture. */
  flow() {
    const { flow } = SHELF;
    return this.state.view === "flow" && flow?.of === this.model.id ? flow : null;
  }

  /** The features' colours that the page has sent, if the view shows them and they are of this picture. */
  features() {
    const pca = this.colouring();
    return this.state.view === "features" && pca && !pca.header.refused ? pca : null;
  }

  /** What the page has sent of this picture for the view Features (../pca/pca.js). */
  colouring() {
    return [...SHELF.views].find((one) => one.pixels && one.header?.of === this.model?.id); // Flow's maps have a header too
  }

  /** The queries whose maps are shown: the pinned ones, or the one under the pointer. */
  shown() {
    const { state, model } = this;
    const flow = model && this.flow();
    // With other settings, the browser cannot compute what the page has not sent yet: that one's place is shown.
    if (flow) return [flow.plain && flow.residual === model.residual ? state.query : flow.token];
    return state.pinned.length ? state.pinned : [state.query];
  }

  selected() {
    const flow = this.flow();
    return flow ? [flow.depth, ROLLOUT] : this.over ?? [this.state.layer, this.state.head];
  }

  redraw() {
    if (!this.model) return;
    const features = this.state.view === "features";
    this.save.enable(!features || this.features());
    if (features) drawFeatures(this);
    else this.draw();
  }

  draw() {
    if (this.like.show()) return this.like.draw();
    const { model, state, sheet } = this;
    const [queries, flow] = [this.shown(), this.flow()];
    const direction = flow ? "row" : state.direction;
    const scale = !flow ? state.scale : flow.shared ? "shared" : "map";
    const clip = flow ? flow.clip : state.clip === "on";
    const pair = queries.length > 1;
    const kind = pair ? state.compare : "one";
    const difference = kind === "difference";
    let maps = queries.map((query, slot) => model.all(query, direction, slot));
    if (pair && maps[0].exact !== maps[1].exact) maps = queries.map((query, slot) => model.all(query, direction, slot, true));
    const [a, b] = [maps[0].root, maps[1]?.root];
    const { exact } = maps[0];
    const n = exact ? model.N : model.n;
    const tables = (this.tables = this.colours[kind]);
    this.drawn = { a, b, n, exact };
    const key = [queries, direction, scale, clip, kind, model.version, model.learned, exact, state.view].join();
    if (this.painted !== key) {
      this.top = tops(model, a, b, n, scale, difference, clip);
      this.full = clip ? tops(model, a, b, n, scale, difference, false) : this.top;
      if (state.view === "heads") sheet.paint(model, a, b, n, exact, this.top, tables.cell, difference);
      this.painted = key;
      this.exact = exact;
    }
    const [layer, head] = this.selected();
    const at = layer * model.C + model.column(head);
    const sent = flow?.token === queries[0]; // else the browser's own rollout, until the page's comes
    this.map = sent ? { a: flow.root, at: 0, exact: true } : this.single(queries, layer, head, maps, n, exact, at);
    const span = [this.map.a, this.map.b, this.map.at + model.p, this.map.at + model.N, difference];
    let [top, full] = sent ? [flow.top, flow.full] : [this.top[at], this.full[at]];
    if (!model.whole && !sent) {
      const [own, most] = [mapEnd(...span, clip, model.outliers.length), mapEnd(...span, false)];
      [top, full] = scale === "map" ? [own, most] : [Math.max(top, own), Math.max(full, most)];
    }
    this.mapTop = top;
    const weight = (end) => (difference ? end : end * end);
    this.clipped = full > top ? { end: weight(top), above: mapAbove(...span, top), most: weight(mapEnd(...span, false)) } : null;
    this.overlay.paint(model.rows, model.cols, this.map.a, this.map.b, this.map.at + model.p, top, tables.over, difference);
    this.shownTop = weight(top);
    describe(this, queries, layer, head, direction, flow?.first ?? 0);
    if (!model.whole && !flow) this.rest(queries, layer, head);
    if (this.save.open) this.save.refresh();
  }

  /** The map over the picture: roots a, b and where they start. It is coarse until the exact one has arrived. */
  single(queries, layer, head, maps, n, exact, at) {
    const { model, state } = this;
    if (model.whole) return { a: maps[0].root, b: maps[1]?.root, at: at * n, exact: true };
    const found = queries.map((query) => model.one(layer, head, query, state.direction));
    if (found.every(Boolean)) return { a: found[0], b: found[1], at: 0, exact: true };
    const spread = maps.map(({ root }, i) => {
      if (exact) return root.subarray(at * n, at * n + n);
      const out = ((this.spread ??= [])[i] ??= []);
      for (let k = 0; k < model.N; k++) out[k] = root[at * n + model.coarse(k)];
      return out;
    });
    return { a: spread[0], b: spread[1], at: 0, exact: false };
  }

  /** Once the pointer rests, request exact maps for what is shown coarsely. */
  rest(queries, layer, head) {
    const { model, state } = this;
    const rolled = head === ROLLOUT || state.pinned.length > 0 || (this.save.open && this.save.extent === "all");
    const known = (token) => model.maps.has(model.mapKey(token, state.direction));
    const query = queries.find((token) => !known(token)) ?? queries.find((token) => rolled && !model.rolled(token, state.direction)) ?? null;
    const focus = head === ROLLOUT || model.focus.has(`${layer} ${head}`) ? null : [layer, head];
    clearTimeout(this.resting);
    if (query === null && !focus) return;
    this.resting = setTimeout(() => {
      const want = { of: model.id, focus, query, direction: state.direction, residual: state.residual, rolled: rolled && known(query) };
      const key = JSON.stringify(want);
      if (key === this.requested && performance.now() - this.requestedAt < 8000) return;
      [this.requested, this.requestedAt] = [key, performance.now()];
      this.send("want", want);
    }, REST_MS);
  }

  /** Change the state, draw, and send the view to Python after a rest. */
  change(part) {
    Object.assign(this.state, part);
    if (part.view) this.publish();
    this.redraw();
    clearTimeout(this.sending);
    this.sending = setTimeout(() => {
      this.sending = null;
      const view = this.view();
      const text = JSON.stringify(view);
      if (text === this.sent || this.gone) return;
      this.sent = text;
      this.send("view", view);
    }, SEND_DELAY_MS);
  }

  /** The view that Python gets. */
  view() {
    const { state } = this;
    return { ...state, seq: this.seq, mode: state.head === ROLLOUT ? "rollout" : "attention", depth: state.layer };
  }

  /** Run `act`, which draws at once: the browser sends at most one pointer event per frame. Note how long it took. */
  timed(event, act) {
    const start = performance.now();
    act();
    const end = performance.now();
    this.drawTimes.push([end - start, end - event.timeStamp]);
    if (this.drawTimes.length > 1000) this.drawTimes.shift();
  }

  write(selector, text) {
    if (this.texts.get(selector) === text) return;
    this.texts.set(selector, text);
    this.parts(selector).textContent = text;
  }
}
