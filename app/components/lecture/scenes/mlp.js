SCENE.mlp = {
  asks: ["layer"],

  start: (stage) => ({ at: stage.data.numbers.middle, layer: stage.data.numbers.layer }),

  build(stage, figure) {
    const made = stage.made;
    const { layers, middle } = stage.data.numbers;
    const controls = row(figure);
    made.layer = new Slider(controls, { label: stage.common("layer"), min: 0, max: layers - 1, say: (v) => String(v + 1), on: (layer) => stage.set({ layer }) });
    const beside = el("div", { class: "beside" });
    figure.append(beside);
    made.picture = new Picture(beside, stage, { onpick: (patch) => stage.set({ at: patch + stage.data.prefix.length }) });
    const part = panel(beside, stage.words("curve"));
    made.curve = new Chart(part, { width: 420, height: 330, label: stage.words("curve") });
  },

  draw(stage) {
    const { made, view } = stage;
    const { hidden: M, layers } = stage.data.numbers;
    view.layer = Math.min(view.layer, layers - 1);
    made.layer.show(view.layer);
    made.picture.frame(view.at < stage.data.prefix.length ? null : view.at - stage.data.prefix.length);
    const [x, y, curve] = ["hidden", "activated", "curve"].map((name) => stage.section(name));
    const points = Array.from({ length: M }, (_, i) => [x[view.at * M + i], y[view.at * M + i]]);
    const line = Array.from({ length: curve.length / 2 }, (_, i) => [curve[2 * i], curve[2 * i + 1]]);
    made.curve.show([{ values: line, kind: "quiet" }, { values: points, kind: "a", dots: true, r: 2.2 }], { x: stage.words("x"), y: stage.words("y"), xs: [-4, 3], ys: [-0.5, 3] });
  },

  numbers(stage) {
    const { dim, hidden } = stage.data.numbers;
    const x = stage.section("hidden");
    const at = stage.view.at * hidden;
    let positive = 0;
    for (let i = 0; i < hidden; i++) if (x[at + i] > 0) positive++;
    return { dim: count(dim), hidden: count(hidden), positive: count(positive), where: stage.token(stage.view.at) };
  },
};
