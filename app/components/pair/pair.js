// Two atlases that follow each other: what is pointed at, pinned or chosen in one is shown in the other.

const ALONE = ["speed", "loop", "asks"]; // of the choices: the first one's only
const SHARED = ["layer", "head", "query", "pinned", "residual", ...Object.keys(CHOICES).filter((name) => !ALONE.includes(name))];
const GAP_PX = 28; // between the columns, as in pair.css
const PHONE_PX = 640; // of the pair's width: below it, the two are one beneath the other, as in pair.css
const ABOVE_AND_BELOW = 318; // height of the window that is not the pictures': header, names, controls, titles, readouts

/** One of the two. */
class Half extends View {
  constructor(root, pair) {
    super(root);
    this.pair = pair;
    root.classList.add(pair.root.querySelector(".atlas") === root ? "first" : "second");
    document.removeEventListener("keydown", this.shortcuts); // the pair has its own
    const best = Object.assign(document.createElement("div"), { className: "mark best", ariaHidden: "true" });
    best.append(document.createElement("b"));
    this.frame.append(best);
  }

  likeness() {
    return new PairLikeness(this);
  }

  /** The tokens whose maps are shown; across pictures, those of the half that asks, in its own numbering. */
  shown() {
    const asker = this.like.on && this.like.asker;
    return asker ? asker.shown() : super.shown();
  }

  /** Called for each change of words or view. */
  show({ words, half, view }, send) {
    const { name } = half;
    this.name = this.parts(".maps").dataset.name = name;
    const said = (part) => fill(words.pair_part, { name, part: words[part] });
    const own = { ...words, label: said("label"), stage: said("stage"), maps: said("maps"), chips: said("chips") };
    this.render({ data: { ...half, words: own, view }, setStateValue: send });
  }

  place() {
    const whole = this.root.parentElement.clientWidth;
    const phone = whole < PHONE_PX;
    const width = phone ? whole : Math.floor((whole - GAP_PX) / 2);
    return { width, stacked: true, widest: width, others: ABOVE_AND_BELOW };
  }

  redraw() {
    if (!this.model) return;
    if (!this.like.on) {
      this.parts(".save").hidden = false;
      this.parts(".mark.best").style.visibility = "hidden";
    }
    super.redraw();
    this.pair.follow(this);
  }

  write(selector, text) {
    if (selector === ".spoken") this.pair?.say(this, text);
    else super.write(selector, text);
  }
}

