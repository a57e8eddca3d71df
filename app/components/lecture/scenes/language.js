// A sentence and a picture side by side; the same code computes and draws both.

const LANGUAGE_STEPS = ["tokens", "query", "keys", "weights", "sum"];
const LANGUAGE_PAUSE_MS = 200; // without a keystroke before the sentence is sent

/** Attention of query `at` on one side: { scores (divided by sqrt(d)), weights, sum, top }. */
function languageRow({ query, key, value, d }, at) {
  const { scaled: scores, weights, sum } = attend(query.subarray(at * d, (at + 1) * d), key, value, Math.sqrt(d));
  return { scores, weights, sum, top: weights.indexOf(range(weights)[1]) };
}

/** One side's tokens, their names, and the attention of the chosen query. */
function languageSide(stage, name) {
  const { numbers } = stage.data;
  const { view } = stage;
  const words = name === "words";
  const side = { N: words ? numbers.words.length : numbers.tokens, d: words ? numbers.words_dim : numbers.head_dim };
  for (const part of ["query", "key", "value"]) side[part] = stage.section(words ? `words_${part}` : part);
  side.label = (n) => (words ? numbers.words[n] : stage.token(n));
  if (!side.N) return side;
  side.at = view[name] = Math.min(view[name], side.N - 1);
  Object.assign(side, languageRow(side, side.at));
  const key = view[`${name}_key`];
  side.chosen = key === "top" ? side.top : Math.min(key, side.N - 1);
  return side;
}

/** Build what both sides have: a title, controls, the matrix, and the calculation for the chosen query and key. */
function languagePart(stage, figure, name) {
  const root = figure.appendChild(el("section", { class: `side ${name}` }));
  const made = { title: root.appendChild(el("h3")), controls: root.appendChild(el("div", { class: "controls" })), looks: root.appendChild(el("div", { class: "looks" })), steps: [] };
  const marked = (node, ...steps) => {
    made.steps.push({ node, steps });
    return node;
  };
  made.marked = marked;
  const pick = (row, col) => {
    const { N } = languageSide(stage, name);
    const real = (cell) => Math.min(N - 1, Math.floor((cell * N) / made.cells.rows)); // a thinned matrix has fewer rows
    stage.set({ [name]: real(row), [`${name}_key`]: real(col) });
  };
  made.cells = new Cells(made.looks, stage, { label: stage.words(name === "words" ? "words_matrix" : "matrix"), onpick: pick });
  marked(made.cells.root, "weights");
  made.legend = new Legend(made.looks, stage, "viridis", stage.words("axes"));
  const line = (label, ...steps) => {
    const node = marked(root.appendChild(el("div", { class: "line" }, el("span", { class: "name", text: label }))), ...steps);
    const cells = new Cells(node, stage, { label });
    return { cells, said: node.appendChild(el("span", { class: "said" })) };
  };
  made.lines = { query: line("q", "query"), key: line("k", "keys") };
  made.score = marked(root.appendChild(el("p", { class: "score" })), "weights");
  made.lines.sum = line("Σ wv", "sum");
  return made;
}

function languageDraw(stage, made, side, matrix, cells) {
  for (const { node, steps } of made.steps) node.classList.toggle("now", steps.includes(stage.view.step));
  const { at, chosen, N, d } = side;
  const [low, high] = made.cells.paint(matrix, cells, cells, { low: 0 });
  made.legend.show(low, high, percent);
  const shown = (n) => Math.floor((n * cells) / N);
  made.cells.mark({ row: shown(at), col: 0, cols: cells, kind: "thin" }, { row: shown(at), col: shown(chosen), kind: "b" });
  const [q, k] = [side.query.subarray(at * d, (at + 1) * d), side.key.subarray(chosen * d, (chosen + 1) * d)];
  const limit = Math.max(...[q, k, side.sum].map(reach));
  for (const [name, values, said] of [["query", q, side.label(at)], ["key", k, side.label(chosen)], ["sum", side.sum, `${two(-limit)} … ${two(limit)}`]]) {
    made.lines[name].cells.paint(values, 1, d, { low: -limit, high: limit, palette: "diverging" });
    made.lines[name].said.textContent = said;
  }
  made.score.textContent = `q·k ÷ √${d} = ${fixed(side.scores[chosen])}   →   w = ${percent(side.weights[chosen])}`;
}

