const SUMMARY_STEPS = [["projection", "patch_norm"], ["tokens", "positions", "embed_norm"],
  ["norm1", "attention", "scale1", "norm2", "mlp", "scale2"], ["norm", "pool", "pool_norm", "head"]];

SCENE.summary = {
  asks: [],

  start: () => ({ step: 0 }),

  build(stage, figure) {
    summaryTable(stage, figure);
    const { numbers } = stage.data;
    const flow = figure.appendChild(el("div", { class: "pipeline", role: "group", "aria-label": stage.words("pipeline") }));
    const arrow = (parent) => parent.append(el("span", { class: "arrow", "aria-hidden": "true", text: "→" }));
    const why = flow.appendChild(el("div", { class: "step why" }, el("h4", { text: stage.words("why") })));
    for (const scene of ["cnn", "bias", "language"]) summaryBox(stage, why, scene, { name: stage.words(scene) });
    stage.made.steps = [1, 2, 3, 4].map((n) => {
      arrow(flow);
      const step = flow.appendChild(el("div", { class: `step step${n}` }, el("h4", { text: stage.words(`step${n}`, { layers: numbers.layers }) })));
      const boxes = step.appendChild(el("div", { class: "boxes" }));
      [summaryEmbed, summaryPlace, summaryEncoder, summaryRead][n - 1](stage, boxes, () => arrow(boxes));
      return step;
    });
  },

  draw(stage) {
    stage.made.steps.forEach((step, i) => step.classList.toggle("chosen", stage.view.step === i + 1));
  },

  numbers(stage) {
    const { view, data: { numbers } } = stage;
    const [best] = numbers.answers;
    const sum = (SUMMARY_STEPS[view.step - 1] ?? []).reduce((sum, name) => sum + numbers.parts[name], 0);
    return { patches: count(numbers.patches), layers: count(numbers.layers), answer: best ? stage.words("answer", { label: named(best.label), p: percent(best.p) }) : stage.words("none"),
      parameters: stage.words(view.step ? "at" : "all", { n: view.step, share: percent(sum / numbers.total), total: count(numbers.total) }) };
  },
};

const summaryShape = (...sizes) => sizes.map(count).join(" × ");

/** A box that opens `scene`: its name, a small picture if `show` draws one, its shape and its parameters. */
function summaryBox(stage, parent, scene, { name, shape = "", parameters, kind = "", show }) {
  const { title } = stage.titles.find(({ id }) => id === scene);
  const box = parent.appendChild(el("button", { type: "button", class: `box ${kind}`, "data-scene": scene,
    title: stage.words("open", { title }), onclick: () => stage.open(scene) }, el("b", { text: name })));
  if (show) show(box.appendChild(el("span", { class: "show" })));
  if (shape) box.append(el("span", { class: "shape", text: shape }));
  if (parameters) box.append(el("span", { class: "parameters", "data-count": parameters, text: large(parameters) }));
  return box;
}

function summaryCells(stage, parent, name, rows, palette = "diverging") {
  const values = stage.section(name);
  const high = palette === "diverging" ? reach(values) : undefined;
  new Cells(parent, stage).paint(values, rows, values.length / rows, { low: high && -high, high, palette });
}

function summaryEmbed(stage, parent, arrow) {
  const { image, patches, pixels, dim, parts } = stage.data.numbers;
  const picture = (grid) => (place) => new Picture(place, stage, { grid: false }).root.classList.toggle("cut", grid);
  summaryBox(stage, parent, "patches", { name: stage.words("picture"), shape: summaryShape(...image), show: picture(false) });
  arrow();
  summaryBox(stage, parent, "patches", { name: stage.words("patches"), shape: summaryShape(patches, pixels), show: picture(true) });
  arrow();
  summaryBox(stage, parent, "patches", { name: stage.words("projection"), shape: summaryShape(patches, dim), parameters: parts.projection,
    show: (place) => summaryCells(stage, place, "patches", Math.min(patches, 64)) });
  summaryNorm(stage, parent, "patches", parts.patch_norm);
}

/** A narrow box of a norm that only some models have. */
function summaryNorm(stage, parent, scene, parameters) {
  if (parameters) summaryBox(stage, parent, scene, { name: stage.words("norm"), parameters, kind: "slim" });
}

function summaryPlace(stage, parent) {
  const { prefix, position, tokens, dim, parts, entries, resized } = stage.data.numbers;
  const name = prefix === 0 ? "no_token" : prefix === 1 && stage.data.prefix[0] === "class" ? "token" : "prefix";
  const [rows, cols] = stage.data.grid;
  summaryBox(stage, parent, "positions", { name: stage.words(name, { n: prefix }), shape: summaryShape(tokens, dim), parameters: parts.tokens });
  const learned = position === "learned", kind = { learned: "positions", rope: "rotary_positions", none: "no_positions" }[position];
  // The parameters are those of the learned table, which is resized for a picture of another size.
  const table = learned ? stage.words(resized ? "resized" : "entries", { entries: summaryShape(entries, dim), tokens: count(tokens) }) : "";
  summaryBox(stage, parent, "positions", { name: stage.words(kind), shape: table, parameters: parts.positions,
    show: learned ? (place) => new Cells(place, stage).paint(stage.section("similarity"), rows, cols) : null });
  if (parts.embed_norm) summaryBox(stage, parent, "positions", { name: stage.words("norm"), parameters: parts.embed_norm, kind: "flat" });
}

