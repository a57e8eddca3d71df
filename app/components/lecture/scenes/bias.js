const BIAS_KINDS = ["full", "convolution", "recurrent", "attention"];
const BIAS_REST_MS = 1000; // how long the scene rests before it requests its measurement
const BIAS_CARRIED = 254; // -2 as a byte: reached through the hidden state only

/** A weight's colour as [r, g, b], by its number; consecutive numbers get hues that are far apart. */
function biasColour(number) {
  if (number === BIAS_CARRIED) return [232, 140, 60];
  const hue = (number * 137.508 + 37) % 360;
  const light = 0.42 + 0.06 * (number % 4);
  const part = (n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (light - 0.62 * Math.min(light, 1 - light) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4)];
}

/** A function from a cell's index to its colour, for matrix and picture; null where there is no connection. */
function biasPainter(stage, kind) {
  const values = stage.section(kind);
  if (kind !== "attention") {
    const pack = ([r, g, b]) => (b << 16) | (g << 8) | r;
    const number = kind === "full" ? (i) => 256 + ((Math.imul(values[i] ^ (values[i] >>> 5), 0x9e3779b1) >>> 9) % 99991) : (i) => values[i];
    return (i) => (values[i] ? pack(biasColour(number(i))) : null);
  }
  const [table, top] = [stage.palette("viridis"), reach(values)];
  return (i) => table[Math.min(255, Math.round((255 * values[i]) / top))] & 0x00ffffff;
}

/** A number in a few characters; tiny ones as a power of ten. */
const biasSmall = (value) => {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1e-4) return fixed(value, Math.abs(value) < 0.01 ? 4 : 2);
  const [digit, power] = Math.abs(value).toExponential(0).split("e");
  return `${value < 0 ? "−" : ""}${digit}·10${superscript(Number(power))}`;
};

