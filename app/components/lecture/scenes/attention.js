// One query in one head, number by number, and all heads of the layer. The browser computes from q, k and v.

const ATTENTION_STEPS = ["scores", "scaled", "softmax", "sum"];
const ATTENTION_BARS = 96; // the most weights drawn side by side, each at least four pixels wide

/** Row `at` of array `name` (heads, N, d) in `head`. */
function attentionVector(stage, name, head, at) {
  const { tokens: N, head_dim: d, whole } = stage.data.numbers;
  const from = ((whole ? head : 0) * N + at) * d;
  return stage.section(name).subarray(from, from + d);
}

/** One query's attention with scores divided by `divisor`; also the weights' entropy and each weighted value's length. */
function attentionOf(stage, head, at, divisor) {
  const { tokens: N, head_dim: d, whole } = stage.data.numbers;
  const [keys, values] = ["key", "value"].map((name) => stage.section(name).subarray(whole ? head * N * d : 0, (whole ? head + 1 : 1) * N * d));
  const { scores, scaled, weights, sum } = attend(attentionVector(stage, "query", head, at), keys, values, divisor);
  const copied = weights.map((weight, n) => weight * Math.hypot(...values.subarray(n * d, (n + 1) * d)));
  const entropy = -weights.reduce((total, weight) => total + (weight > 0 ? weight * Math.log2(weight) : 0), 0);
  return { scores, scaled, softmax: weights, sum, copied, entropy, top: range(weights)[1] };
}

/** t of the view as a number; without the scale, t * sqrt(d) is 1. */
const attentionTemperature = (stage) => (stage.view.temperature === "none" ? 1 / Math.sqrt(stage.data.numbers.head_dim) : stage.view.temperature);

/** Everything that is shown about this query, computed once a draw. */
function attentionNow(stage) {
  const { view, data } = stage;
  const { whole, head: sent, head_dim: d, heads, tokens } = data.numbers;
  view.head = Math.min(view.head, heads - 1);
  view.at = Math.min(view.at, tokens - 1);
  const head = whole ? view.head : sent;
  const divisor = attentionTemperature(stage) * Math.sqrt(d);
  const now = { head, divisor, ...attentionOf(stage, head, view.at, divisor) };
  now.order = Array.from(now.scores.keys()).sort((a, b) => now.scores[b] - now.scores[a]);
  now.key = view.key === "top" ? now.order[0] : Math.min(view.key, tokens - 1);
  now.trained = view.temperature === 1 ? now : attentionOf(stage, head, view.at, Math.sqrt(d));
  return now;
}

/** One line of the calculation: a name, cells, and the first numbers or another text. */
function attentionStrip(parent, stage, name) {
  const line = parent.appendChild(el("div", { class: "line" }, el("span", { class: "name", text: name })));
  const cells = new Cells(line, stage, { label: name });
  const note = line.appendChild(el("span", { class: "said" }));
  return { show(values, limit, text = null) {
    cells.paint(values, 1, values.length, { low: -limit, high: limit, palette: "diverging" });
    note.textContent = text ?? `${Array.from(values).slice(0, 3).map((v) => fixed(v)).join("  ")} …`;
  } };
}

/** The picture with frames around query and key, and the controls that choose them. */
function attentionPicture(stage, parent, made) {
  const prefix = stage.data.prefix.length;
  const chips = row(parent, "chips");
  const named = Array.from(stage.data.prefix.keys()).filter((i) => !stage.data.prefix[i].startsWith("register")); // registers are chosen by the slider only
  made.chips = named.map((i) => {
    const chip = button(chips, stage.token(i), () => stage.set({ at: i }));
    chip.addEventListener("pointerenter", () => stage.set({ key: i }));
    return { chip, i };
  });
  const holder = parent.appendChild(el("div", { class: "holder" }));
  made.picture = new Picture(holder, stage, { label: stage.words("picture"), onpick: (patch) => stage.set({ at: patch + prefix }),
    onhover: (patch) => patch !== null && patch + prefix !== stage.made.now.key && stage.set({ key: patch + prefix }) });
  const [rows, cols] = stage.data.grid;
  holder.style.setProperty("--shape", cols / (rows * stage.data.aspect));
  made.legends = { viridis: new Legend(parent, stage, "viridis", " "), diverging: new Legend(parent, stage, "diverging", " ") };
  parent.append(el("p", { class: "note", text: stage.words("pick") }));
}

