const TRAINING_BOXES = ["data", "task", "recipe"];

SCENE.training = {
  asks: [],

  prose({ data: { numbers } }) {
    if (numbers.losses.length > 1) return "text";
    return numbers.kind === "none" ? "text_none" : "text_other";
  },

  start: () => ({ of: 0 }),

  build(stage, figure) {
    const { made, data: { numbers, words } } = stage;
    const { recipe, loss, kind, facts } = numbers;
    const boxes = figure.appendChild(el("div", { class: "boxes" }));
    for (const name of TRAINING_BOXES) {
      const key = recipe === "unknown" && name === "task" ? `task_unknown_${kind}` : `${name}_${recipe}`;
      const box = panel(boxes, stage.words(name), name);
      box.append(el("p", { text: stage.words(key, { ...facts, classes: count(numbers.classes) }) }));
      if (name === "task" && loss) box.append(formula(words.math[loss]));
    }
    if (numbers.losses.length < 2) return;
    const part = panel(figure, stage.words("losses"), "losses");
    made.losses = new Bars(part, { label: stage.words("losses") });
    made.chosen = part.appendChild(el("p", { class: "chosen", "aria-live": "polite" }));
    made.gradient = part.appendChild(el("p", { class: "note" }));
  },

  draw(stage) {
    const { made, view, data: { numbers } } = stage;
    if (!made.losses) return;
    view.of = Math.min(Math.max(view.of, 0), numbers.losses.length - 1);
    made.losses.show(numbers.losses.map(({ label, p, loss }, at) => ({ label: `${label} (${percent(p)})`, value: loss, say: fixed(loss),
      kind: at === view.of ? "strong" : "", pick: () => stage.set({ of: at }) })));
    const { label, p, loss } = numbers.losses[view.of];
    made.chosen.textContent = stage.words("chosen", { p: two(p), loss: fixed(loss) });
    made.gradient.textContent = stage.words("gradient", { own: fixed(p - 1), label: named(label) });
  },

  numbers(stage) {
    const { recipe, losses } = stage.data.numbers;
    const of = (at) => ({ label: losses[at] ? named(losses[at].label, 16) : "–", loss: losses[at] ? fixed(losses[at].loss) : "–" });
    return { first: of(0).label, first_loss: of(0).loss, second: of(1).label, second_loss: of(1).loss,
      say_known: stage.words(recipe === "unknown" ? "unknown" : "known") };
  },
};
