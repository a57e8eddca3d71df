const CNN_STEP_MS = 700; // a layer while it plays

/** Total variation between two attention rows, 0..1. */
function cnnMoved(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i]);
  return sum / 2;
}

SCENE.cnn = {
  asks: ["at"],

  start: (stage) => ({ at: stage.data.numbers.at, conv: 0, layer: 0, swap: false }),

  build(stage, figure) {
    const made = stage.made;
    const n = stage.data.numbers;
    const pick = (cells) => (at) => stage.set({ at: this.patch(stage, cells(), at) });
    const above = row(figure);
    made.swap = new Choice(above, { label: stage.words("pictures"), on: (swap) => stage.set({ swap }),
      options: [[false, stage.words("this")], [true, stage.words("other", { title: n.title[stage.language] })]] });
    const beside = figure.appendChild(el("div", { class: "beside" }));

    const left = panel(beside, stage.words("cnn"), "side");
    const steps = { min: 0, say: (v) => String(v + 1) };
    made.conv = new Slider(row(left, "tight"), { ...steps, label: stage.words("convolution"), max: n.convolutions - 1, on: (conv) => { this.stop(stage); stage.set({ conv }); } });
    made.play = button(above, stage.words("play"), () => (made.timer ? this.stop(stage) : this.play(stage)));
    made.window = new Picture(left, stage, { onpick: pick(() => made.window), label: stage.words("cnn"), grid: false, keys: false });
    made.gradient = new Legend(left, stage, "viridis", stage.words("gradient"));
    made.predictions = [new Bars(left, { label: stage.words("prediction_cnn") })];
    made.kernels = this.tiles(stage, left, "kernel", { n: n.filter + 1 });

    const middle = panel(beside, stage.words("vit"), "side");
    made.layer = new Slider(row(middle, "tight"), { ...steps, label: stage.common("layer"), max: n.layers - 1, on: (layer) => stage.set({ layer }) });
    made.picture = new Picture(middle, stage, { onpick: pick(() => made.picture), label: stage.words("vit") });
    made.weight = new Legend(middle, stage, "viridis", stage.words("weight"));
    if (n.pictures[0].vit.length) made.predictions.push(new Bars(middle, { label: stage.words("prediction_vit") }));
    else middle.append(el("p", { class: "note", text: stage.common("none_head") }));
    made.rows = this.tiles(stage, middle, "rows");
    const [tall, across] = stage.data.grid;
    for (const { root } of made.rows.cells) // the grid's shape, within the tile of cnn.css
      Object.assign(root.style, { height: `${3.6 * Math.min(1, tall / across)}em`, width: `${3.6 * Math.min(1, across / tall)}em` });

    const right = panel(beside, stage.words("chart"), "far");
    made.chart = new Chart(right, { width: 224, height: 218, label: stage.words("chart") });
    const share = percent(n.share);
    for (const [name, kind] of [["theory", "b dash"], ["practice", "b"], ["gradient_distance", "c"], ["reach", "a dash"], ["distance", "a"]])
      right.append(el("p", { class: `key ${kind}` }, el("i"), el("span", { text: stage.words(name, { share }) })));
    const parameters = { cnn: large(n.parameters.cnn), vit: large(n.parameters.vit) };
    right.append(el("p", { class: "note", text: stage.words(n.same ? "same" : "unlike", parameters) }));
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(new Blob([stage.section("other")], { type: "image/webp" }));
    made.sources = [stage.picture(), this.url];
  },

  /** Two small maps, for pictures A and B, and how much they differ. */
  tiles(stage, parent, name, values) {
    const label = stage.words(name, values);
    const root = parent.appendChild(el("div", { class: "tiles" }, el("p", { text: label })));
    const cells = ["a", "b"].map((key) => {
      const box = root.appendChild(el("div", { class: "tile" }, el("span", { text: stage.words(key) })));
      return new Cells(box, stage, { label: `${label}, ${stage.words(key)}` });
    });
    return { cells, change: root.appendChild(el("output", { class: "change" })) };
  },

  /** The patch at a cell of a map, which may be finer or coarser than the patch grid. */
  patch(stage, { rows, cols }, at) {
    const [tall, across] = stage.data.grid;
    const place = (i, n, of) => Math.min(of - 1, Math.floor(((i + 0.5) / n) * of));
    return place(Math.floor(at / cols), rows, tall) * across + place(at % cols, cols, across);
  },

  play(stage) {
    const { made, view } = stage;
    const last = stage.data.numbers.convolutions - 1;
    stage.set({ conv: view.conv >= last ? 0 : view.conv + 1 });
    made.timer = setInterval(() => {
      if (stage.made !== made || view.conv >= last) return void this.stop(stage, made);
      stage.set({ conv: view.conv + 1 });
    }, CNN_STEP_MS);
    made.play.textContent = stage.words("stop");
  },

  stop(stage, made = stage.made) {
    clearInterval(made.timer);
    made.timer = null;
    if (stage.made === made) made.play.textContent = stage.words("play");
  },

  /** One row of a (layers, length) array. */
  line(stage, name, layer, layers) {
    const all = stage.section(name);
    const length = all.length / layers;
    return all.subarray(layer * length, (layer + 1) * length);
  },

  draw(stage) {
    const { made, view } = stage;
    const n = stage.data.numbers;
    const [tall, across] = stage.data.grid;
    view.conv = Math.min(Math.max(0, view.conv), n.convolutions - 1);
    view.layer = Math.min(Math.max(0, view.layer), n.layers - 1);
    if (!(view.at >= 0 && view.at < n.patches)) view.at = n.at;
    const shown = Number(view.swap);
    const now = n.pictures[shown];
    made.swap.show(view.swap);
    made.conv.show(view.conv);
    made.layer.show(view.layer);
    for (const picture of [made.window, made.picture]) {
      if (picture.image.src !== made.sources[shown]) picture.image.src = made.sources[shown];
      picture.root.style.setProperty("aspect-ratio", `${across} / ${tall * now.aspect}`);
    }
    this.window(stage, now, shown);
    this.attention(stage, shown);
    made.predictions[0].show(now.answers.map(({ label, p }) => ({ label, value: p, kind: "b" })), 1);
    made.predictions[1]?.show(now.vit.map(({ label, p }) => ({ label, value: p })), 1);
    this.far(stage, now);
  },

  /** Frame the unit's theoretical field and draw the effective one as a map; pixels outside stay clear. */
  window(stage, { height, width, layers }, shown) {
    const { made, view } = stage;
    const fields = [0, 1].map((i) => this.line(stage, `field${i}`, view.conv, layers.length));
    const { span: [[top, bottom], [left, right]], centre, effective } = layers[view.conv];
    const inside = (i) => {
      const [y, x] = [Math.floor(i / width), i % width];
      return y >= top && y < bottom && x >= left && x < right;
    };
    const high = Math.max(...fields.map((field) => range(field)[1]));
    [made.window.rows, made.window.cols] = [height, width];
    made.gradient.show(...made.window.map(fields[shown].map((v, i) => (inside(i) ? v : NaN)), { high }), percent);
    const clipped = (from, to, size) => [Math.max(0, from), Math.min(size, to)];
    const frame = ([y0, y1], [x0, x1], kind) => {
      const [[a, b], [c, d]] = [clipped(y0, y1, height), clipped(x0, x1, width)];
      return { row: a, col: c, rows: b - a, cols: d - c, kind };
    };
    const around = (at) => [at - (effective - 1) / 2, at + (effective + 1) / 2];
    made.window.mark(frame([top, bottom], [left, right], "theory"), effective && frame(...centre.map(around), "b"));
  },

  attention(stage, shown) {
    const { made, view } = stage;
    const n = stage.data.numbers;
    const [tall, across] = stage.data.grid;
    const rows = [0, 1].map((i) => this.line(stage, `attention${i}`, view.layer, n.layers));
    const maps = rows.map((row) => row.subarray(stage.data.prefix.length));
    const high = Math.max(...maps.map((map) => range(map)[1]));
    made.weight.show(...made.picture.map(maps[shown], { high }), percent);
    made.picture.frame(view.at);
    made.rows.cells.forEach((cells, i) => cells.paint(maps[i], tall, across, { low: 0, high }));
    const kernels = [0, 1].map((i) => stage.section(`kernel${i}`));
    const peak = reach([...kernels[0], ...kernels[1]]);
    const channels = kernels[0].length / 9;
    made.kernels.cells.forEach((cells, i) => cells.colours(Float32Array.from({ length: 27 }, (_, j) =>
      Math.round(255 * (0.5 + (0.5 * kernels[i][Math.floor(j / 3) * channels + (j % 3) % channels]) / peak))), 3, 3));
    [this.moved, this.changed] = [cnnMoved(...rows), Math.max(...kernels[0].map((v, i) => Math.abs(v - kernels[1][i])))];
    for (const [part, change] of [[made.kernels, this.changed], [made.rows, this.moved]]) part.change.textContent = stage.words("change", { change: two(change) });
  },

  far(stage, now) {
    const { made, view } = stage;
    const { distance, convolutions, layers } = stage.data.numbers;
    const line = (values) => values.map((v, i) => [i + 1, v]);
    const field = (key) => line(now.layers.map((one) => one[key]));
    const most = Math.max(convolutions, layers);
    const top = Math.max(1, ...now.layers.map((one) => one["theoretical_share"]));
    made.chart.show([
      { values: field("theoretical_share"), kind: "b", dash: true }, { values: field("effective_share"), kind: "b" },
      { values: field("distance"), kind: "c" },
      { values: line(now.reach), kind: "a", dash: true }, { values: line(distance), kind: "a" },
    ], { x: stage.words("x"), y: stage.words("y"), xs: [1, most], ys: [0, top * 1.03], names: false, at: view.conv + 1,
      ticksX: Array.from({ length: most }, (_, i) => i + 1).filter((v) => most <= 8 || v % Math.ceil(most / 8) === 0),
      ticksY: [0, 0.5, 1].filter((v) => v <= top), sayX: String, sayY: percent });
  },

  numbers(stage) {
    const n = stage.data.numbers;
    const { view } = stage;
    const now = n.pictures[Number(view.swap)];
    const { size, effective } = now.layers[view.conv];
    const square = (side) => (side === null ? "0" : `${side} × ${side}`);
    return { conv: view.conv + 1, layer: view.layer + 1, field: square(size), effective: square(effective), share: percent(n.share),
      side: `${now.height} × ${now.width}`, seen: count(now.seen[0]), patches: count(n.patches),
      moved: two(this.moved), changed: two(this.changed) };
  },
};
