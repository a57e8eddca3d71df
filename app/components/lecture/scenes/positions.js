// Position embedding in three tabs: the sum, the formula with the deck's example, learned and computed compared. Python
// sends what the current tab needs; until then the last tab's figure stays.

const POSITIONS_TABS = ["sum", "formula", "compare"];
const POSITIONS_PARTS = ["tokens", "positions", "sums"];
const POSITIONS_WAYS = ["unchanged", "removed", "shuffled"];
const POSITIONS_MAPS = ["learned", "one", "two"];

/** Give an element the picture's proportions; a portrait picture is narrower than its container. */
function positionsShape(root, stage) {
  const [rows, cols] = stage.data.grid;
  const tall = rows * stage.data.aspect;
  root.style.setProperty("aspect-ratio", `${cols} / ${tall}`);
  root.style.setProperty("width", `${Math.min(100, (100 * cols) / tall)}%`);
}

/** Whether the model has positions, learned or rotary. */
const positionsThere = (numbers) => numbers.position !== "none";

/** A probability as text; a dash if there is none. */
const positionsSay = (answer, way) => (answer?.p[way] === undefined ? "–" : percent(answer.p[way]));

SCENE.positions = {
  asks: ["tab", "at", "seed"],

  prose({ data: { numbers } }) {
    if (!positionsThere(numbers)) return "text_bare";
    const kind = numbers.learned ? "text" : "text_rope";
    return numbers.answers.length ? kind : `${kind}_vector`;
  },

  /** Which tokens go in front. */
  front(stage) {
    const { prefix } = stage.data;
    const kind = !prefix.length ? "none" : !prefix.includes("class") ? "registers" : prefix.length === 1 ? "class"
      : prefix.length === 2 && prefix[1] === "distillation" ? "two" : "many";
    return stage.words(`front_${kind}`, { n: prefix.length });
  },

  start: (stage) => ({ tab: "sum", at: stage.data.numbers.at, seed: 0 }),

  build(stage, figure) {
    const made = stage.made;
    const controls = row(figure);
    made.tab = new Choice(controls, { label: stage.words("tabs"), options: POSITIONS_TABS.map((tab) => [tab, stage.words(tab)]), on: (tab) => stage.set({ tab }) });
    made.token = new Slider(controls, { label: stage.words("token"), min: 0, max: stage.data.numbers.tokens - 1, say: (at) => stage.token(at), on: (at) => stage.set({ at }) });
    made.tabs = Object.fromEntries(POSITIONS_TABS.map((tab) => [tab, figure.appendChild(el("div", { class: `tab ${tab}` }))]));
    this.buildSum(stage, made.tabs.sum);
    this.buildFormula(stage, made.tabs.formula);
    this.buildCompare(stage, made.tabs.compare);
  },

  picture(stage, parent) {
    const picture = new Picture(parent, stage, { label: stage.words("picture"), onpick: (patch) => stage.set({ at: patch + stage.data.prefix.length }) });
    positionsShape(picture.root, stage);
    return picture;
  },

  buildSum(stage, parent) {
    const made = stage.made;
    const { prefix } = stage.data;
    const matrices = parent.appendChild(el("div", { class: "matrices" }));
    made.parts = {};
    for (const [i, name] of POSITIONS_PARTS.entries()) {
      if (i) matrices.append(el("span", { class: "sign", text: i === 1 ? "+" : "=" }));
      const part = panel(matrices, stage.words(name));
      made.parts[name] = new Cells(part, stage, { label: stage.words(name), onpick: (at) => stage.set({ at: Math.min(at * stage.data.numbers.step, stage.data.numbers.tokens - 1) }) });
      part.append(el("p", { class: "note shape", text: stage.words("shape", { tokens: count(stage.data.numbers.tokens), dim: count(stage.data.numbers.dim) }) }));
    }
    const under = parent.appendChild(el("div", { class: "row under" }));
    const names = prefix.map((_, i) => stage.token(i));
    const shown = names.length > 3 ? [...names.slice(0, 2), `… ${names.at(-1)}`] : names;
    const said = [names.length ? stage.words("in_front", { names: shown.join(", ") }) : stage.words("none_in_front")];
    if (!stage.data.numbers.learned) said.push(stage.words(stage.data.numbers.position === "rope" ? "rotary" : "none"));
    if (stage.data.numbers.embed_norm) said.push(stage.words("normed"));
    under.append(el("span", { class: "note", text: said.map((part, i) => part + (i < said.length - 1 && !part.endsWith(".") ? "." : "")).join(" ") }));
    made.scale = new Legend(under, stage, "diverging", stage.words("scale"));
    const one = parent.appendChild(el("div", { class: "one" }));
    made.sumPicture = this.picture(stage, one);
    const strips = panel(one, "");
    made.which = strips.querySelector("h3");
    made.strips = POSITIONS_PARTS.map((name, i) => {
      const line = strips.appendChild(el("div", { class: "strip" }, el("b", { text: ["", "+", "="][i] }), el("span", { text: stage.words(name) })));
      const cells = new Cells(line, stage, {});
      return { cells, first: line.appendChild(el("span", { class: "first" })) };
    });
  },

  buildFormula(stage, parent) {
    const made = stage.made;
    const { math } = stage.data.words;
    parent.append(el("div", { class: "formulas" }, formula(math.sin), formula(math.cos)));
    const both = parent.appendChild(el("div", { class: "both" }));
    made.example = panel(both, "", "example");
    made.table = made.example.appendChild(el("div", { class: "table", role: "table" }));
    const waves = panel(both, "", "waves");
    made.wavesTitle = waves.querySelector("h3");
    made.waves = new Cells(waves, stage, { label: stage.words("formula"), onpick: (at) => stage.set({ at: stage.data.prefix.length + Math.min(at * stage.data.numbers.step, stage.data.numbers.patches - 1) }) });
    made.wavesAxes = waves.appendChild(el("p", { class: "note" }));
    new Legend(waves, stage, "diverging").show(-1, 1);
  },

  buildCompare(stage, parent) {
    const made = stage.made;
    const maps = parent.appendChild(el("div", { class: "maps" }));
    made.picture = this.picture(stage, panel(maps, stage.words("picture")));
    made.maps = Object.fromEntries(POSITIONS_MAPS.map((name) => {
      const part = panel(maps, stage.words(name));
      const cells = new Cells(part, stage, { label: stage.words(name), onpick: (y, x) => stage.set({ at: stage.data.prefix.length + y * stage.data.grid[1] + x }) });
      positionsShape(cells.root, stage);
      return [name, { cells, note: part.appendChild(el("p", { class: "note" })) }];
    }));
    const under = parent.appendChild(el("div", { class: "row under" }));
    made.similarity = new Legend(under, stage, "diverging", " ");
    made.similarity.show(-1, 1);
    const both = parent.appendChild(el("div", { class: "both" }));
    const { answers, output } = stage.data.numbers;
    const title = answers.length ? stage.words("answers") : stage.words("moves", { output: stage.common(output) });
    made.answers = panel(both, title, "answers").appendChild(el("div", { class: "bars" }));
    made.puzzlePanel = panel(both, stage.words("puzzle"), "puzzle");
    const canvas = el("canvas", { role: "img", "aria-label": stage.words("puzzle") });
    positionsShape(canvas, stage);
    made.puzzle = made.puzzlePanel.appendChild(canvas);
    made.again = button(under, stage.words("again"), () => stage.set({ seed: (stage.view.seed + 1) % 10000 }));
  },

  draw(stage) {
    const { made, view } = stage;
    const { tab, tokens } = stage.data.numbers;
    view.at = Math.min(Math.max(view.at, 0), tokens - 1);
    made.tab.show(view.tab);
    made.token.show(view.at);
    for (const name of POSITIONS_TABS) made.tabs[name].hidden = name !== tab;
    const patch = view.at < stage.data.prefix.length ? null : view.at - stage.data.prefix.length;
    made.sumPicture.frame(patch);
    made.picture.frame(patch);
    this[tab](stage, stage.data.numbers, patch);
  },

  sum(stage, n) {
    const { made } = stage;
    const front = stage.data.prefix.length;
    const fresh = made.painted !== stage.data;
    made.painted = stage.data;
    for (const name of POSITIONS_PARTS) {
      if (fresh) made.parts[name].paint(stage.section(name), ...n.shape, { palette: "diverging", low: -n.reach, high: n.reach });
      made.parts[name].mark(front && { row: 0, col: 0, rows: Math.ceil(front / n.step), cols: n.shape[1], kind: "thin b" },
        { row: Math.floor(stage.view.at / n.step), col: 0, cols: n.shape[1], kind: "thin" });
    }
    made.scale.show(-n.reach, n.reach, (v) => stage.words("beyond", { sign: v < 0 ? "≤" : "≥", value: two(v) }));
    made.which.textContent = stage.words("row", { where: stage.token(n.at), dim: count(n.dim) });
    const values = stage.section("row");
    for (const [i, { cells, first }] of made.strips.entries()) {
      const strip = values.subarray(i * n.dim, (i + 1) * n.dim);
      cells.paint(strip, 1, n.dim, { palette: "diverging", low: -n.reach, high: n.reach });
      first.textContent = `${Array.from(strip.subarray(0, 3), (v) => fixed(v)).join("  ")}  …`;
    }
  },

  formula(stage, n, patch) {
    const { made } = stage;
    const { formula: exact, word, embedding, sum } = n.example;
    const names = stage.words("words").split(" ");
    const width = embedding.length;
    const cell = (text, kind = "") => el("span", { class: kind, role: "cell", text });
    const line = (name, values, kind = "") => [cell(name, `name ${kind}`), ...values.map((v) => cell(v, kind))];
    const title = (i) => stage.words("word", { word: names[i], pos: i });
    made.example.querySelector("h3").textContent = stage.words("example", { width });
    made.table.style.setProperty("--width", width);
    const base = 10000 ** (2 / width); // the formula's rate from one pair of channels to the next
    made.table.replaceChildren(
      ...line("", Array.from({ length: width }, (_, i) => stage.words("wave", { name: i % 2 ? "cos" : "sin", rate: count(base ** Math.floor(i / 2)) })), "head"),
      ...exact.flatMap((values, pos) => line(title(pos), values.map((v) => fixed(v)), pos === word ? "chosen" : "")),
      ...line(stage.words("embedding", { word: names[word] }), embedding.map((v) => fixed(v))),
      ...line(stage.words("with", { word: names[word] }), sum.map((v) => fixed(v)), "total"));
    made.wavesTitle.textContent = stage.words("waves", { patches: count(n.patches) });
    made.wavesAxes.textContent = stage.words("waves_axes");
    made.waves.paint(stage.section("waves"), ...n.shape, { palette: "diverging", low: -1, high: 1 });
    made.waves.mark(patch === null ? null : { row: Math.floor(patch / n.step), col: 0, cols: n.shape[1], kind: "thin" });
  },

  compare(stage, n, patch) {
    const { made } = stage;
    const [rows, cols] = stage.data.grid;
    for (const name of POSITIONS_MAPS) {
      const { cells, note } = made.maps[name];
      const values = stage.section(name);
      cells.root.hidden = !values;
      note.hidden = Boolean(values);
      if (values) {
        cells.paint(values, rows, cols, { palette: "diverging", low: -1, high: 1 });
        cells.mark({ row: Math.floor(n.patch / cols), col: n.patch % cols, kind: "thin" });
      } else note.textContent = name === "learned" ? stage.words("none_map") : stage.words("no_sinusoid", { n: name === "one" ? 2 : 4, dim: count(n.dim) });
    }
    made.picture.frame(patch ?? n.patch);
    made.similarity.caption.textContent = stage.words("similarity", { where: stage.patch(n.patch) });
    this.bars(stage, n);
    made.puzzlePanel.hidden = made.again.hidden = !positionsThere(n);
    if (!made.puzzlePanel.hidden) this.puzzle(stage);
  },

  /** One row a class, with one bar for each set of positions. */
  bars(stage, n) {
    const ways = POSITIONS_WAYS.slice(0, positionsThere(n) ? 3 : 1);
    const kinds = ["a", "b", "c"];
    const { answers } = stage.made;
    answers.style.setProperty("--ways", ways.length);
    const head = [el("span"), ...ways.map((way) => el("b", { class: "way", text: stage.words(way) }))];
    const bar = (share, text, kind) => el("span", { class: `one ${kind}` },
      el("span", { class: "track" }, el("span", { class: "fill", style: { width: `${100 * Math.min(1, Math.max(0, share))}%` } })), el("span", { class: "value", text }));
    if (!n.answers.length) {
      const line = (name, of, say) => [el("span", { class: "label", text: stage.words(name) }), ...ways.map((_, way) => bar(of(n.changes[way]), say(of(n.changes[way])), kinds[way]))];
      return answers.replaceChildren(...head, ...line("cosine", (one) => one?.cosine ?? NaN, (v) => fixed(v)), ...line("relative", (one) => one?.relative ?? NaN, percent),
        ...(positionsThere(n) ? [] : [el("p", { class: "note all", text: stage.words("none") })]));
    }
    const [best] = n.answers;
    const winner = ways.map((_, way) => Math.max(...n.answers.map((one) => one.p[way])));
    const points = (way) => stage.words("points", { n: (best.p[way] >= best.p[0] ? "+" : "−") + Math.round(100 * Math.abs(best.p[way] - best.p[0])) });
    const nodes = head;
    for (const one of n.answers)
      nodes.push(el("span", { class: "label", text: one.label, title: one.label }), ...ways.map((_, way) => bar(one.p[way], percent(one.p[way]), `${kinds[way]} ${one.p[way] === winner[way] ? "first" : ""}`)));
    if (positionsThere(n)) nodes.push(el("span", { class: "label change", text: stage.words("change", { answer: named(best.label) }) }), ...ways.map((_, way) => el("b", { class: "way change", text: way ? points(way) : "\u00a0" })));
    else nodes.push(el("p", { class: "note all", text: stage.words("none") }));
    answers.replaceChildren(...nodes);
  },

  /** The picture with each patch moved to its shuffled position. */
  puzzle(stage) {
    const { puzzle, picture } = stage.made;
    const order = stage.section("order");
    const image = picture.image;
    if (!image.complete) return void image.addEventListener("load", () => stage.made.puzzle === puzzle && stage.section("order") && this.puzzle(stage), { once: true });
    const [rows, cols] = stage.data.grid;
    const side = Math.max(4, Math.ceil(384 / Math.max(rows, cols)));
    [puzzle.width, puzzle.height] = [cols * side, rows * side];
    const context = puzzle.getContext("2d");
    const [w, h] = [image.naturalWidth / cols, image.naturalHeight / rows];
    for (let i = 0; i < order.length; i++)
      context.drawImage(image, (i % cols) * w, Math.floor(i / cols) * h, w, h, (order[i] % cols) * side, Math.floor(order[i] / cols) * side, side, side);
  },

  numbers(stage) {
    const { tokens, dim, answers, changes, output } = stage.data.numbers;
    const [cosine1, cosine2] = [1, 2].map((way) => (changes[way] ? fixed(changes[way].cosine) : "–"));
    const [change1, change2] = [1, 2].map((way) => (changes[way] ? percent(changes[way].relative) : "–"));
    const prefix = stage.data.prefix.length;
    return { prefix, patches: count(tokens - prefix), tokens: count(tokens), dim: count(dim), answer: named(answers[0]?.label ?? "–"),
      p0: positionsSay(answers[0], 0), p1: positionsSay(answers[0], 1), p2: positionsSay(answers[0], 2),
      say_front: this.front(stage), output: stage.common(output), cosine1, cosine2, change1, change2 };
  },
};
