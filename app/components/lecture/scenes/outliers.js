SCENE.outliers = {
  asks: [],

  start: ({ data: { numbers } }) => ({ layer: numbers.layer, show: "norm" }),

  build(stage, figure) {
    const { made, data: { numbers } } = stage;
    const set = (layer) => stage.set({ layer: Math.min(numbers.layers, Math.max(1, Math.round(layer))) });
    const controls = row(figure);
    made.show = new Choice(controls, { label: stage.words("show"), options: ["norm", "attention"].map((name) => [name, stage.words(name)]), on: (show) => stage.set({ show }) });
    made.layer = new Slider(controls, { label: stage.words("layer"), min: 1, max: numbers.layers, say: (v) => `${v} / ${numbers.layers}`, on: set });
    const columns = figure.appendChild(el("div", { class: "columns" }));
    const map = panel(columns, "", "map");
    made.title = map.querySelector("h3");
    const [rows, cols] = stage.data.grid;
    made.picture = new Picture(map, stage, { label: stage.words("map_norm") });
    made.picture.root.style.width = `${Math.min(100, (100 * cols) / (rows * stage.data.aspect))}%`;
    made.legend = new Legend(map, stage, "viridis");
    made.where = map.appendChild(el("p", { class: "note", "aria-live": "polite" }));
    const charts = columns.appendChild(el("div", { class: "charts" }));
    const chart = (title) => new Chart(panel(charts, stage.words(title)), { width: 320, height: 150, label: stage.words(title) });
    made.norms = chart("norms");
    made.shares = chart("shares");
    made.set = set;
  },

  draw(stage) {
    const { made, view, data: { numbers } } = stage;
    const { layers } = numbers;
    view.layer = Math.min(Math.max(view.layer, 1), layers);
    made.show.show(view.show);
    made.layer.show(view.layer);
    const now = outliersNow(stage);
    const norm = view.show === "norm";
    const values = norm ? now.norms : now.received;
    const [low, high] = range(values);
    made.title.textContent = stage.words(norm ? "map_norm" : "map_attention");
    made.picture.map(values, { low: norm ? low : 0, high });
    made.picture.frame(values.indexOf(high));
    const say = norm ? two : percent;
    made.legend.show(norm ? low : 0, high, say);
    made.where.textContent = `${stage.patch(values.indexOf(high))}: ${say(high)}`;
    const step = Math.ceil((layers + 1) / 9);
    const ticksX = (from) => Array.from({ length: layers + 1 - from }, (_, i) => i + from).filter((i) => (i - from) % step === 0);
    const line = (name, kind, list) => ({ name: stage.words(name), kind, values: list.map((value, i) => [i, value]) });
    made.norms.show([line("largest", "a", numbers.largest), line("median", "quiet", numbers.median)],
      { x: stage.words("x"), y: stage.words("y_norm"), xs: [-0.3, layers + 0.3], ys: [0, Math.max(...numbers.largest)], ticksX: ticksX(0), sayX: String, at: view.layer, onpick: made.set });
    const series = outliersShares(stage).map(({ name, kind, list }) => ({ name: stage.words(name), kind, values: list.map((value, i) => [i + 1, value]) }));
    const most = Math.max(...series.flatMap((one) => one.values.map(([, value]) => value)));
    made.shares.show(series, { x: stage.words("x_attention"), y: stage.words("y_share"), xs: [0.7, layers + 0.3], ys: [0, most], ticksX: ticksX(1), sayX: String,
      sayY: percent, at: view.layer, onpick: made.set });
  },

  numbers(stage) {
    const { view, data: { numbers } } = stage;
    const { largest, median, outliers, registers } = numbers;
    const { norms, received } = outliersNow(stage);
    const at = view.layer;
    const found = stage.words(outliers[at - 1] ? "found" : "not_found", { outliers: count(outliers[at - 1]), patches: count(norms.length) });
    return { layer: at, ratio: two(largest[at] / median[at]), share: percent(range(received)[1]), even: percent(1 / (norms.length + stage.data.prefix.length)),
      say_found: found, say_registers: registers ? stage.words("has_registers", { n: registers }) : stage.words("no_registers") };
  },
};

/** The patches' norms after the chosen layer, and the attention that they receive in it. */
function outliersNow(stage) {
  const [norms, received, prefix] = [stage.section("norms"), stage.section("received"), stage.data.prefix.length];
  const [rows, cols] = stage.data.grid;
  const [P, N] = [rows * cols, rows * cols + prefix];
  const at = stage.view.layer;
  return { norms: norms.subarray(at * P, (at + 1) * P), received: received.subarray((at - 1) * N + prefix, at * N) };
}

/** By layer: the share of the patch that receives most, and those of the class token and of all registers. */
function outliersShares(stage) {
  const { prefix, numbers: { layers } } = stage.data;
  const received = stage.section("received");
  const N = received.length / layers;
  const each = (sum) => Array.from({ length: layers }, (_, layer) => sum(received.subarray(layer * N, (layer + 1) * N)));
  const of = (kind) => each((shares) => prefix.reduce((total, name, i) => total + (name.startsWith(kind) ? shares[i] : 0), 0));
  return [
    { name: "patch", kind: "a", list: each((shares) => range(shares.subarray(prefix.length))[1]) },
    ...(prefix.includes("class") ? [{ name: "class", kind: "b", list: of("class") }] : []),
    ...(prefix.some((name) => name.startsWith("register")) ? [{ name: "registers", kind: "c", list: of("register") }] : []),
  ];
}
