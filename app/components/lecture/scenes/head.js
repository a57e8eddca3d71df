const HEAD_KINDS = ["a", "b", "c"]; // colours of the final best classes, the same in all parts of the figure

SCENE.head = {
  asks: ["near"],

  prose({ data: { numbers } }) {
    if (numbers.shown.length) return numbers.prose ?? (numbers.path.some(({ name }) => name === "linear_two") ? "text_two" : "text");
    return (numbers.classes && numbers.prose) || "text_none";
  },

  start: (stage) => ({ of: 0, compare: false, layer: stage.data.numbers.layers, channel: null, near: Boolean(stage.data.numbers.near) }),

  build(stage, figure) {
    const { made, data: { numbers } } = stage;
    headPath(stage, figure);
    const columns = el("div", { class: "columns" });
    figure.append(columns);
    const left = el("div", { class: "column" });
    columns.append(left);
    made.parts = panel(left, "", "parts");
    made.title = made.parts.querySelector("h3");
    const pick = (_, channel) => stage.set({ channel });
    const rows = numbers.shown.length ? ["vector", "weight", "product"] : ["vector"];
    made.strips = Object.fromEntries(rows.map((name) => {
      const line = el("div", { class: "line" }, el("span", { class: "name" }));
      made.parts.append(line);
      const cells = new Cells(line, stage, { label: stage.words(name), onpick: pick });
      line.append(el("span", { class: "reach" }));
      return [name, { line, cells }];
    }));
    if (!numbers.shown.length) {
      columns.classList.add("alone");
      const below = columns.appendChild(el("div", { class: "below" }));
      if (stage.section("alike")) headAlike(stage, below);
      headNear(stage, below);
      return;
    }
    made.segments = made.parts.appendChild(el("div", { class: "segments" }));
    if (numbers.parts.length > 1) made.segments.append(...numbers.parts.map(([name]) => el("span", { text: stage.words(`of_${name}`) })));
    made.channel = made.parts.appendChild(el("p", { class: "channel", "aria-live": "polite" }));
    const sides = made.parts.appendChild(el("div", { class: "sides" }));
    [made.for, made.against] = ["for", "against"].map((side) => {
      const part = sides.appendChild(el("div", { class: side }, el("h4")));
      return { name: part.firstChild, bars: new Bars(part) };
    });
    made.sum = made.parts.appendChild(el("div", { class: "sum" }));
    const right = el("div", { class: "column" });
    columns.append(right);
    const predictions = panel(right, stage.words("predictions"), "predictions");
    if (numbers.shown.length > 1) made.compare = button(predictions.querySelector("h3"), numbers.shown.slice(0, 2).map((one) => named(one.label, 8)).join(" − "), () => stage.set({ compare: !stage.view.compare }));
    made.predictions = new Bars(predictions, { label: stage.words("predictions") });
    headLens(stage, right);
  },

  draw(stage) {
    const { made, view, data: { numbers } } = stage;
    view.layer = Math.min(Math.max(view.layer, 0), numbers.layers);
    const C = stage.section("vector").length;
    if (!numbers.shown.length) {
      made.title.textContent = stage.words(numbers.classes ? "only_read" : "only_vector");
      headStrip(made.strips.vector, stage.words("vector"), stage.section("vector"), C, view.channel);
      made.alike?.();
      made.near();
      return;
    }
    const sum = headSum(stage);
    const order = Array.from(sum.product.keys()).sort((a, b) => sum.product[b] - sum.product[a]);
    view.channel ??= order[0];
    const name = (at) => named(numbers.shown[at].label);
    made.title.textContent = stage.words(sum.other === null ? "parts" : "versus", { name: name(sum.of), other: name(sum.other ?? sum.of) });
    headStrip(made.strips.vector, stage.words("vector"), stage.section("vector"), C, view.channel);
    headStrip(made.strips.weight, stage.words(sum.other === null ? "weight" : "weight_versus"), sum.weight, C, view.channel);
    headStrip(made.strips.product, stage.words("product"), sum.product, C, view.channel);
    made.channel.textContent = stage.words("channel_is", { channel: headChannel(stage, view.channel),
      z: fixed(stage.section("vector")[view.channel]), w: fixed(sum.weight[view.channel], 3), product: fixed(sum.product[view.channel], 3) });
    const top = reach(sum.product);
    const bar = (channel) => ({ label: headChannel(stage, channel), value: sum.product[channel], say: fixed(sum.product[channel]),
      kind: channel === view.channel ? "strong" : "", pick: () => stage.set({ channel }) });
    made.for.bars.show(order.filter((c) => sum.product[c] > 0).slice(0, 5).map(bar), top);
    made.against.bars.show(order.filter((c) => sum.product[c] < 0).slice(-5).reverse().map(bar), top);
    made.for.name.textContent = stage.words("for", { n: count(sum.positives) });
    made.against.name.textContent = stage.words("against", { n: count(sum.negatives) });
    const term = (text, name, kind = "") => el("span", { class: `term-of ${kind}` }, el("b", { text }), el("small", { text: name }));
    const signed = (value) => (value < 0 ? `− ${fixed(-value)}` : `+ ${fixed(value)}`);
    const [down, bias, total] = [sum.negative, sum.bias, sum.logit].map((value) => Number(value.toFixed(2)));
    made.sum.replaceChildren(term(fixed(total - down - bias), stage.words("up"), "up"), // absorbs the rounding, so that the shown terms add up
      term(signed(down), stage.words("down"), "down"), term(signed(bias), stage.words("bias")),
      term(`= ${fixed(total)}`, stage.words(sum.other === null ? "logit" : "difference"), "total"));
    const lens = stage.section("lens");
    const K = numbers.shown.length;
    made.predictions.show(numbers.shown.slice(0, numbers.top).map(({ label }, k) => ({ label, value: lens[numbers.layers * K + k],
      kind: `${HEAD_KINDS[k] ?? "quiet"} ${k === sum.of || k === sum.other ? "strong" : ""}`, pick: () => stage.set({ of: k, compare: false }) })), 1);
    made.compare?.setAttribute("aria-pressed", sum.other !== null);
    made.lens();
  },

  numbers(stage) {
    const { view, data: { numbers } } = stage;
    if (!numbers.shown.length) return { size: count(stage.section("vector").length), layers: count(numbers.layers) };
    const [logits, lens, K] = [stage.section("logits"), stage.section("lens"), numbers.shown.length];
    const lead = numbers.leaders[view.layer];
    const margin = K > 1 ? logits[0] - logits[1] : NaN;
    const name = (at) => named(numbers.shown[at].label, 12); // the prose has four names
    return {
      winner: name(0), logit: fixed(logits[0]), final: percent(lens[numbers.layers * K]),
      runner: K > 1 ? name(1) : "–", margin: K > 1 ? fixed(margin) : "–", ratio: K > 1 ? two(Math.exp(margin)) : "–",
      first: name(numbers.leaders[0]), leader: name(lead), p: percent(lens[view.layer * K + lead]),
      after: view.layer ? stage.words("after_layer", { n: view.layer }) : stage.words("after_input"),
    };
  },
};