function attentionOne(stage, parent, made) {
  const { tokens, head_dim: d } = stage.data.numbers;
  const left = parent.appendChild(el("div", { class: "left" }));
  attentionPicture(stage, left, made);
  made.query = new Slider(left, { label: stage.words("query_label"), min: 0, max: tokens - 1, say: (at) => stage.token(at), on: (at) => stage.set({ at }) });
  made.key = new Slider(left, { label: stage.words("key_label"), min: 1, max: tokens, say: (n) => stage.words("rank", { n }), on: (n) => stage.set({ key: made.now.order[n - 1] }) });
  const right = parent.appendChild(el("div", { class: "working" }));
  made.parts = Object.fromEntries(ATTENTION_STEPS.map((step) => {
    const part = right.appendChild(el("section", { class: "panel" }));
    const title = part.appendChild(el("h3", {}, el("button", { type: "button", text: stage.words(`step_${step}`), onclick: () => stage.set({ step }) })));
    return [step, { part, title }];
  }));
  const { scores, scaled, softmax, sum } = made.parts;
  made.strips = { q: attentionStrip(scores.part, stage, "q"), k: attentionStrip(scores.part, stage, "k"), product: attentionStrip(scores.part, stage, stage.words("product")),
    v: attentionStrip(sum.part, stage, "v"), wv: attentionStrip(sum.part, stage, ""), sum: attentionStrip(sum.part, stage, "Σ") };
  made.wvName = sum.part.querySelectorAll(".name")[1];
  [made.scoreLegend, made.sumLegend] = [scores, sum].map(({ title }) => new Legend(title, stage, "diverging"));
  const warm = Array.from({ length: 17 }, (_, i) => 2 ** (i / 2 - 4)).filter((t) => t > 1.001 / Math.sqrt(d));
  made.temperature = new Slider(scaled.title, { label: stage.words("temperature"), values: ["none", ...warm.map((t) => Number(t.toPrecision(6)))],
    say: (t) => (t === "none" ? stage.words("none") : two(t)), on: (temperature) => stage.set({ temperature }) });
  made.division = scaled.part.appendChild(el("p", { class: "equation" }));
  [made.share, made.spread] = [el("span"), el("span", { class: "spread" })];
  softmax.part.append(el("p", { class: "equation" }, made.share, made.spread));
  made.bars = softmax.part.appendChild(svg("svg", { class: "weights live-cells", viewBox: "0 0 100 20", preserveAspectRatio: "none", role: "img", "aria-label": stage.words("step_softmax") }));
  made.bars.addEventListener("pointermove", (event) => {
    const box = made.bars.getBoundingClientRect();
    const shown = Math.min(tokens, ATTENTION_BARS);
    stage.set({ key: made.now.order[Math.min(shown - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * shown)))] });
  });
  made.barNote = softmax.part.appendChild(el("p", { class: "note" }));
}

function attentionHeads(stage, parent, made) {
  const { heads: H, tokens: N, head_dim: d, dim: D, normed } = stage.data.numbers;
  const [rows, cols] = stage.data.grid;
  const shape = (...sizes) => sizes.map(count).join(" × ");
  const part = (name, from, to, palette = null, extra = "") => {
    const root = parent.appendChild(el("section", { class: `panel ${name}` }));
    const title = root.appendChild(el("h3", {}, el("span", { text: `${stage.words(name)} ${extra}` })));
    const legend = palette && new Legend(title, stage, palette);
    title.append(el("span", { class: "shapes", text: `${from}  →  ${to}` }));
    return [root, legend];
  };
  const [split] = part("split", shape(N, D), `3 × ${shape(H, N, d)}`);
  made.query2 = new Slider(split.firstChild, { label: stage.words("query_label"), min: 0, max: N - 1, say: (at) => stage.token(at), on: (at) => stage.set({ at }) });
  split.firstChild.insertBefore(made.query2.root, split.firstChild.lastChild);
  const [attend] = part("attend", shape(H, N, d), `${shape(H, N, N)}  →  ${shape(H, N, d)}`);
  const ratio = cols / (rows * stage.data.aspect); // width over height
  const [wide, high] = [49, 13];
  const fits = (across) => Math.min(wide / across - 0.6, (high / Math.ceil(H / across) - 2) * ratio);
  const across = Array.from({ length: H }, (_, i) => i + 1).reduce((best, n) => (fits(n) > fits(best) ? n : best), 1);
  const grid = attend.appendChild(el("div", { class: "maps", style: { "--across": across, "--wide": `${fits(across)}em` } }));
  made.maps = Array.from({ length: H }, (_, head) => {
    const one = grid.appendChild(el("button", { type: "button", class: "map", "aria-label": stage.words("head_n", { n: head + 1 }), onclick: () => stage.set({ head }) }));
    const name = one.appendChild(el("span", { style: { "--hue": (360 * head) / H } }));
    const cells = new Picture(one, stage, { grid: false, label: stage.words("head_n", { n: head + 1 }) });
    return { one, name, cells };
  });
  const mapLegend = new Legend(attend, stage, "viridis", stage.words("map_softmax"));
  const [join, joinedLegend] = part("join", shape(H, N, d), shape(N, H * d), "diverging");
  made.bands = join.appendChild(el("div", { class: "bands" }, ...Array.from({ length: H }, (_, head) =>
    el("button", { type: "button", style: { "--hue": (360 * head) / H }, text: String(head + 1), "aria-label": stage.words("head_n", { n: head + 1 }), onclick: () => stage.set({ head }) }))));
  made.joined = new Cells(join, stage, { label: stage.words("join") });
  const [project, projectedLegend] = part("project", shape(N, H * d), shape(N, D), "diverging", normed ? stage.words("normed") : "");
  made.projected = new Cells(project, stage, { label: stage.words("project") });
  Object.assign(made, { mapLegend, joinedLegend, projectedLegend });
}

