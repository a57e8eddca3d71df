const ENCODER_SIDES = ["standard", "own"];
const ENCODER_HEIGHT = 342; // of the diagram, in units of 1/16 em; it is 211 wide
const ENCODER_TOUCH = 36; // smallest side of a touch target, in the same units: 24 px on a phone

/** One block as a diagram from the bottom up. Each part is a button, followed by the norm after it. */
class EncoderBlock {
  constructor(parent, stage, parts) {
    this.parts = parts;
    this.stage = stage;
    this.root = parent.appendChild(svg("svg", { class: "block", viewBox: `0 0 211 ${ENCODER_HEIGHT}`, role: "group" }));
    this.buttons = new Map();
    this.places = new Map();
    const [center, left] = [122, 24];
    const beside = parts.includes("sum1") ? [] : ["attention", "mlp"]; // a parallel block has no first sum
    const levels = parts.filter((part) => part !== "x" && part !== beside[1]).map((part) => (part === beside[0] ? beside : [part]));
    const high = (part) => ({ attention: 42, sum1: 22, sum2: 22 })[part] ?? 28;
    const gap = (ENCODER_HEIGHT - 24 - levels.reduce((sum, [part]) => sum + high(part), 0)) / (levels.length + 1);
    this.root.append(svg("rect", { class: "frame", x: 4, y: gap * 0.85, width: 203, height: ENCODER_HEIGHT - 22 - gap, rx: 10 }));
    this.root.append(svg("text", { class: "times", x: 205, y: gap * 0.85 - 5, text: `× ${stage.data.numbers.layers}` }));
    const tops = new Map([["x", ENCODER_HEIGHT - 22]]);
    this.part("x", center, ENCODER_HEIGHT - 10, 136, 22, `x: ${count(stage.data.numbers.tokens)} × ${count(stage.data.numbers.dim)}`);
    let [below, from] = [tops.get("x"), tops.get("x")]; // top of the level below, and the start of its wire
    for (const level of levels) {
      const [h, apart] = [high(level[0]), level.length > 1 ? 42 : 0];
      const top = below - gap - h;
      level.forEach((part, i) => {
        const x = center + (level.length > 1 ? (i ? apart : -apart) : 0);
        this.arrow(x, level.length > 1 ? below - 6 : from, top + h);
        if (level.length > 1) this.root.append(svg("path", { class: "wire", d: `M${center} ${below}V${below - 6}H${x}` }));
        this.part(part, x, top + h / 2, part.startsWith("sum") ? 22 : level.length > 1 ? 80 : 128, h,
          ...(part === "attention" ? [stage.words("is_attention"), stage.words("is_attention2")] : [stage.words(`is_${part}`)]));
        tops.set(part, top);
        this.number(part, x + 8, top - gap / 2 + 6);
      });
      if (level.length > 1) this.root.append(...level.map((_, i) => svg("path", { class: "wire", d: `M${center + (i ? apart : -apart)} ${top}V${top - gap + 6}H${center}` })));
      below = top;
      from = level.length > 1 ? top - gap + 6 : top; // two wires join below their sum
    }
    this.arrow(center, below, 2);
    this.number("x", center + 8, tops.get("x") - gap / 2 + 6);
    for (const sum of ["sum1", "sum2"].filter((part) => parts.includes(part))) {
      const from = sum === "sum1" || beside.length ? "x" : parts.includes("norm1") && parts.indexOf("norm1") > parts.indexOf("sum1") ? "norm1" : "sum1";
      this.skip(center, left, tops.get(from) - gap * 0.42, tops.get(sum) + 11);
    }
  }

  arrow(x, from, to) {
    this.root.append(svg("path", { class: "wire", d: `M${x} ${from}V${to + 5}` }), svg("path", { class: "head", d: `M${x} ${to}l-5 8h10z` }));
  }

  skip(center, left, from, to) {
    const middle = (from + to) / 2;
    this.root.append(svg("g", { class: "residual" },
      svg("path", { class: "skip", d: `M${center} ${from}H${left + 8}Q${left} ${from} ${left} ${from - 8}V${to + 8}Q${left} ${to} ${left + 8} ${to}H${center - 19}` }),
      svg("path", { class: "skip-head", d: `M${center - 11} ${to}l-9 -5.5v11z` }),
      svg("path", { class: "cross", d: `M${left - 9} ${middle - 9}l18 18m0 -18l-18 18` })));
  }