function languageWords(stage, made) {
  const { numbers } = stage.data;
  const field = row(made.controls);
  made.input = el("input", { type: "text", class: "sentence", maxlength: 300, spellcheck: "false", autocomplete: "off", "aria-label": stage.words("field_label", { limit: numbers.limit }), placeholder: stage.words("field") });
  field.append(made.input);
  made.read = (pause) => {
    clearTimeout(made.pending);
    made.pending = setTimeout(() => stage.scene === "language" && made.input.isConnected && stage.set({ sentence: made.input.value.toWellFormed?.() ?? made.input.value }), pause);
  };
  made.input.addEventListener("input", () => made.read(LANGUAGE_PAUSE_MS));
  made.input.addEventListener("change", () => made.read(0));
  made.presets = el("select", { "aria-label": stage.words("presets") }, el("option", { value: "", text: stage.words("presets") }),
    ...[1, 2, 3, 4].map((n) => el("option", { value: stage.words(`preset_${n}`), text: stage.words(`preset_${n}`) })));
  made.presets.addEventListener("change", () => {
    if (!made.presets.value) return;
    made.input.value = made.presets.value;
    stage.set({ sentence: made.presets.value, words: 0, words_key: "top" });
  });
  field.append(el("span", { class: "presets" }, el("span", { text: stage.words("presets"), "aria-hidden": "true" }), made.presets));
  made.note = made.looks.appendChild(el("p", { class: "note" }));
  [made.queries, made.keys] = [el("div", { class: "queries" }), el("div", { class: "keys" })];
  made.looks.append(made.marked(made.queries, "tokens", "query"), made.marked(made.keys, "tokens", "keys"));
}

function languageImage(stage, made) {
  const { numbers, grid, aspect } = stage.data;
  const prefix = stage.data.prefix.length;
  const controls = row(made.controls);
  made.layer = new Slider(controls, { label: stage.common("layer"), max: numbers.layers - 1, say: (v) => String(v + 1), on: (layer) => stage.set({ layer }) });
  made.head = new Slider(controls, { label: stage.common("head"), max: numbers.heads - 1, say: (v) => String(v + 1), on: (head) => stage.set({ head }) });
  made.token = new Slider(row(made.controls), { label: stage.words("query_label"), max: numbers.tokens - 1, say: (n) => stage.token(n), on: (patches) => stage.set({ patches, patches_key: "top" }) });
  const holder = el("div", { class: "holder", style: { "--shape": grid[1] / (grid[0] * aspect) } });
  made.looks.prepend(holder);
  made.picture = new Picture(holder, stage, { label: stage.words("picture"), onpick: (patch) => stage.set({ patches: patch + prefix, patches_key: "top" }) });
  made.marked(made.picture.root, "tokens", "query", "keys");
}