function attentionDrawOne(stage, now) {
  const { made, view } = stage;
  const prefix = stage.data.prefix.length;
  const [q, k, v] = [["query", view.at], ["key", now.key], ["value", now.key]].map(([name, at]) => attentionVector(stage, name, now.head, at));
  const product = q.map((value, c) => value * k[c]);
  const weighted = v.map((value) => value * now.softmax[now.key]);
  const signed = view.step === "scores" || view.step === "scaled";
  const values = (view.step === "sum" ? now.copied : now[view.step]).subarray(prefix);
  const limit = reach(values);
  const [low, high] = made.picture.map(values, signed ? { palette: "diverging", low: -limit, high: limit } : { high: limit });
  const legend = made.legends[signed ? "diverging" : "viridis"];
  for (const one of Object.values(made.legends)) one.caption.parentNode.hidden = one !== legend;
  legend.show(low, high, view.step === "softmax" ? (w) => percent(w) : two);
  legend.caption.textContent = stage.words(`map_${view.step}`);
  made.picture.frame(now.key < prefix ? null : [now.key - prefix, "b"], view.at < prefix ? null : [view.at - prefix, view.at === now.key ? "thin" : ""]);
  made.chips.forEach(({ chip, i }) => {
    chip.setAttribute("aria-pressed", i === view.at);
    chip.classList.toggle("key", i === now.key);
  });
  made.query.show(view.at);
  made.key.show(now.order.indexOf(now.key) + 1);
  for (const step of ATTENTION_STEPS) {
    made.parts[step].part.classList.toggle("now", step === view.step);
    made.parts[step].title.firstChild.setAttribute("aria-pressed", step === view.step);
  }
  const most = Math.max(...[q, k, product].map(reach));
  made.strips.q.show(q, most);
  made.strips.k.show(k, most);
  made.strips.product.show(product, most, `${stage.words("total")}  q·k = ${fixed(now.scores[now.key])}`);
  made.scoreLegend.show(-most, most);
  made.temperature.show(view.temperature);
  made.division.textContent = `${fixed(now.scores[now.key])}  ÷  ( ${two(attentionTemperature(stage))} × √${stage.data.numbers.head_dim} = ${fixed(now.divisor)} )  =  ${fixed(now.scaled[now.key])}`;
  made.share.textContent = `exp(${fixed(now.scaled[now.key])}) ÷ Σ  =  ${percent(now.softmax[now.key])}`;
  const largest = Math.max(reach(v), reach(now.sum));
  made.strips.v.show(v, largest);
  made.wvName.textContent = "w × v";
  made.strips.wv.show(weighted, largest);
  made.strips.sum.show(now.sum, largest);
  made.sumLegend.show(-largest, largest);
  attentionBars(stage, now);
}

