// The stage: one scene at a time in 16:9, sized in em; the stage is 80 em wide.

const ANSWER_TIMEOUT_MS = 10000; // a message without an answer after this time counts as lost
const ADDRESS_DELAY_MS = 250; // after a change, before the address shows it
const REQUEST_DELAY_MS = 30; // after a change, so that a slider's moves become one request

// Elements that keep their keys: text fields (and select boxes while open), anything laid over the page, and, for the
// arrow keys, elements that move by them. (The slide's own controls stop the keys that they use.)
const TYPED = "input:not([type=checkbox], [type=radio], [type=range], [type=file], [aria-expanded=false]), textarea, select";
const OPEN = "[role=listbox], [role=menu], [role=dialog]";
const MOVED = "input, [role=slider], [role=radio], [role=tab], [role=combobox]";

/**
 * A scene is { asks, prose(stage), start(stage), build(stage, figure), draw(stage), numbers(stage) }:
 *   asks     names of the view's values that need Python: a change of them requests new data
 *   prose    the key of the prose, if it is not always "text"
 *   start    the initial view
 *   build    makes the figure's nodes, once for each picture, model and language
 *   draw     displays `stage.view` and `stage.data`, after each change of them
 *   numbers  the values for the prose's {places}
 */
class Stage {
  constructor(root) {
    this.root = root;
    this.received = new Map(); // data by scene, so that going back needs no request
    this.views = new Map();
    this.firsts = new Map(); // each scene's view as it was drawn first
    this.orders = []; // changes of language or picture that are not sent yet
    this.sized = new ResizeObserver(() => this.size());
    this.frame();
    this.sized.observe(root);
    this.keys = (event) => this.pressed(event);
    document.addEventListener("keydown", this.keys);
    document.addEventListener("focusin", this.focused);
    this.moved = () => this.screen();
    document.addEventListener("fullscreenchange", this.moved);
    this.presenter = new Presenter(this);
  }

  dispose() {
    this.sized.disconnect();
    this.presenter.dispose();
    document.removeEventListener("keydown", this.keys);
    document.removeEventListener("focusin", this.focused);
    document.removeEventListener("fullscreenchange", this.moved);
    clearTimeout(this.asking);
    clearTimeout(this.addressing);
    clearInterval(this.patience);
    if (this.url) URL.revokeObjectURL(this.url);
  }

  frame() {
    const [kicker, title, place] = [el("p", { class: "kicker" }), el("h2", { class: "title" }), el("div", { class: "dots" })];
    const [words, figure, outline] = [el("div", { class: "prose" }), el("div", { class: "figure" }), el("aside", { class: "outline" })];
    const key = (name, act) => el("button", { type: "button", class: `key ${name}`, onclick: act });
    const [previous, next] = [key("previous", () => this.go(-1)), key("next", () => this.go(1))];
    const tools = [["picture", () => this.order("picture")], ["language", () => this.order("language")],
      ["notes", () => this.outline()], ["presenter", () => this.presenter.open()], ["full", () => this.full()]].map(([name, act]) => key(name, act));
    outline.hidden = true;
    const status = el("p", { class: "status", role: "status", "aria-live": "polite" });
    this.slide = el("div", { class: "slide" },
      el("header", {}, kicker, title), el("div", { class: "body" }, words, figure), outline,
      el("footer", {}, previous, place, next, status, ...tools));
    this.slide.addEventListener("click", ({ target, detail }) => detail && target.closest("[role=radio]")?.blur()); // after a click, arrow keys change the scene
    this.root.replaceChildren(this.slide);
    this.parts = { kicker, title, place, words, figure, outline, previous, next, status, tools };
  }