SCENE.bias = {
  asks: ["show", "seed", "shift", "ticket"],

  prose: ({ data: { numbers } }) => (numbers.position === "none" ? "text_bare" : numbers.classed ? "text" : "text_vector"),

  start: ({ data: { numbers } }) => ({ show: "structure", kind: "convolution", at: numbers.start, seed: numbers.seed, shift: numbers.shift }),

  build(stage, figure) {
    const { made, data: { numbers } } = stage;
    const controls = row(figure);
    made.show = new Choice(controls, { label: stage.words("show"), options: ["structure", "measure"].map((name) => [name, stage.words(name)]), on: (show) => stage.set({ show }) });
    made.output = new Slider(controls, { label: stage.words("output"), min: 0, max: numbers.tokens - 1, say: (at) => this.place(stage, at), on: (at) => stage.set({ at }) });
    made.output.root.classList.add("output");
    made.again = button(controls, stage.words("again"), () => stage.set({ seed: (stage.view.seed + 1) % 10000 }));
    made.shift = new Slider(controls, { label: stage.words("shift"), min: -numbers.reach, max: numbers.reach, say: (v) => String(v).replace("-", "−"), on: (shift) => stage.set({ shift }) });
    this.wiring(stage, (made.structure = figure.appendChild(el("div", { class: "view" }))));
    this.measurement(stage, (made.measure = figure.appendChild(el("div", { class: "view" }))));
  },

  place: (stage, at) => stage.common("patch", { row: Math.floor(at / stage.data.numbers.grid[1]) + 1, col: (at % stage.data.numbers.grid[1]) + 1 }),

  /** Build the first view: picture, matrix, the four kinds as small matrices, the table. */
  wiring(stage, view) {
    const { made, data: { numbers } } = stage;
    const [rows, cols] = numbers.grid;
    const beside = view.appendChild(el("div", { class: "beside" }));
    const left = panel(beside, stage.words("reaching"));
    made.picture = new Picture(left, stage, { label: stage.words("reaching"), onpick: (at) => stage.set({ at }) });
    const shape = stage.data.grid[1] / (stage.data.grid[0] * stage.data.aspect);
    made.picture.root.style.width = `${14.6 * Math.min(1, shape)}em`;
    [made.picture.rows, made.picture.cols] = [rows, cols];
    made.picture.lines(true, [rows, cols]);
    if (numbers.tokens < numbers.patches) left.append(el("p", { class: "note", text: stage.words("coarse", { rows, cols }) }));
    const middle = panel(beside, stage.words("matrix"));
    made.matrix = new Cells(middle, stage, { label: stage.words("matrix"), onpick: (at) => stage.set({ at }) });
    middle.append(el("p", { class: "note", text: stage.words("axes") }));
    const right = panel(beside, stage.words("kinds"));
    made.kinds = new Choice(right, { kind: "tiles", label: stage.words("kind"), options: BIAS_KINDS.map((kind) => [kind, stage.words(kind)]), on: (kind) => stage.set({ kind }) });
    made.tiles = made.kinds.buttons.map(({ value: kind, button }) => ({ kind, cells: new Cells(button, stage) }));
    const about = right.appendChild(el("div", { class: "about" }));
    made.key = about.appendChild(el("p", { class: "note" }));
    made.legend = about.appendChild(el("div"));
    made.ramp = new Legend(made.legend, stage);
    const table = panel(view, stage.words("table", { patches: count(numbers.patches), dim: count(numbers.dim) }), "costs");
    const heads = ["parameters", "macs", "path", "local", "shared", "after"];
    made.rows = BIAS_KINDS.map((kind) => {
      const { parameters, multiply_adds, path } = numbers.kinds[kind];
      const far = path === 1 ? stage.words("path_one") : stage.words(kind === "recurrent" ? "path_steps" : "path_layers", { n: count(path) });
      const cells = [large(parameters), large(multiply_adds), far, ...["local", "shared", "after"].map((name) => stage.words(`${name}_${kind}`))];
      const line = el("tr", { onclick: () => stage.set({ kind }) }, el("th", { scope: "row", text: stage.words(kind) }), ...cells.map((text) => el("td", { text })));
      return { kind, line };
    });
    table.append(el("table", {}, el("thead", {}, el("tr", {}, el("td"), ...heads.map((name) => el("th", { scope: "col", text: stage.words(name) })))),
      el("tbody", {}, ...made.rows.map(({ line }) => line))));
  },

  /** Build the second view: three pictures, the answers of three models, the asymmetry of single layers. */
  measurement(stage, view) {
    const { made } = stage;
    made.answers = view.appendChild(el("div", { class: "answers" }));
    made.pictures = ["original", "shuffled", "shifted"].map((name) => {
      const holder = el("div", { class: "seen" }, el("h3", { text: stage.words(name) }));
      return { name, holder, cells: new Cells(holder, stage, { label: stage.words(name) }) };
    });
    made.models = el("div", { class: "models" });
    made.answers.append(el("p", { class: "note", text: stage.data.numbers.classed ? stage.words("legend") : stage.words("legend_vector", { output: stage.common(stage.data.numbers.output) }) }), ...made.pictures.map(({ holder }) => holder), made.models);
    made.layers = panel(view, "", "layers");
  },

  draw(stage) {
    const { made, view, data: { numbers } } = stage;
    view.at = Math.min(Math.max(0, view.at), numbers.tokens - 1);
    const structure = view.show !== "measure";
    made.show.show(view.show);
    [made.structure.hidden, made.measure.hidden, made.output.root.hidden] = [!structure, structure, !structure];
    made.again.hidden = made.shift.root.hidden = structure;
    made.output.show(view.at);
    made.shift.show(view.shift);
    if (structure) this.drawWiring(stage);
    else if (numbers.measure) this.drawMeasurement(stage);
    if (numbers.soon && !numbers.measure) this.measureSoon(stage);
  },

  /** Request the measurement once the scene has rested. The ticket names this model and picture, so the next ones rest first. */
  measureSoon(stage) {
    const { data, made } = stage;
    if (made.resting === data) return;
    made.resting = data;
    setTimeout(() => {
      if (stage.data === data && stage.scene === "bias" && stage.root.isConnected) stage.set({ ticket: data.numbers.ticket });
    }, BIAS_REST_MS);
  },

  drawWiring(stage) {
    const { made, view, data: { numbers } } = stage;
    const { grid: [rows, cols], tokens: N } = numbers;
    const paint = (cells, kind) => {
      const colour = biasPainter(stage, kind);
      [cells.rows, cells.cols] = [N, N];
      cells.draw(N, N, (out) => {
        for (let i = 0; i < N * N; i++) {
          const found = colour(i);
          if (found !== null) out[i] = (255 << 24) | found;
        }
      });
    };
    if (made.painted !== stage.data) for (const { kind, cells } of made.tiles) paint(cells, kind);
    if (made.painted !== stage.data || made.kind !== view.kind) paint(made.matrix, view.kind);
    [made.painted, made.kind] = [stage.data, view.kind];
    made.kinds.show(view.kind);
    for (const { kind, line } of made.rows) line.classList.toggle("chosen", kind === view.kind);
    made.matrix.mark({ row: view.at, col: 0, cols: N });
    const colour = biasPainter(stage, view.kind);
    made.picture.canvas.hidden = false;
    made.picture.draw(rows, cols, (out) => {
      for (let i = 0; i < N; i++) {
        const found = colour(view.at * N + i);
        out[i] = found === null ? 0xb8000000 : (0x80 << 24) | found; // patches that do not reach it are darkened
      }
    });
    made.picture.frame(view.at);
    made.key.textContent = stage.words(`key_${view.kind}`, { weights: count(numbers.kinds[view.kind].weights), layer: numbers.layer + 1 });
    made.legend.hidden = view.kind !== "attention";
    made.ramp.show(0, reach(stage.section("attention")));
  },

  drawMeasurement(stage) {
    const { made, data: { numbers: { measure } } } = stage;
    for (const { name, cells } of made.pictures) {
      const pixels = stage.section(name);
      const [high, wide] = stage.data.sections.find((section) => section.name === name).shape;
      cells.colours(pixels, high, wide);
      const shape = wide / (high * measure.aspect);
      Object.assign(cells.root.style, { width: `${8.1 * Math.min(1, shape)}em`, aspectRatio: String(shape) });
    }
    const cell = (answer, first) => el("div", { class: `cell ${answer.same ? "" : "other"}` },
      el("p", {}, el("strong", { text: answer.label }), el("span", { text: percent(answer.p) })),
      el("div", { class: "track" }, el("span", { style: { width: `${100 * answer.p}%` } })),
      first ? null : el("p", { class: "apart" }, ...["change", "apart"].map((name) => el("span", {}, `${stage.words(name)} `, el("b", { text: biasSmall(answer[name]) })))));
    // Of a model that names no classes: the cosine of its final vector to the original's, and the vector's change.
    const moved = (change, first) => el("div", { class: "cell" },
      el("p", {}, el("strong", { text: first ? stage.common(stage.data.numbers.output) : stage.words("cosine") }), el("span", { text: first || !change ? "" : fixed(change.cosine) })),
      el("div", { class: "track" }, el("span", { style: { width: `${100 * Math.max(0, change?.cosine ?? 0)}%` } })),
      first ? null : el("p", { class: "apart" }, el("span", {}, `${stage.words("relative")} `, el("b", { text: change ? percent(change.relative) : "—" }))));
    const missing = () => el("p", { class: "none note", text: stage.words("cnn_missing") });
    made.models.replaceChildren(...measure.models.flatMap(({ name, answers, changes }) => [
      el("h3", { text: stage.words(name) }, name === "bare" && !measure.positions ? el("small", { text: ` ${stage.words("bare_already")}` }) : null),
      ...(answers ? answers.map((answer, i) => cell(answer, i === 0)) : changes ? changes.map((one, i) => moved(one, i === 0)) : [missing()])]));
    const line = (label, at) => el("tr", {}, el("th", { scope: "row", text: stage.words(label) }),
      ...BIAS_KINDS.map((kind) => el("td", { class: measure.layers[kind][at] < 1e-4 ? "moves" : "", text: biasSmall(measure.layers[kind][at]) })));
    made.layers.replaceChildren(el("h3", { text: stage.words("layers", { width: count(measure.width) }) }, formula(stage.data.words.math.asymmetry)),
      el("table", {}, el("thead", {}, el("tr", {}, el("td"), ...BIAS_KINDS.map((kind) => el("th", { scope: "col", text: stage.words(kind) })))),
        el("tbody", {}, line("by_shuffle", 0), line("by_shift", 1))));
  },

  numbers(stage) {
    const { view, data: { numbers } } = stage;
    const N = numbers.tokens;
    const values = stage.section(view.kind).subarray(view.at * N, (view.at + 1) * N);
    const { measure, soon, output } = numbers;
    const of = (name) => measure?.models.find((model) => model.name === name);
    const move = (name) => (numbers.classed ? biasSmall(of(name).answers[1].drift) : percent(of(name).changes[1]?.relative ?? NaN));
    const waiting = (otherwise) => (soon ? "…" : otherwise);
    const [moved, drift] = measure ? [move("vit"), move("bare")] : [waiting(stage.words("unmeasured")), waiting("?")];
    return { where: this.place(stage, view.at), tokens: count(N),
      reached: count(view.kind === "attention" ? N : values.reduce((sum, v) => sum + (v !== 0), 0)), moved, drift, output: stage.common(output) };
  },
};