/** The weights, largest first, with a line for the model's own temperature. */
function attentionBars(stage, now) {
  const { tokens: N } = stage.data.numbers;
  const shown = Math.min(N, ATTENTION_BARS);
  const ceiling = Math.max(now.top, now.trained.top);
  const [step, y] = [100 / shown, (w) => 20 - (20 * w) / ceiling];
  const bar = (i) => `M${i * step + 0.12 * step} 20V${y(now.softmax[now.order[i]])}h${0.76 * step}V20Z`;
  const chosen = now.order.indexOf(now.key);
  const all = Array.from({ length: shown }, (_, i) => i);
  stage.made.bars.replaceChildren(
    svg("path", { class: "every", d: all.filter((i) => i !== chosen).map(bar).join("") }),
    svg("path", { class: "chosen", d: chosen < shown ? bar(chosen) : "" }),
    svg("path", { class: "trained", d: all.map((i) => `${i ? "L" : "M"}${i * step} ${y(now.trained.softmax[now.order[i]])}h${step}`).join("") }));
  stage.made.spread.textContent = [stage.words("largest", { top: percent(now.top) }), stage.words("bits", { entropy: fixed(now.entropy) })].join(" · ");
  stage.made.barNote.textContent = [stage.words(shown < N ? "bars" : "all_bars", { n: count(shown) }), stage.words("line")].join(" · ");
}

function attentionDrawHeads(stage) {
  const { made, view, data } = stage;
  const { heads: H, head_dim: d, dim: D, whole, tokens: N } = data.numbers;
  const prefix = data.prefix.length;
  const each = whole ? Array.from({ length: H }, (_, head) => attentionOf(stage, head, view.at, Math.sqrt(d))) : null;
  const rows = Array.from({ length: H }, (_, head) => (each ? each[head].softmax : stage.section("maps").subarray(head * N, (head + 1) * N)));
  const high = Math.max(...rows.map((weights) => reach(weights.subarray(prefix)))); // one scale for all
  made.mapLegend.show(0, high, percent);
  made.query2.show(view.at);
  made.maps.forEach(({ one, name, cells }, head) => {
    cells.map(rows[head].subarray(prefix), { high });
    cells.frame(view.at < prefix ? null : [view.at - prefix, "thin"]);
    name.textContent = stage.words("head_n", { n: head + 1 });
    one.setAttribute("aria-pressed", head === view.head);
  });
  const joined = each ? each.flatMap(({ sum }) => Array.from(sum)) : stage.section("joined");
  const projected = whole ? stage.section("projected").subarray(view.at * D, (view.at + 1) * D) : stage.section("projected");
  made.joinedLegend.show(...made.joined.paint(joined, 1, H * d, { palette: "diverging" }));
  made.projectedLegend.show(...made.projected.paint(projected, 1, D, { palette: "diverging" }));
  made.joined.mark({ row: 0, col: view.head * d, cols: d, kind: "thin" });
  Array.from(made.bands.children).forEach((band, head) => band.setAttribute("aria-pressed", head === view.head));
}

SCENE.attention = {
  asks: ["layer"],

  start: ({ data: { numbers } }) => ({ tab: "one", layer: numbers.layer, head: numbers.head, at: numbers.at, key: "top", step: "softmax", temperature: 1 }),

  build(stage, figure) {
    const { made, data: { numbers } } = stage;
    this.asks = numbers.whole ? ["layer"] : ["layer", "head", "at"]; // a large model sends one head and one query
    const controls = row(figure);
    made.tab = new Choice(controls, { label: stage.words("tab"), options: ["one", "heads"].map((tab) => [tab, stage.words(tab)]), on: (tab) => stage.set({ tab }) });
    made.layer = new Slider(controls, { label: stage.common("layer"), max: numbers.layers - 1, say: (v) => String(v + 1), on: (layer) => stage.set({ layer }) });
    made.head = new Slider(controls, { label: stage.common("head"), max: numbers.heads - 1, say: (v) => String(v + 1), on: (head) => stage.set({ head }) });
    made.tabs = { one: el("div", { class: "one" }), heads: el("div", { class: "many" }) };
    figure.append(...Object.values(made.tabs));
    attentionOne(stage, made.tabs.one, made);
    attentionHeads(stage, made.tabs.heads, made);
  },

  draw(stage) {
    const { made, view, data } = stage;
    view.layer = Math.min(view.layer, data.numbers.layers - 1);
    const now = (made.now = attentionNow(stage));
    for (const [tab, root] of Object.entries(made.tabs)) root.hidden = tab !== view.tab;
    made.tab.show(view.tab);
    made.layer.show(view.layer);
    made.head.show(view.head);
    if (view.tab === "one") attentionDrawOne(stage, now);
    else attentionDrawHeads(stage);
  },

  numbers(stage) {
    const { now } = stage.made;
    const { heads, head_dim: d, variance } = stage.data.numbers;
    return { query: stage.token(stage.view.at), key: stage.token(now.key), score: fixed(now.scores[now.key]), weight: percent(now.softmax[now.key]),
      d: count(d), heads: count(heads), before: two(variance[now.head]), after: two(variance[now.head] / d), top: percent(now.top), entropy: fixed(now.entropy) };
  },
};