  part(part, x, y, wide, high, ...lines) {
    const choose = () => this.stage.set({ place: part });
    const kind = part.startsWith("norm") ? "norm" : part.startsWith("sum") ? "sum" : part === "x" ? "input" : "layer";
    const shape = kind === "sum" ? svg("circle", { cx: x, cy: y, r: high / 2 }) : svg("rect", { x: x - wide / 2, y: y - high / 2, width: wide, height: high, rx: 5 });
    const [broad, steep] = [wide, high].map((size) => Math.max(size, ENCODER_TOUCH));
    const touch = svg("path", { class: "touch", d: `M${x - broad / 2} ${Math.min(y + steep / 2, ENCODER_HEIGHT + 1)}h${broad}v${-steep}h${-broad}z` });
    const button = svg("g", { class: `part ${kind}`, role: "button", tabindex: 0, "data-part": part }, touch, shape,
      ...lines.map((text, i) => svg("text", { x, y: y + (i - (lines.length - 1) / 2) * 19, text })));
    button.addEventListener("click", choose);
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose();
    });
    this.root.append(button);
    this.buttons.set(part, button);
  }

  number(part, x, y) {
    const place = svg("text", { class: "number", x, y });
    this.root.append(place);
    this.places.set(part, place);
  }

  show(norms, at, place, residual, label) {
    const { stage, parts } = this;
    const N = stage.data.numbers.tokens;
    this.root.setAttribute("aria-label", label);
    for (const [part, text] of this.places) text.textContent = two(norms[parts.indexOf(part) * N + at]);
    for (const [part, button] of this.buttons) {
      button.setAttribute("aria-pressed", part === place);
      const shown = Array.from(button.querySelectorAll("text"), (line) => line.textContent).join(" ");
      button.setAttribute("aria-label", stage.words("part", { shown, part: stage.words(`at_${part}`), norm: two(norms[parts.indexOf(part) * N + at]) }));
    }
    for (const path of this.root.querySelectorAll(".residual")) path.classList.toggle("cut", !residual);
  }
}

