const MLP_CURVE_WIDTH = 240; // of the chart, in its own units: text of 13 units is at least 1 em
const mlpTick = (v) => String(Number(v.toFixed(6))).replace("-", "−");

SCENE.mlp = {
  asks: ["layer", "at", "unit"],

  start: ({ data: { numbers } }) => ({ at: numbers.at, layer: numbers.layer, unit: numbers.unit, map: false }),

  build(stage, figure) {
    const { made } = stage;
    const { layers, gated, activation } = stage.data.numbers;
    const { prefix, words } = stage.data;
    const controls = row(figure);
    made.layer = new Slider(controls, { label: stage.common("layer"), max: layers - 1, say: (v) => `${v + 1} / ${layers}`, on: (layer) => stage.set({ layer }) });
    const chips = controls.appendChild(el("div", { class: "chips" }));
    made.chips = prefix.map((name, at) => button(chips, prefix.length > 2 && name.startsWith("register") ? stage.words("register", { n: name.split(" ")[1] }) : stage.token(at),
      () => stage.set({ at }), stage.token(at)));
    made.show = new Choice(controls, { label: stage.words("show"), options: [[false, stage.words("picture")], [true, ""]], on: (map) => stage.set({ map }) });
    const widths = figure.appendChild(el("section", { class: "panel widths" }, el("div", { class: "heading" },
      el("h3", { text: stage.words("widths") }), formula(words.math[gated ? "glu" : "mlp"]))));
    this.way(stage, widths.appendChild(el("div", { class: "way" })));
    const below = figure.appendChild(el("div", { class: "below" }));
    const which = panel(below, "");
    made.which = which.querySelector("h3");
    made.picture = new Picture(which, stage, { label: stage.words("which"), onpick: (patch) => stage.set({ at: patch + prefix.length }) });
    made.scale = which.appendChild(el("div"));
    made.legend = new Legend(made.scale, stage, "diverging");
    const curve = panel(below, stage.words("curve", { name: stage.words(activation) }));
    made.curve = new Chart(curve, { width: MLP_CURVE_WIDTH, height: 140, label: stage.words("curve", { name: stage.words(activation) }) });
    made.density = curve.appendChild(svg("svg", { class: "density", viewBox: `0 0 ${MLP_CURVE_WIDTH} 30`, role: "img", "aria-label": stage.words("density") }));
    curve.append(el("p", { class: "named" }, formula(words.math[activation]),
      el("small", { text: activation === "silu" ? "" : stage.words("by") })));
    const most = panel(below, stage.words("most"));
    made.most = new Bars(most, { label: stage.words("most") });
    made.adds = most.appendChild(el("p", { class: "note" }));
  },

  /** The four vectors, drawn to scale, and the maps between them. */
  way(stage, parent) {
    const { dim, hidden, gated, activation } = stage.data.numbers;
    const widest = Math.max(dim, hidden);
    const size = { read: dim, hidden, activated: hidden, written: dim };
    const values = { from: count(dim), to: count(hidden), name: stage.words(activation) };
    const between = { read: stage.words(gated ? "up_glu" : "up", values), hidden: stage.words(gated ? "act_glu" : "act", values),
      activated: stage.words("down", { from: count(hidden), to: count(dim) }) };
    const names = Object.keys(size);
    const strip = (name, i) => {
      const label = stage.words(name === "hidden" && gated ? "gate" : name);
      parent.append(el("span", { class: "name", text: label }));
      const inner = name === "hidden" || name === "activated";
      const cells = new Cells(parent, stage, { label, onpick: inner ? (_, unit) => stage.set({ unit, map: true }) : undefined });
      cells.root.style.width = `${(100 * size[name]) / widest}%`;
      cells.root.classList.toggle("fine", size[name] > 700);
      const said = parent.appendChild(el("span", { class: "size" }));
      if (between[name]) {
        const [top, bottom] = [size[name], size[names[i + 1]]].map((n) => (50 * n) / widest);
        parent.append(el("div", { class: "funnel" }, svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
          svg("polygon", { points: `${50 - top},0 ${50 + top},0 ${50 + bottom},10 ${50 - bottom},10` })), el("span", { text: between[name] })));
      }
      return { name, cells, said, wide: size[name] };
    };
    stage.made.way = names.map(strip);
  },

  draw(stage) {
    const { made, view } = stage;
    const { layers, most, unit, adds, says, low, high } = stage.data.numbers;
    const prefix = stage.data.prefix.length;
    view.layer = Math.min(Math.max(view.layer, 0), layers - 1);
    view.at = Math.min(Math.max(view.at, 0), stage.section("fires").length - 1);
    made.layer.show(view.layer);
    made.chips.forEach((chip, i) => chip.setAttribute("aria-pressed", i === view.at));
    made.show.buttons[1].button.textContent = stage.words("unit", { n: count(view.unit + 1) });
    made.show.show(view.map);
    made.picture.frame(view.at < prefix ? null : view.at - prefix);
    made.which.textContent = view.map ? stage.words("where") : stage.words("which");
    const fires = stage.section("fires").subarray(prefix);
    const top = reach(fires);
    made.picture.map(view.map ? fires : null, { low: -top, high: top, palette: "diverging", alpha: 0.8 });
    made.legend.show(-top, top);
    made.scale.style.visibility = view.map ? "visible" : "hidden";
    const inner = Math.max(reach(stage.section("hidden")), reach(stage.section("activated"))); // one scale for both
    for (const { name, cells, said, wide } of made.way) {
      const between = name === "hidden" || name === "activated";
      const most = between ? inner : reach(stage.section(name));
      cells.paint(stage.section(name), 1, wide, { low: -most, high: most, palette: "diverging" });
      if (between) cells.mark({ row: 0, col: view.unit, kind: "thin" });
      said.textContent = stage.words("size", { n: count(wide), reach: two(most) });
    }
    this.curve(stage, low, high);
    const activated = stage.section("activated");
    made.most.show(most.map((i) => ({ label: stage.words("most_unit", { n: count(i + 1) }), value: activated[i], say: two(activated[i]),
      kind: i === view.unit ? "strong" : "", pick: () => stage.set({ unit: i, map: true }) })));
    const n = count(unit + 1);
    made.adds.textContent = [stage.words("adds", { n, norm: two(adds) }), says ? stage.words("says", { for: named(says.for.split(",")[0]), against: named(says.against.split(",")[0]) }) : ""].join(" ");
    made.adds.dataset.unit = unit;
  },

  /** The activation's curve with this token's hidden values on it, and their distribution below. */
  curve(stage, low, high) {
    const { made } = stage;
    const { unit } = stage.data.numbers;
    const [x, y, curve] = ["hidden", "curved", "curve"].map((name) => stage.section(name));
    const line = Array.from({ length: curve.length / 2 }, (_, i) => [curve[2 * i], curve[2 * i + 1]]);
    made.curve.show([{ values: line, kind: "quiet" }, { values: Array.from(x, (v, i) => [v, y[i]]), kind: "a", dots: true, r: 2.4 },
      { values: [[x[unit], y[unit]]], kind: "b", dots: true, r: 5 }],
      { x: stage.words("before"), y: stage.words("after"), xs: [low, high], ys: [Math.min(-0.5, ...line.map((p) => p[1])), line.at(-1)[1]], sayX: mlpTick, sayY: mlpTick });
    const bins = new Float64Array(48);
    for (const v of x) bins[Math.min(bins.length - 1, Math.floor(((v - low) / (high - low)) * bins.length))]++;
    const [wide, most] = [made.curve.across / bins.length, Math.max(...bins)];
    made.density.replaceChildren(...Array.from(bins, (n, i) => svg("rect", { x: made.curve.left + i * wide, width: wide - 0.6, y: 29 - (27 * n) / most, height: (27 * n) / most })),
      svg("line", { x1: made.curve.left, x2: made.curve.left + made.curve.across, y1: 29, y2: 29 }));
  },

  numbers(stage) {
    const { dim, hidden, positive, alone, of_block, of_model, activation, at } = stage.data.numbers;
    return { dim: count(dim), hidden: count(hidden), positive: count(positive), alone: two(alone), activation: stage.words(activation),
      of_block: percent(of_block), of_model: percent(of_model), where: stage.token(at) };
  },
};