class Pair {
  constructor(root) {
    this.root = root;
    this.halves = [...root.querySelectorAll(".atlas")].map((atlas) => new Half(atlas, this));
    this.known = new Map(); // what each half showed when they were last alike
    this.said = new Map();
    this.acted = this.halves[0]; // the last that somebody used
    this.across = false; // whether "is like" goes from picture to picture: of one model
    this.lines = new MatchLines(this);
    this.halves.forEach((half) => {
      for (const event of ["pointerdown", "pointermove", "focusin"]) half.root.addEventListener(event, () => (this.acted = half), true);
      for (const event of ["pointerdown", "pointermove", "keydown"]) half.parts(".stage").addEventListener(event, () => this.ask(half), true);
    });
    const [first, second] = this.halves;
    second.root.addEventListener("keydown", (event) => {
      if (event.key !== " " || !event.target.matches(".stage, .maps")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (first.model) play(first); // it has the controls; the second one follows
    }, true);
    this.shortcuts = (event) => {
      const typing = event.composedPath()[0].closest?.("input:is([type=text], [type=number], :not([type])), textarea, [contenteditable]");
      if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      const chosen = { 1: "heads", 5: "features" }[event.key];
      if (chosen) first.change({ view: chosen });
      if (event.code === "KeyS" && this.acted.model) this.acted.parts(".menu").togglePopover();
    };
    document.addEventListener("keydown", this.shortcuts);
    // The first one's view is the page's, and so the address.
    second.save.link = () => first.save.link();
    root.pair = this;
  }

  /** The half in which the place has changed last. The first one's view has it, and so the address. */
  get asking() {
    const [first, second] = this.halves;
    return first.state.asks === "second" ? second : first;
  }

  render({ words, halves, view, boxes, matches }, send) {
    const [first, second] = this.halves;
    this.boxes = boxes;
    this.across = !boxes;
    this.offer(words, matches, send);
    halves.forEach(({ name, answer }, i) => {
      const [of, says] = this.root.querySelectorAll(".who")[i].children;
      of.textContent = of.title = name;
      says.textContent = says.title = answer;
    });
    first.show({ words, half: halves[0], view }, send);
    second.show({ words, half: halves[1], view: { seq: 0 } }, (name, value) => name !== "view" && send(`${name}_second`, value));
  }

  /** The button for the lines between matching patches; `matches` is Python's answer, null without lines. */
  offer(words, matches, send) {
    const button = (this.button ??= Object.assign(document.createElement("button"), { type: "button", className: "draw-matches" }));
    const [first] = this.halves;
    first.parts(".bar:not(.low)").append(button);
    button.hidden = !this.across;
    button.textContent = words.pair_matches;
    button.title = words.pair_matches_title;
    button.ariaPressed = String(Boolean(matches));
    button.onclick = () => {
      button.ariaPressed = String(!matches);
      send("lines", matches ? "off" : "on");
    };
    this.lines.found = matches;
    this.root.querySelector(".matched").textContent = matches ? fill(words.pair_matches_count, { shown: matches.pairs.length, count: matches.count }) : "";
    this.lines.draw();
  }

  dispose() {
    for (const half of this.halves) half.dispose();
    document.removeEventListener("keydown", this.shortcuts);
  }

  /** Show in the other half what has changed in `half`; all of the first, once another picture or model is there. */
  follow(half) {
    const [first, second] = this.halves;
    if (!first.model || !second.model) return;
    const joined = `${first.model.id} ${second.model.id} ${this.boxes}`;
    const anew = this.joined !== joined;
    this.joined = joined;
    const from = anew ? first : half;
    const to = from === first ? second : first;
    const now = shownBy(from);
    const before = anew ? {} : this.known.get(from);
    const changed = Object.fromEntries(Object.entries(now).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
    if (!Object.keys(changed).length) return this.lines.draw();
    const asks = ["query", "pinned"].some((name) => name in changed);
    const boxes = this.boxes && (from === first ? this.boxes : [...this.boxes].reverse());
    const { over, here, ...part } = { over: to.over, here: to.here, ...partOf(changed, from.model, to.model, boxes) };
    Object.assign(to, { over, here });
    Object.assign(to.state, part);
    if ("layer" in part && to.stop) to.stop();
    this.known.set(from, now);
    this.known.set(to, shownBy(to));
    if ("residual" in part && to.model.residual !== part.residual) settle(to);
    if ("view" in part) to.publish();
    if (asks && !anew) this.ask(from);
    if (to === first) first.change({}); // Python and the address follow
    else to.redraw();
    this.lines.draw();
  }

  /** From now on, it is the place in `half` whose like the other one shows. */
  ask(half) {
    if (this.asking === half) return;
    const [first, second] = this.halves;
    first.change({ asks: half === second ? "second" : "first" });
    if (this.across && second.like.on) second.redraw();
  }

  /** The screen reader's summary of both. */
  say(half, text) {
    this.said.set(half, text);
    const all = this.halves.filter((one) => this.said.get(one)).map((one) => fill(half.words.pair_said, { name: one.name, text: this.said.get(one) }));
    const line = all.join(" ");
    const place = this.root.querySelector(".both");
    if (place.textContent !== line) place.textContent = line;
  }
}

/** What a half shows, of what the other shows too. */
function shownBy({ state, over, here }) {
  return { ...Object.fromEntries(SHARED.map((name) => [name, state[name]])), over, here };
}

/** Compute the rollouts for a residual that the other half has got. */
function settle(half) {
  const { model } = half;
  model.residual = half.state.residual;
  model.maps.clear(); // their rollouts are for the old residual
  model.prepare(() => half.redraw());
}
