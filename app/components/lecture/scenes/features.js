// What a patch resembles: its features' cosine to all patches, after each layer. The view holds the layer (from 1), the
// patch `at`, and `step`, the name of a pair of both. Pointing at a patch shows it without changing the view.

const FEATURES_SMALL = 12; // small maps, of as many layers
const FEATURES_CLIPPED = 0.02; // share of the patches below the scale, so that one outlier does not flatten the map
const FEATURES_SPAN = 0.01; // of the scale at least, so that cosines that are all but equal look equal
const FEATURES_STEADY = 0.1; // a smaller change of the rank correlation is none

/** A cosine in print: more decimals close to 1, where two would say 1.00. */
const featuresSay = (cosine) => fixed(cosine, cosine < 0.9 ? 2 : cosine < 0.99 ? 3 : 4);

/** Patch `at` after `layer`: { values: its cosine to each patch, low and high: the scale, clipped: whether values lie below it, best: the most similar other patch }. */
function featuresMap(stage, layer, at) {
  const { patches: P, every } = stage.data.numbers;
  const row = every ? (layer - 1) * P + at : layer - 1;
  const [least, most] = stage.section("ends").subarray(2 * row, 2 * row + 2);
  const values = Float32Array.from(stage.section("similar").subarray(row * P, (row + 1) * P), (byte) => least + (byte * (most - least)) / 255);
  const sorted = values.slice().sort();
  const low = Math.min(sorted[Math.floor(FEATURES_CLIPPED * P)], most - FEATURES_SPAN);
  return { values, low, high: most, clipped: sorted[0] < low, best: stage.section("best")[row] };
}

/** The layers with a small map: all, or some at even distances. */
function featuresLayers(layers) {
  const n = Math.min(layers, FEATURES_SMALL);
  return Array.from({ length: n }, (_, i) => (n === 1 ? 1 : Math.round(1 + (i * (layers - 1)) / (n - 1))));
}