  /** Take one scene's data and the function that sends messages, both from Streamlit. */
  render({ data: bytes, setTriggerValue }) {
    this.trigger = setTriggerValue;
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    const data = decode(bytes);
    const answered = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0, true);
    this.sent ??= answered;
    if (answered === this.sent) this.answered();
    if (data.frame.of !== this.of) {
      this.of = data.frame.of;
      this.received.clear();
      this.views.clear();
      this.firsts.clear();
      this.shown = null;
    }
    if (data.words.language !== this.language) {
      this.language = data.words.language;
      this.received.clear();
      this.shown = null;
    }
    this.titles = data.words.titles;
    this.framed = data.words.frame;
    this.around = data.frame;
    this.received.set(data.scene, data);
    if (!this.waiting && !this.asking && !this.due && this.scene !== data.scene) { // nothing is left to send, so Python decides the scene
      this.scene = data.scene;
      this.linked = slideInAddress(); // it came from a link, or from Back or Forward
    }
    this.dress();
    if (data.scene === this.scene) this.show();
  }

  /** Show the words around the scene. */
  dress() {
    const { previous, next, place, tools, outline } = this.parts;
    const words = this.framed;
    const at = this.at();
    const label = (button, text, label = text) => {
      button.textContent = text;
      button.setAttribute("aria-label", label);
      button.title = label;
    };
    label(previous, "‹", words.previous);
    label(next, "›", words.next);
    previous.disabled = at === 0;
    next.disabled = at === this.titles.length - 1;
    for (const [button, name] of tools.map((tool, i) => [tool, ["picture", "language", "outline", "presenter", "full"][i]])) label(button, words[name], words[`${name}_label`]);
    label(tools[1], words.language, `${words.language}: ${words.language_label}`); // with the visible words, for voice control
    tools[0].hidden = !this.around.sample;
    this.screen();
    renew(place, ...this.titles.map(({ id, title, question }, i) =>
      el("button", { type: "button", class: question ? "question" : null, "aria-label": `${i + 1}. ${title}`, title, "aria-current": i === at ? "true" : null, onclick: () => this.open(id) })));
    this.slide.setAttribute("aria-label", words.label);
    renew(outline, el("ol", {}, ...this.titles.map(({ id, title, question }, i) => el("li", { class: question ? "question" : null },
      el("button", { type: "button", text: title, "aria-current": i === at ? "true" : null, onclick: () => this.open(id) })))),
      el("div", {}, el("h3", { text: words.say }), ...this.titles[at].outline.split("\n").map((line) => el("p", { text: line }))));
    const numbered = this.titles.filter(({ question }) => !question).length;
    const position = this.titles[at].question ? [] : [fill(words.of, { at: at + 1, count: numbered })];
    this.parts.kicker.textContent = [this.titles[at].kicker, ...position].join(" · ");
    this.parts.title.textContent = this.titles[at].title;
    this.presenter.tell();
  }

  at() {
    return this.titles.findIndex(({ id }) => id === this.scene);
  }

  /** Show the scene; build its nodes first if it is a new one. */
  show() {
    this.data = this.received.get(this.scene);
    const piece = SCENE[this.scene];
    if (!this.views.has(this.scene)) this.views.set(this.scene, piece?.start?.(this) ?? {});
    this.view = this.views.get(this.scene);
    const late = this.late();
    if (!late) Object.assign(this.view, this.data.want);
    if (this.shown !== this.scene) {
      this.shown = this.scene;
      const { words, figure } = this.parts;
      words.replaceChildren();
      figure.replaceChildren();
      figure.className = `figure ${this.scene}`;
      this.fillIn = prose(words, this.data.words.scene[piece?.prose?.(this) ?? "text"], this.data.words.math, (part) => this.set(part));
      this.made = {};
      piece?.build?.(this, figure);
    }
    this.attempt(() => this.draw());
    // Of a view that Python was asked for before, the first values are unknown: then the address holds all of them.
    if (!this.firsts.has(this.scene)) this.firsts.set(this.scene, Object.keys(this.data.want).length ? {} : { ...this.view });
    this.follow();
    this.later();
    if (late || this.asking) return;
    this.parts.status.textContent = "";
    this.slide.dataset.state = "ready";
    this.pending = false;
  }

  /** Set the view that the address names. */
  follow() {
    const text = this.linked;
    this.linked = "";
    if (!text) return;
    this.followed = this.scene;
    this.attempt(() => this.set(slideValues(text, this.firsts.get(this.scene), this.data.kept)));
  }

  /** Do something that draws. If it fails with values from the address, which anybody may write, the first view returns. */
  attempt(act) {
    try {
      act();
    } catch (error) {
      if (this.followed !== this.scene) throw error;
      this.followed = null;
      Object.assign(this.view, this.firsts.get(this.scene));
      this.draw();
    }
  }

  /** The view as text for the address; empty for a scene that was not drawn yet. */
  slideText() {
    const [view, first, data] = [this.views, this.firsts, this.received].map((each) => each.get(this.scene));
    return view && first && data ? slideText(view, first, data.kept) : "";
  }

  /** Put the view into the address, soon. */
  later() {
    clearTimeout(this.addressing);
    this.addressing = setTimeout(() => putSlideInAddress(this.scene, this.slideText()), ADDRESS_DELAY_MS);
  }

  /** Whether the data answers an earlier request than the last one. Then the view keeps its newer values. */
  late() {
    if (!this.pending) return false;
    return Boolean(this.asking || this.due) || Object.entries(this.wanted ?? {}).some(([name, value]) => this.data.want[name] !== value);
  }

  draw() {
    const piece = SCENE[this.scene];
    piece?.draw?.(this);
    this.fillIn(piece?.numbers?.(this) ?? {}, this.view);
  }

  /** Change the view, and request new data from Python if a changed value needs it. */
  set(part) {
    const piece = SCENE[this.scene];
    const asks = (piece.asks ?? []).filter((name) => name in part && part[name] !== this.view[name]);
    Object.assign(this.view, part);
    this.draw();
    this.later();
    if (!asks.length) return;
    this.pending = true;
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.ask(), REQUEST_DELAY_MS);
  }

  ask() {
    clearTimeout(this.asking);
    [this.asking, this.due] = [null, true];
    this.parts.status.textContent = this.framed.computing;
    this.slide.dataset.state = "busy";
    this.send();
  }

  /** Ask Python to change the "language" or the "picture", which belong to the sidebar. */
  order(what) {
    this.orders.push(what);
    this.send();
  }

  /**
   * Send the scene and its requests to Python, but one message at a time: what comes up meanwhile goes into the next one.
   * Streamlit sends the browser's address and sidebar along with every message. A message sent before the last answer has
   * changed these would undo that answer, and an interrupted run would remove the stage and leave full screen.
   */
  send() {
    if (this.waiting || (!this.due && !this.orders.length)) return;
    this.sent += 1;
    [this.ordered, this.waiting, this.due, this.orders] = [this.orders, true, false, []];
    this.say();
    this.patience = setInterval(() => this.lost(), ANSWER_TIMEOUT_MS);
  }

  say() {
    const asks = SCENE[this.scene]?.asks ?? [];
    const view = this.views.get(this.scene) ?? {};
    this.wanted = Object.fromEntries(asks.filter((name) => view[name] !== undefined).map((name) => [name, view[name]]));
    const slide = this.slideText();
    putSlideInAddress(this.scene, slide); // before Python writes the same, so that it makes no entry in the history
    this.trigger("message", { scene: this.scene, slide, want: this.wanted, orders: this.ordered, number: this.sent });
  }

  /** Send the message again if there is no answer and Python is not running. Its number tells Python whether the orders in it
   *  were already carried out. */
  lost() {
    if (document.querySelector(".stApp")?.dataset.testScriptState === "running") return;
    this.parts.status.textContent = this.framed.computing;
    this.slide.dataset.state = "busy";
    this.say();
  }

  /** Python has answered the last message. */
  answered() {
    clearInterval(this.patience);
    this.waiting = false;
    if (this.due || this.orders.length) setTimeout(() => this.send(), 0); // after the page has processed the answer
  }

  go(step) {
    const next = this.titles[this.at() + step];
    if (next) this.open(next.id);
  }

  open(id) {
    if (id === this.scene) return;
    clearTimeout(this.asking); // a request of the scene that is left
    [this.asking, this.due, this.wanted] = [null, false, null];
    this.scene = id;
    this.shown = null;
    this.pending = true;
    this.dress();
    if (this.received.has(id)) this.show();
    else {
      this.parts.words.replaceChildren();
      this.parts.figure.replaceChildren();
    }
    this.ask();
    if (this.shown === id) {
      this.parts.status.textContent = ""; // the message only updates the address
      this.slide.dataset.state = "ready";
    }
  }

  outline(shown = this.parts.outline.hidden) {
    this.parts.outline.hidden = !shown;
    this.parts.tools[2].setAttribute("aria-pressed", shown);
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.slide.requestFullscreen?.().catch(() => {});
  }

  screen() {
    const full = Boolean(document.fullscreenElement);
    if (this.framed) this.parts.tools[4].textContent = full ? this.framed.leave : this.framed.full;
    if (this.framed) for (const name of ["aria-label", "title"]) this.parts.tools[4].setAttribute(name, full ? this.framed.leave_label : this.framed.full_label);
    this.size();
  }

  /** Size the slide to 80 em; on a narrow screen (a phone), use one column with readable text. */
  size() {
    const full = Boolean(document.fullscreenElement);
    const [wide, high] = full ? [innerWidth, innerHeight] : [this.root.clientWidth, Math.max(360, innerHeight - 96)];
    const narrow = wide < 700;
    const across = narrow ? wide : Math.min(wide, (high * 16) / 9);
    this.slide.classList.toggle("narrow", narrow);
    this.slide.style.setProperty("--across", `${across}px`);
    this.slide.style.setProperty("--em", narrow ? "15px" : `${across / 80}px`);
    this.parts.figure.style.setProperty("--em", narrow ? `${wide / 52}px` : "inherit");
  }

  /** Handle arrow keys, a presenter's page keys and the tools' letters, wherever the focus is. */
  pressed(event) {
    if (!this.titles || event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    const aim = event.composedPath()[0];
    if (aim.isContentEditable || aim.matches?.(TYPED) || aim.closest?.(OPEN)) return;
    const moves = aim.matches?.("input[type=range]") || (aim.matches?.(MOVED) && !event.composedPath().includes(this.root));
    const step = { PageDown: 1, PageUp: -1, ...(moves ? {} : { ArrowRight: 1, ArrowLeft: -1 }) }[event.key];
    if (step) {
      event.preventDefault();
      this.go(step);
      return;
    }
    const act = { f: () => this.full(), o: () => this.outline(), n: () => this.presenter.open(), l: () => this.order("language"), p: () => this.around.sample && this.order("picture") }[letter(event)];
    if (act) {
      event.preventDefault(); // otherwise a closed select box opens
      if (!event.repeat) act();
    } else if (event.key === "Escape") this.outline(false);
  }

  /** Streamlit's main element gets the focus on a click beside everything and shows a focus ring at the next key: blur it. */
  focused({ target }) {
    if (target.matches?.("main") && !target.matches(":focus-visible")) target.blur();
  }

  /** A sentence of this scene, by key. */
  words(key, values) {
    return fill(this.data.words.scene[key] ?? key, values);
  }

  /** A sentence of the frame, by key. */
  common(key, values) {
    return fill(this.framed[key] ?? key, values);
  }

  /** An array of the scene's data, decoded once. */
  section(name) {
    const read = (this.data.read ??= new Map());
    if (!read.has(name)) read.set(name, this.data.section(name));
    return read.get(name);
  }

  palette(name) {
    return pixels(this.section(name));
  }

  /** The picture's object URL; the same one as long as the picture is shown. */
  picture() {
    if (this.pictured !== this.of) {
      if (this.url) URL.revokeObjectURL(this.url);
      this.url = URL.createObjectURL(new Blob([this.section("picture")], { type: "image/webp" }));
      this.pictured = this.of;
    }
    return this.url;
  }

  /** A token's name: the prefix token's name, or the patch's row and column. */
  token(index) {
    const prefix = this.data.prefix;
    if (index >= prefix.length) return this.patch(index - prefix.length);
    const numbered = prefix[index].match(/^register (\d+)$/);
    return numbered ? this.common("register", { n: numbered[1] }) : this.common(prefix[index]);
  }

  patch(index) {
    const cols = this.data.grid[1];
    return this.common("patch", { row: Math.floor(index / cols) + 1, col: (index % cols) + 1 });
  }
}