function languageDrawWords(stage, made, side) {
  const { numbers } = stage.data;
  const { view } = stage;
  const typing = made.input.getRootNode().activeElement === made.input;
  if (!typing && made.input.value !== view.sentence && !made.pending) made.input.value = view.sentence;
  else if (typing && made.input.value !== view.sentence) made.read(LANGUAGE_PAUSE_MS); // typed on while the last sentence was sent
  made.pending = typing ? made.pending : null;
  made.presets.value = Array.from(made.presets.options).some((one) => one.value === view.sentence) ? view.sentence : "";
  made.title.textContent = stage.words(numbers.cut ? "cut" : "sentence", { n: side.N });
  made.note.textContent = side.N ? "" : stage.words("empty");
  for (const node of made.steps.map((one) => one.node)) node.hidden = !side.N;
  made.legend.caption.parentNode.hidden = !side.N;
  if (!side.N) return;
  made.looks.style.setProperty("--n", side.N);
  const matrix = Float32Array.from({ length: side.N ** 2 });
  for (let n = 0; n < side.N; n++) matrix.set(languageRow(side, n).weights, n * side.N);
  languageDraw(stage, made, side, matrix, side.N);
  const fillWith = (root, part) => {
    const chips = Array.from(root.children); // kept while the words are the same: a redraw between press and release would lose the click
    if (chips.length !== side.N || chips.some((chip, n) => chip.textContent !== numbers.words[n]))
      renew(root, ...numbers.words.map((word, n) => el("button", { type: "button", title: word, text: word, onclick: () => stage.set(part.set(n)) })));
    for (const [n, chip] of Array.from(root.children).entries()) chip.setAttribute("aria-pressed", n === part.at);
  };
  fillWith(made.queries, { at: side.at, set: (words) => ({ words, words_key: "top" }) });
  fillWith(made.keys, { at: side.chosen, set: (words_key) => ({ words_key }) });
}

function languageDrawImage(stage, made, side) {
  const { numbers } = stage.data;
  const prefix = stage.data.prefix.length;
  made.title.textContent = stage.words("image", { n: count(side.N) });
  made.layer.show(stage.view.layer);
  made.head.show(stage.view.head);
  made.token.show(side.at);
  languageDraw(stage, made, side, stage.section("matrix"), numbers.side);
  made.legend.caption.textContent = numbers.side < side.N ? stage.words("thinned", numbers) : stage.words("axes");
  made.picture.map(stage.view.step === "tokens" ? null : side.weights.subarray(prefix));
  made.picture.frame(side.chosen < prefix ? null : [side.chosen - prefix, "b"], side.at < prefix ? null : [side.at - prefix, side.at === side.chosen ? "thin" : ""]);
}

SCENE.language = {
  asks: ["sentence", "layer", "head"],

  start: ({ data: { numbers } }) => ({ sentence: numbers.sentence, layer: numbers.layer, head: numbers.head, step: "weights", words: 0, words_key: "top", patches: numbers.middle, patches_key: "top" }),

  build(stage, figure) {
    const { made, view, data } = stage;
    if (data.want.sentence === undefined) view.sentence = data.numbers.sentence; // each language starts with its own sentence
    made.step = new Choice(row(figure), { label: stage.words("step"), options: LANGUAGE_STEPS.map((step) => [step, stage.words(step)]), on: (step) => stage.set({ step }) });
    const sides = figure.appendChild(el("div", { class: "sides" }));
    made.parts = { words: languagePart(stage, sides, "words"), patches: languagePart(stage, sides, "patches") };
    languageWords(stage, made.parts.words);
    languageImage(stage, made.parts.patches);
  },

  draw(stage) {
    const { made, view, data } = stage;
    view.layer = Math.min(view.layer, data.numbers.layers - 1);
    view.head = Math.min(view.head, data.numbers.heads - 1);
    made.step.show(view.step);
    made.sides = { words: languageSide(stage, "words"), patches: languageSide(stage, "patches") };
    languageDrawWords(stage, made.parts.words, made.sides.words);
    languageDrawImage(stage, made.parts.patches, made.sides.patches);
  },

  numbers(stage) {
    const { words, patches } = stage.made.sides;
    const { layer, head } = stage.data.numbers;
    const nobody = stage.words("nobody");
    const name = (n) => (words.label(n).length > 12 ? `${words.label(n).slice(0, 11)}…` : words.label(n)); // live words are not broken across lines
    return { word: words.N ? name(words.at) : nobody, word_top: words.N ? name(words.top) : nobody, word_share: words.N ? percent(words.weights[words.top]) : "–",
      patch: patches.label(patches.at), patch_top: patches.label(patches.top), patch_share: percent(patches.weights[patches.top]), layer: layer + 1, head: head + 1 };
  },
};