SCENE.features = {
  asks: ["from"],

  prose: ({ data: { numbers } }) => (numbers.colour.includes(null) ? "text_plain" : "text"),

  start: ({ data: { numbers } }) => ({ step: "first", layer: numbers.steps.first, at: numbers.start }),

  build(stage, figure) {
    const { made, data } = stage;
    const { layers, every, colour, place } = data.numbers;
    const [rows, cols] = data.grid;
    const set = (layer) => stage.set({ layer: Math.min(layers, Math.max(1, Math.round(layer))) });
    const fit = (root) => {
      root.style.width = `${Math.min(100, (100 * cols) / (rows * data.aspect))}%`;
      root.style.setProperty("aspect-ratio", `${cols} / ${rows * data.aspect}`);
    };
    const columns = figure.appendChild(el("div", { class: "columns" }));
    const map = panel(columns, "", "map");
    made.title = map.querySelector("h3");
    const hover = (at) => {
      if (made.hover === at) return;
      made.hover = at;
      stage.draw();
    };
    const pick = (at) => {
      made.hover = null; // arrow keys may move on while the pointer rests on the picture
      stage.set({ at });
    };
    made.picture = new Picture(map, stage, { label: stage.words("map_label"), onpick: pick, onhover: every ? hover : undefined });
    fit(made.picture.root);
    made.legend = new Legend(map, stage, "viridis", stage.words("cosine"));
    made.best = map.appendChild(el("p", { class: "best", "aria-live": "polite" }));

    const right = columns.appendChild(el("div", { class: "right" }));
    const depth = panel(right, stage.words("depth"));
    made.layer = new Slider(row(depth), { label: stage.words("layer"), min: 1, max: layers, say: (v) => `${v} / ${layers}`, on: set });
    const small = depth.appendChild(el("div", { class: "small" }));
    made.small = featuresLayers(layers).map((layer) => {
      const root = small.appendChild(el("div", { class: "one" }));
      const cells = new Cells(root, stage, { onpick: () => set(layer) });
      fit(cells.root);
      root.append(el("span", { text: String(layer), "aria-hidden": "true" }));
      return { layer, root, cells };
    });
    made.series = [["colour", "a", colour], ["place", "b", place]].filter(([, , list]) => !list.includes(null));
    if (made.series.length) made.chart = new Chart(panel(right, stage.words("shared"), "shared"), { width: 290, height: 150, label: stage.words("shared") });
    made.set = set;
  },

  draw(stage) {
    const { made, view, data: { numbers } } = stage;
    const { layers, patches, steps, start, every } = numbers;
    // A term names a layer and goes back to the first patch; the layer alone may also be chosen elsewhere.
    if (view.step !== made.step && Object.hasOwn(steps, view.step)) [view.layer, view.at] = [steps[view.step], start];
    view.layer = Math.min(layers, Math.max(1, Math.round(view.layer)));
    view.at = Math.min(patches - 1, Math.max(0, Math.round(view.at)));
    const stands = (name) => Object.hasOwn(steps, name) && view.layer === steps[name] && view.at === start;
    if (!stands(view.step)) view.step = Object.keys(steps).find(stands) ?? "free";
    made.step = view.step;
    if (!every && view.at !== (view.from ?? numbers.from)) setTimeout(() => stage.scene === "features" && stage.set({ from: stage.view.at }), 0);
    made.layer.show(view.layer);

    const at = every ? made.hover ?? view.at : numbers.from;
    const look = (layer) => featuresMap(stage, layer, at);
    const now = look(view.layer);
    made.now = now; // read by tests
    const where = stage.patch(at);
    made.title.textContent = stage.words("map", { where });
    made.picture.map(now.values, { low: now.low, high: now.high, alpha: 0.62 });
    made.picture.frame(now.best < 0 ? null : [now.best, "b"], at);
    made.legend.show(`${now.clipped ? "≤ " : ""}${featuresSay(now.low)}`, featuresSay(now.high), String);
    made.best.classList.toggle("alone", now.best < 0);
    made.best.textContent = now.best < 0 ? stage.words("alone") : stage.words("best", { best: stage.patch(now.best), cosine: featuresSay(now.high) });
    const [rows, cols] = stage.data.grid;
    for (const { layer, root, cells } of made.small) {
      const { values, low, high } = look(layer);
      cells.paint(values, rows, cols, { low, high });
      root.classList.toggle("now", layer === view.layer);
    }
    if (made.chart && made.charted !== view.layer) this.chart(stage, made);
  },

  chart(stage, made) {
    const { view, data: { numbers: { layers } } } = stage;
    made.charted = view.layer;
    const step = Math.ceil(layers / 9);
    const least = Math.min(0, ...made.series.flatMap(([, , list]) => list));
    made.chart.show(made.series.map(([name, kind, list]) => ({ name: stage.words(name), kind, values: list.map((value, i) => [i + 1, value]) })),
      { x: stage.words("x"), y: stage.words("y"), xs: [0.7, layers + 0.3], ys: [least, 1], ticksX: Array.from({ length: layers }, (_, i) => i + 1).filter((i) => (i - 1) % step === 0),
        sayX: String, at: view.layer, onpick: made.set });
  },

  numbers(stage) {
    const { colour, steps, dim, every, patches } = stage.data.numbers;
    const [first, middle, last] = [steps.first, steps.middle, steps.last].map((layer) => colour[layer - 1]);
    const course = last < first - FEATURES_STEADY ? "falls" : last > first + FEATURES_STEADY ? "rises" : "steady";
    return { dim: count(dim), middle: steps.middle, last: steps.last, colour_first: fixed(first), colour_middle: fixed(middle), colour_last: fixed(last),
      say_course: stage.words(course), say_how: stage.words(every ? "point" : "click", { patches: count(patches) }) };
  },
};