/** The terms of the chosen class's logit, or of the difference between winner and runner-up. */
function headSum(stage) {
  const { view, data: { numbers } } = stage;
  const [z, weights, biases, logits] = ["vector", "weight", "bias", "logits"].map((name) => stage.section(name));
  const compare = view.compare && numbers.shown.length > 1;
  const [of, other] = compare ? [0, 1] : [Math.min(view.of, numbers.shown.length - 1), null];
  const row = (k) => weights.subarray(k * z.length, (k + 1) * z.length);
  const weight = compare ? row(of).map((w, c) => w - row(other)[c]) : row(of);
  const product = weight.map((w, c) => w * z[c]);
  const out = { of, other, weight, product, positive: 0, negative: 0, positives: 0, negatives: 0 };
  for (const value of product) {
    if (value > 0) {
      out.positives++;
      out.positive += value;
    }
    if (value < 0) {
      out.negatives++;
      out.negative += value;
    }
  }
  out.bias = biases[of] - (compare ? biases[other] : 0);
  out.logit = logits[of] - (compare ? logits[other] : 0);
  return out;
}

/** A channel's name: its number from 1, within its vector if the head reads several. */
function headChannel(stage, channel) {
  const { parts } = stage.data.numbers;
  let at = channel;
  for (const [name, width] of parts) {
    if (at < width) return parts.length > 1 ? stage.words("channel_of", { part: stage.words(`of_${name}`), n: at + 1 }) : stage.words("channel", { n: at + 1 });
    at -= width;
  }
}

function headStrip({ line, cells }, name, values, C, channel) {
  line.firstChild.textContent = name;
  const high = reach(values);
  cells.paint(values, 1, C, { low: -high, high, palette: "diverging" });
  cells.mark(channel === undefined || channel === null ? null : { row: 0, col: channel, kind: "thin" });
  line.lastChild.textContent = `± ${two(high)}`;
}

/** Without classes: the picture with each patch's cosine to the vector, after a chosen layer. */
function headAlike(stage, parent) {
  const { made, data: { numbers: { layers, output } } } = stage;
  const part = panel(parent, stage.words("alike", { output: stage.common(output) }), "alike");
  const beside = part.appendChild(el("div", { class: "seen" }));
  const picture = new Picture(beside, stage, { label: stage.words("alike", { output: stage.common(output) }) });
  const [rows, cols] = stage.data.grid;
  picture.root.style.width = `${11 * Math.min(1, cols / (rows * stage.data.aspect))}em`;
  const side = beside.appendChild(el("div", {}));
  side.append(el("p", { class: "note", text: stage.words("alike_note", { output: stage.common(output) }) }));
  const legend = new Legend(side, stage, "viridis", stage.words("cosine"));
  const slider = new Slider(side, { label: stage.words("layer"), max: layers, on: (layer) => stage.set({ layer }) });
  made.alike = () => {
    const { layer } = stage.view;
    const size = rows * cols;
    const values = stage.section("alike").subarray(layer * size, (layer + 1) * size);
    const [low, high] = range(values);
    picture.map(values, { low, high });
    legend.show(low, high, (v) => fixed(v));
    slider.show(layer);
  };
}

