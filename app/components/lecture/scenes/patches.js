// Patch embedding. The view holds the image and patch size in pixels, the picked point as fractions of the picture (so
// that it stays in place when sizes change), and `size`, the name of a pair of sizes.

const PATCHES_PRINTED = 4; // values of a token in print

/** The size in `sizes` nearest to `one`, by ratio. */
const patchesNearest = (sizes, one) => sizes.reduce((a, b) => (Math.abs(Math.log(b / one)) < Math.abs(Math.log(a / one)) ? b : a));

/** The picked patch: row, column, index, and the row of its token in "tokens" (`held`; null if it was not sent). */
function patchesPick({ view, data }) {
  const { rows, cols, height, width, ph, pw, first, some } = data.numbers;
  const cell = (share, pixels, side, n) => Math.min(n - 1, Math.floor((share * pixels) / side));
  const [row, col] = [cell(view.y, height, ph, rows), cell(view.x, width, pw, cols)];
  const at = row * cols + col;
  return { row, col, at, held: at >= first && at < first + some ? at - first : null };
}

/** The picked patch's pixels as model input (channel, row, column), and as colours 0..255. */
function patchesPixels(stage, { row, col }) {
  const { width, ph, pw, channels: C, mean, std } = stage.data.numbers;
  const seen = stage.section("seen");
  const [values, colours] = [new Float32Array(C * ph * pw), new Uint8Array(3 * ph * pw)];
  for (let y = 0; y < ph; y++)
    for (let x = 0; x < pw; x++)
      for (let c = 0; c < 3; c++) {
        const byte = seen[((row * ph + y) * width + col * pw + x) * C + Math.min(c, C - 1)];
        colours[3 * (y * pw + x) + c] = byte;
        if (c < C) values[(c * ph + y) * pw + x] = (byte / 255 - mean[c]) / std[c];
      }
  return { values, colours };
}

const patchesPrint = (values, decimals = 2) => Array.from(values.slice(0, PATCHES_PRINTED), (v) => fixed(v, decimals));