function summaryEncoder(stage, parent) {
  const { order, parts, heads, mlp, dim } = stage.data.numbers;
  const column = (to) => to.appendChild(el("div", { class: "sublayer" }));
  // Directly after attention or MLP, LayerScale stands beneath it; after a norm, beside it.
  const scale = (parameters) => (to) => {
    const under = to.lastElementChild.classList.contains("sublayer");
    summaryBox(stage, under ? to.lastElementChild : to, "encoder", { name: stage.words("scale"), parameters, kind: under ? "scale" : "slim" });
  };
  const draw = {
    scale1: scale(parts.scale1),
    scale2: scale(parts.scale2),
    norm1: (to) => summaryBox(stage, to, "encoder", { name: stage.words("norm"), parameters: parts.norm1, kind: "slim" }),
    norm2: (to) => summaryBox(stage, to, "encoder", { name: stage.words("norm"), parameters: parts.norm2, kind: "slim" }),
    attention: (to) => summaryBox(stage, column(to), "attention", { name: stage.words("attention"), shape: stage.words("heads", { n: heads }), parameters: parts.attention,
      show: (place) => new Picture(place, stage, { grid: false }).map(stage.section("attention"), { alpha: 0.6 }) }),
    mlp: (to) => summaryBox(stage, column(to), "mlp", { name: stage.words("mlp"), shape: stage.words("widths", { hidden: count(mlp) }), parameters: parts.mlp, kind: "hidden",
      show: (place) => place.append(...[dim, mlp, dim].map((size) => el("i", { style: { height: `${Math.max(8, (100 * size) / Math.max(dim, mlp))}%` } }))) }),
    add: (to) => to.append(el("span", { class: "add", "aria-hidden": "true", text: stage.words("add") })),
  };
  // A residual connection runs around each group and is added at its end.
  let half = null;
  for (const name of order) {
    half ??= parent.appendChild(el("div", { class: "half" }));
    draw[name](half);
    if (name === "add") half = null;
  }
  summaryBox(stage, parent.parentNode, "features", { name: stage.words("features"), kind: "corner" });
}

function summaryRead(stage, parent, arrow) {
  const { read, pool, classes, parts, answers, head } = stage.data.numbers;
  const stack = parent.appendChild(el("div", { class: "stack" }));
  summaryBox(stage, stack, "head", { name: stage.words(pool === "token" ? (read.length > 1 ? "read_two" : "read_token") : "read_pooled"), shape: summaryShape(...read), parameters: parts.pool, kind: "read",
    show: (place) => summaryCells(stage, place, "read", 1) });
  summaryBox(stage, stack, "head", { name: head.map((step) => stage.words(step)).join(", ") || stage.words("no_head"), shape: classes ? count(classes) : "",
    parameters: parts.norm + parts.pool_norm + parts.head });
  arrow();
  summaryBox(stage, parent, "head", { name: stage.words(answers.length ? "prediction" : "none"), kind: "answer", show: (place) => {
    if (!answers.length) return place.append(stage.common("none_head"));
    place.append(...answers.map(({ label, p }, i) => el("span", { class: i ? "other" : "best" }, el("em", { text: label, title: label }),
      el("span", { class: "track" }, el("span", { class: "fill", style: { width: `${100 * p}%` } })), el("span", { class: "p", text: percent(p) }))));
  } });
}

function summaryTable(stage, figure) {
  const { table, paper_classes: classes } = stage.data.numbers;
  const part = panel(figure, stage.words("table"), "models");
  const cell = (tag, text) => el(tag, { text });
  const millions = (n) => (n >= 1e6 ? `${(n / 1e6).toFixed(1)} M` : large(n));
  const name = (own, text) => (own ? stage.words("own", { name: text.replace(/^.*[/\\:]/, "") }) : stage.words(text));
  const head = el("tr", {}, ...["model", "patch", "depth", "dim", "hidden", "head_count", "parameters", "paper"].map((key) => cell("th", stage.words(key))));
  part.append(el("table", {}, el("thead", {}, head), el("tbody", {}, ...table.map((one, i) => el("tr", { class: i === table.length - 1 ? "own" : null },
    el("th", { scope: "row", text: name(i === table.length - 1, one.name), title: one.name }),
    ...[summaryShape(...one.patch), count(one.layers), count(one.dim), count(one.mlp), count(one.heads), millions(one.parameters), one.paper ? `${one.paper / 1e6} M` : ""].map((text) => cell("td", text)))))));
  part.append(el("p", { class: "note", text: stage.words("note", { classes: count(classes) }) }));
}