SCENE.encoder = {
  asks: ["layer", "at"],

  prose: ({ data: { numbers } }) => (numbers.classed ? "text" : "text_vector"),

  start: (stage) => ({ at: stage.data.numbers.at, layer: stage.data.numbers.layer, residual: true, place: "norm1" }),

  build(stage, figure) {
    const { made } = stage;
    const { layers, own, parts } = stage.data.numbers;
    const prefix = stage.data.prefix.length;
    const name = (side) => (side === "own" ? own : "standard");
    const left = figure.appendChild(el("div", { class: "left" }));
    const controls = row(left);
    made.layer = new Slider(controls, { label: stage.common("layer"), max: layers - 1, say: (v) => `${v + 1} / ${layers}`, on: (layer) => stage.set({ layer }) });
    made.residual = new Toggle(controls, { label: stage.words("residual"), on: (residual) => stage.set({ residual }) });
    const main = el("div", { class: "main" });
    left.append(main);
    made.blocks = ENCODER_SIDES.map((side) => {
      const kind = main.appendChild(el("section", { class: `kind ${side}` }, el("h3", { text: stage.words(`name_${name(side)}`) }, el("small", { text: stage.words(`by_${name(side)}`) })),
        formula(stage.data.words.math[side === "own" ? own : "post"])));
      return new EncoderBlock(kind, stage, parts[side]);
    });
    const side = figure.appendChild(el("div", { class: "side" }));
    const who = panel(side, stage.words("token")).appendChild(el("div", { class: "who" }));
    made.picture = new Picture(who, stage, { label: stage.words("token"), onpick: (patch) => stage.set({ at: patch + prefix }) });
    const chips = who.appendChild(el("div", { class: "chips" }));
    made.where = chips.appendChild(el("strong"));
    made.chips = stage.data.prefix.map((name, at) => button(chips, prefix > 2 && name.startsWith("register") ? stage.words("register", { n: name.split(" ")[1] }) : stage.token(at), () => stage.set({ at }), stage.token(at)));
    const chart = panel(side, stage.words("chart"));
    made.chart = new Chart(chart, { width: 272, height: 152, label: stage.words("chart") });
    made.other = el("span");
    chart.append(el("p", { class: "keys" }, ...ENCODER_SIDES.toReversed().map((one) => el("span", { class: one, text: stage.words(`name_${name(one)}`) })),
      made.classed = el("span", { text: `┄ ${stage.words("key_class")}` }), made.other));
    const { classed, output } = stage.data.numbers;
    made.ends = panel(side, classed ? stage.words("ends") : stage.words("ends_vector", { output: stage.common(output) })).appendChild(el("div", { class: "ends" }));
    const strips = left.appendChild(el("section", { class: "panel vector" }));
    const heading = strips.appendChild(el("div", { class: "heading" }, made.title = el("h3")));
    made.legend = new Legend(heading, stage, "diverging");
    const grid = strips.appendChild(el("div", { class: "strips" }));
    made.strips = ENCODER_SIDES.map((one) => {
      const label = stage.words(`name_${name(one)}`);
      grid.append(el("span", { text: label }));
      const cells = new Cells(grid, stage, { label });
      cells.root.classList.toggle("fine", stage.data.numbers.dim > 500);
      return { cells, size: grid.appendChild(el("span")) };
    });
  },

  draw(stage) {
    const { made, view } = stage;
    const { layers, tokens, dim, own, parts } = stage.data.numbers;
    const prefix = stage.data.prefix.length;
    view.layer = Math.min(Math.max(view.layer, 0), layers - 1);
    view.at = Math.min(Math.max(view.at, 0), tokens - 1);
    const now = view.residual ? "on" : "off";
    made.layer.show(view.layer);
    made.residual.show(view.residual);
    made.picture.frame(view.at < prefix ? null : view.at - prefix);
    made.where.textContent = stage.token(view.at);
    made.chips.forEach((chip, i) => chip.setAttribute("aria-pressed", i === view.at));
    ENCODER_SIDES.forEach((side, i) => made.blocks[i].show(stage.section(`norms_${side}_${now}`), view.at, view.place, view.residual,
      stage.words("diagram", { name: stage.words(`name_${side === "own" ? own : side}`), where: stage.token(view.at) })));
    this.depth(stage, now);
    this.ends(stage, now);
    const cut = ENCODER_SIDES.map((side) => {
      const place = parts[side].indexOf(view.place);
      return place < 0 ? null : stage.section(`vectors_${side}_${now}`).subarray(place * dim, (place + 1) * dim);
    });
    const high = Math.max(...cut.filter(Boolean).map(reach));
    made.title.textContent = stage.words(view.place === "x" ? "vector_x" : "vector", { part: stage.words(`at_${view.place}`) });
    made.legend.show(-high, high);
    made.strips.forEach(({ cells, size }, i) => {
      cells.paint(cut[i] ?? new Float32Array(dim).fill(NaN), 1, dim, { low: -high, high, palette: "diverging" });
      size.textContent = cut[i] ? stage.words("size", { shape: count(dim), norm: two(Math.hypot(...cut[i])) }) : stage.words("no_part");
    });
  },

  depth(stage, now) {
    const { made, view } = stage;
    const { layers } = stage.data.numbers;
    const other = now === "on" ? "off" : "on";
    const line = (name) => Array.from(stage.section(name), (norm, i) => [i, norm]);
    const lines = ENCODER_SIDES.flatMap((side) => {
      const kind = side === "own" ? "a" : "b";
      return [{ values: line(`patches_${side}_${other}`), kind: `${kind} faint`, r: 0 }, { values: line(`patches_${side}_${now}`), kind },
        stage.data.prefix[0] === "class" ? { values: line(`class_${side}_${now}`), kind, dash: true, r: 0 } : null].filter(Boolean);
    });
    const top = Math.max(...lines.flatMap((one) => one.values.map((p) => p[1])));
    made.chart.show(lines, { x: stage.words("after"), y: stage.words("norm"), ys: [0, top * 1.03], names: false, at: view.layer + 1, sayX: String, sayY: count,
      onpick: (x) => stage.set({ layer: Math.min(layers - 1, Math.max(0, Math.round(x) - 1)) }) });
    made.classed.hidden = stage.data.prefix[0] !== "class";
    made.other.textContent = stage.words(`key_other_${now}`);
  },

  ends(stage, now) {
    const { classed, ends, own } = stage.data.numbers;
    const cell = (run) => {
      const [best] = ends[run].answers;
      const { change } = ends[run]; // of the final vector from the model's own, where there are no classes
      const said = classed ? best && [best.label, percent(best.p)] : change && [fixed(change.cosine), percent(change.relative)];
      const title = classed ? best?.label : change && stage.words("changed_by", { cosine: said[0], change: said[1] });
      return el("span", { class: run.endsWith(now) ? "chosen" : "", "data-run": run, title },
        ...(said || [stage.words("nothing"), ""]).map((text) => el("span", { text })));
    };
    stage.made.ends.replaceChildren(el("span"), ...["with", "without"].map((word) => el("span", { class: "top", text: stage.words(word) })),
      ...ENCODER_SIDES.toReversed().flatMap((side) => [el("span", { text: stage.words(`name_${side === "own" ? own : side}`) }), cell(`${side}_on`), cell(`${side}_off`)]));
  },

  numbers(stage) {
    const { layers, tokens, dim, own, ends, output } = stage.data.numbers;
    const now = stage.view.residual ? "on" : "off";
    const nothing = stage.words("nothing");
    const short = (label) => (label.length > 14 ? `${label.slice(0, 13)}…` : label);
    const said = ([best]) => (best ? stage.words("changed", { label: short(best.label), p: percent(best.p) }) : nothing);
    const cosine = (value) => (value === null ? nothing : fixed(value));
    const lines = stage.section(`patches_own_${now}`);
    return {
      shape: `${count(tokens)} × ${count(dim)}`, layers: count(layers), trained: stage.words(`trained_${own}`),
      first: two(lines[0]), here: two(lines.at(-1)), standard: two(stage.section(`patches_standard_${now}`).at(-1)),
      cosine: cosine(ends.own_on.cosine), cosine_without: cosine(ends.own_off.cosine), before: said(ends.own_on.answers), after: said(ends.own_off.answers),
      output: stage.common(output), turned: cosine(ends.own_off.change?.cosine ?? null), change: ends.own_off.change ? percent(ends.own_off.change.relative) : nothing,
    };
  },
};