SCENE.patches = {
  asks: ["size", "image", "patch", "from"],

  prose: ({ data: { numbers } }) => (numbers.bias ? "text" : "text_bare"),

  start: (stage) => ({ size: "own", image: stage.data.numbers.image, patch: stage.data.numbers.patch, x: 0.5, y: 0.5 }),

  build(stage, figure) {
    const made = stage.made;
    made.choices = new Map(stage.data.numbers.choices);
    const images = [...made.choices.keys()];
    const patches = [...new Set([...made.choices.values()].flat())].sort((a, b) => a - b);
    const px = (n) => stage.words("pixels", { n });
    const choose = (image, patch) => stage.set({ size: "free", image, patch, from: stage.view.y });
    const controls = row(figure);
    made.image = new Slider(controls, { label: stage.words("image"), values: images, say: px,
      on: (image) => choose(image, patchesNearest(made.choices.get(image), stage.view.patch)) });
    made.patch = new Slider(controls, { label: stage.words("patch"), values: patches, say: px,
      on: (patch) => choose(patchesNearest(images.filter((i) => made.choices.get(i).includes(patch)), stage.view.image), patch) });

    made.sum = el("div", { class: "arithmetic" });
    const beside = el("div", { class: "beside" });
    figure.append(made.sum, beside);

    const left = panel(beside, stage.words("map"), "map");
    made.picture = new Cells(left, stage, { label: stage.words("map"), kind: "picture", onpick: (y, x) => {
      const { height, width } = stage.data.numbers;
      const part = { x: (x + 0.5) / width, y: (y + 0.5) / height };
      const held = patchesPick({ view: part, data: stage.data }).held;
      stage.set(held === null ? { ...part, from: part.y } : part);
    } });
    made.over = [el("div", { class: "over" }), el("div", { class: "over" })];
    made.grid = el("div", { class: "lines" });
    made.picture.root.append(made.grid, ...made.over);
    [made.over_note, made.kernels] = [left.appendChild(el("p", { class: "note" })), left.appendChild(el("p", { class: "note" }))];

    const right = beside.appendChild(el("div", { class: "right" }));
    const one = panel(right, "", "one");
    made.where = one.querySelector("h3");
    made.vector = one.appendChild(el("p", { class: "vector" }));
    const product = one.appendChild(el("div", { class: "product" }));
    made.patched = new Cells(product, stage, { label: stage.words("enlarged"), kind: "cells enlarged" });
    made.kinds = product.appendChild(el("div", { class: "kinds" }));
    made.strip = new Cells(product, stage, { kind: "cells strip" });
    made.matrix = new Cells(product, stage, { kind: "cells matrix" });
    product.append(el("span", { class: "equals", text: stage.data.numbers.bias ? "+ b =" : "=" }));
    made.token = new Cells(product, stage, { kind: "cells token" });
    made.first = product.appendChild(el("div", { class: "first" }));
    made.captions = ["patch", "matrix", "token"].map((kind) => product.appendChild(el("span", { class: `caption under-${kind}` })));

    const same = panel(right, stage.words("same"), "same");
    made.table = same.appendChild(el("div", { class: "table" }));
    made.difference = same.appendChild(el("p", { class: "difference" }));
  },

  draw(stage) {
    const { made, view } = stage;
    const n = stage.data.numbers;
    // A term sets a named pair of sizes; sliders may also arrive at one.
    if (view.size !== made.size && n.presets[view.size]) [view.image, view.patch] = n.presets[view.size];
    const stands = (name) => n.presets[name]?.[0] === view.image && n.presets[name]?.[1] === view.patch;
    if (!stands(view.size)) view.size = ["own", "vit16"].find(stands) ?? "free";
    made.size = view.size;
    made.image.show(view.image);
    made.patch.show(view.patch);
    const pick = patchesPick(stage);
    if (made.data !== stage.data) {
      made.data = stage.data;
      this.drawPicture(stage, n);
      this.drawArithmetic(stage, n);
    }
    made.picture.mark({ row: pick.row * n.ph, col: pick.col * n.pw, rows: n.ph, cols: n.pw, kind: "chosen" });
    this.drawPatch(stage, n, pick);
  },

  drawPicture(stage, n) {
    const { made } = stage;
    const seen = stage.section("seen");
    const rgb = n.channels === 3 ? seen : Uint8Array.from({ length: 3 * n.height * n.width }, (_, i) => seen[Math.floor(i / 3)]);
    made.picture.colours(rgb, n.height, n.width);
    made.picture.root.style.setProperty("aspect-ratio", `${n.width} / ${n.height}`);
    made.picture.root.style.setProperty("width", `${Math.min(1, n.width / n.height) * 100}%`);
    made.picture.root.classList.toggle("fine", Math.max(n.height, n.width) > 256);
    const [down, across] = [(100 * n.rows * n.ph) / n.height, (100 * n.cols * n.pw) / n.width];
    const place = (node, style) => Object.entries(style).forEach(([key, value]) => node.style.setProperty(key, value));
    place(made.grid, { height: `${down}%`, width: `${across}%`, "--rows": n.rows, "--cols": n.cols });
    place(made.over[0], { top: `${down}%`, left: 0, height: `${100 - down}%`, width: "100%" });
    place(made.over[1], { top: 0, left: `${across}%`, height: `${down}%`, width: `${100 - across}%` });
    const [rows, cols] = n.over;
    made.over_note.textContent = rows || cols ? stage.words("over", { down: rows, across: cols }) : "";
    made.over_note.hidden = !rows && !cols;
    made.kernels.textContent = stage.words(n.own ? "kernels_own" : "kernels_other", { trained: n.trained.join(" × ") });
  },

  drawArithmetic(stage, n) {
    const part = (numbers, key, kind = "") => el("div", { class: `term-of ${kind}` },
      el("b", { text: numbers.map(count).join(" × ") }), el("span", { text: stage.words(key, n) }));
    const arrow = (over = "") => el("div", { class: "arrow" }, el("b", { text: "→" }), el("span", { text: over }));
    stage.made.sum.replaceChildren(part([n.height, n.width, n.channels], "input"), arrow(),
      part([n.rows, n.cols], "grid"), arrow(), part([n.count, n.values], "flat"), arrow(stage.words("linear")),
      part([n.count, n.dim], "tokens"));
  },

  drawPatch(stage, n, pick) {
    const { made } = stage;
    const where = stage.common("patch", { row: pick.row + 1, col: pick.col + 1 });
    made.where.textContent = stage.words("one", { where });
    const { values, colours } = patchesPixels(stage, pick);
    made.values = values; // read by tests
    made.patched.colours(colours, n.ph, n.pw);
    made.patched.root.style.setProperty("aspect-ratio", `${n.pw} / ${n.ph}`);
    const kinds = n.channels === 3 ? ["red", "green", "blue"] : ["grey"];
    made.vector.textContent = stage.words("vector", { first: patchesPrint(values).join(", "), values: count(n.values) });
    made.kinds.replaceChildren(...kinds.map((kind) => el("span", { class: kind, text: stage.words(kind) })));
    const x = made.strip.paint(values, 1, values.length, { palette: "diverging" })[1];
    made.matrix.paint(stage.section("matrix"), ...n.matrix, { palette: "diverging", low: -n.reach, high: n.reach });
    const held = pick.held !== null;
    const token = held ? stage.section("tokens").subarray(pick.held * n.dim, (pick.held + 1) * n.dim) : new Float32Array(n.dim).fill(NaN);
    const product = held ? stage.section("products").subarray(pick.held * PATCHES_PRINTED, (pick.held + 1) * PATCHES_PRINTED) : null;
    made.shown = token;
    const z = held ? made.token.paint(token, n.dim, 1, { palette: "diverging" })[1] : NaN;
    made.first.replaceChildren(...(held ? patchesPrint(token) : []).map((text) => el("span", { text })), el("span", { text: "⋮" }));
    for (const [i, [key, reach]] of [["strip", x], ["matrix", n.reach], ["token", z]].entries())
      made.captions[i].textContent = stage.words(key, { dim: count(n.dim), values: count(n.values), reach: held || key !== "token" ? two(reach) : "…" });
    const line = (key, numbers) => [el("span", { text: stage.words(key) }), ...(numbers ?? []).map((text) => el("span", { class: "numbers", text }))];
    made.table.style.setProperty("--columns", Math.min(PATCHES_PRINTED, n.dim));
    made.table.replaceChildren(...line("convolution", held ? patchesPrint(token, 6) : null), ...line("product", held ? patchesPrint(product, 6) : null));
    const said = stage.words(n.difference < 1e-5 ? "below" : "above", { count: count(n.count), dim: count(n.dim), difference: two(n.difference), terms: count(n.values) });
    made.difference.replaceChildren(...said.split("**").map((text, i) => (i % 2 ? el("b", { text }) : text)));
  },

  numbers(stage) {
    const n = stage.data.numbers;
    const square = (pair) => pair.join(" × ");
    return { count: count(n.count), ph: n.ph, pw: n.pw, values: count(n.values), dim: count(n.dim), own_image: square(n.seen), own_patch: square(n.trained) };
  },
};