/** Without classes: the sample pictures whose vectors are most similar; a button until they were compared. */
function headNear(stage, parent) {
  const { made } = stage;
  const part = panel(parent, stage.words("near"), "near");
  const ask = part.appendChild(el("div", { class: "ask" }));
  button(ask, stage.words("near_ask", { n: stage.data.numbers.samples }), () => stage.set({ near: true }));
  ask.append(el("p", { class: "note", text: stage.words("near_wait", { seconds: two(stage.data.numbers.near_seconds) }) }));
  const list = part.appendChild(el("div", { class: "list" }));
  const note = part.appendChild(el("p", { class: "note" }));
  made.near = () => {
    const { near, near_mean } = stage.data.numbers;
    ask.hidden = Boolean(near);
    list.hidden = note.hidden = !near;
    if (!near || made.nearest === stage.data) return;
    made.nearest = stage.data;
    const squares = stage.section("near");
    const side = Math.sqrt(squares.length / near.length / 3);
    list.replaceChildren();
    for (const [i, { title, cosine }] of near.entries()) {
      const one = list.appendChild(el("div", { class: "one" }));
      new Cells(one, stage, { label: title }).colours(squares.subarray(i * 3 * side * side, (i + 1) * 3 * side * side), side, side);
      one.append(el("b", { text: fixed(cosine) }), el("span", { text: title, title }));
    }
    note.textContent = stage.words("near_note", { mean: fixed(near_mean) });
  };
}

function headPath(stage, figure) {
  const boxes = stage.data.numbers.path.flatMap(({ name, shape }, i) => [i ? el("span", { class: "arrow", "aria-hidden": "true", text: "→" }) : null,
    el("div", { class: `box ${name}` }, el("b", { text: stage.words(name) }), el("span", { text: shape.map(count).join(" × ") }))]);
  figure.append(el("div", { class: "path", role: "group", "aria-label": stage.words("path") }, ...boxes.filter(Boolean)));
}

/** The chart of the logit lens, the leading class of each run of layers, and the slider. */
function headLens(stage, parent) {
  const { made, data: { numbers } } = stage;
  const { layers, shown, leaders, top } = numbers;
  const part = panel(parent, stage.words("lens"), "lens");
  const set = (layer) => stage.set({ layer: Math.min(layers, Math.max(0, Math.round(layer))) });
  const chart = new Chart(part, { width: 280, height: 150, label: stage.words("lens") });
  const [lens, K] = [stage.section("lens"), shown.length];
  const runs = leaders.reduce((runs, k, layer) => (runs.at(-1)?.k === k ? runs.at(-1).n++ : runs.push({ k, layer, n: 1 }), runs), []);
  const between = ({ layer, n }) => (n > 1 ? `${layer}–${layer + n - 1}` : String(layer));
  const chips = runs.map((run) => el("button", { type: "button", class: `run ${HEAD_KINDS[run.k] ?? "quiet"}`, title: shown[run.k].label, onclick: () => set(run.layer) },
    el("b", { text: between(run) }), el("span", { text: named(shown[run.k].label) })));
  // Many names share two lines.
  part.append(el("div", { class: runs.length > 5 ? "leaders many" : "leaders", style: { "--columns": Math.ceil(runs.length / 2) }, role: "group", "aria-label": stage.words("leaders") }, ...chips));
  const slider = new Slider(row(part), { label: stage.words("layer"), max: layers, on: set });
  // A class that leads after some layer but not among the final best gets a quiet line; its name is below the chart.
  const drawn = shown.map((_, k) => k).filter((k) => k < Math.min(HEAD_KINDS.length, top) || leaders.includes(k)).reverse();
  const series = drawn.map((k) => ({ kind: HEAD_KINDS[k] ?? "quiet", values: Array.from({ length: layers + 1 }, (_, layer) => [layer, lens[layer * K + k]]) }));
  const most = Math.max(...series.flatMap((one) => one.values.map(([, p]) => p)));
  const roof = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5].find((p) => p >= most) ?? 1;
  const step = Math.ceil((layers + 1) / 13);
  const ticksX = Array.from({ length: layers + 1 }, (_, i) => i).filter((i) => i % step === 0);
  made.lens = () => {
    const { layer } = stage.view;
    chart.show(series, { x: stage.words("x"), y: stage.words("y"), xs: [-0.3, layers + 0.3], ys: [0, roof], ticksX, ticksY: [0, roof / 2, roof],
      sayX: String, sayY: (share) => `${Number((100 * share).toFixed(1))} %`, at: layer, names: false, onpick: set });
    runs.forEach((run, i) => chips[i].setAttribute("aria-pressed", layer >= run.layer && layer < run.layer + run.n));
    slider.show(layer);
  };
}
