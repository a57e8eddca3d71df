// The menu beside the picture: what is on screen as an image, as numbers, as a caption, and as an address.

const EXTENTS = ["over", "bare", "all"];
const LARGE_PX = 1024; // longer side of the larger PNG
const MENU_GAP = 8; // between the button and the menu, CSS pixels

class SaveMenu {
  constructor(view) {
    this.view = view;
    this.button = view.parts(".save");
    this.menu = view.parts(".menu");
    this.extent = EXTENTS[0];
    this.waiting = null; // for Python's answer: { id, done }
    this.copied = null; // the button whose text was copied
    this.count = Date.now(); // numbers the requests; sessions with the same picture share the answers
    this.button.popoverTargetElement = this.menu;
    this.open = false;
    this.menu.addEventListener("beforetoggle", (event) => {
      this.open = event.newState === "open";
      if (this.open) this.hold();
    });
    this.menu.addEventListener("toggle", () => this.open && this.place());
    this.away = (event) => !this.menu.contains(event.composedPath()[0]) && this.open && this.menu.hidePopover();
    addEventListener("scroll", this.away, true);
    for (const [name, act] of Object.entries({
      screen: () => this.png(), large: () => this.png(LARGE_PX), svg: () => this.svg(), npy: () => this.numbers("npy"),
      csv: () => this.numbers("csv"), caption: () => this.copy("caption", this.caption().join(" ")), link: () => this.copy("link", this.link()),
    })) this.part(name).addEventListener("click", act);
  }

  dispose() {
    removeEventListener("scroll", this.away, true);
  }

  /** Whether there is something to save; the button says if not. */
  enable(there) {
    const { words } = this.view;
    Object.assign(this.button, { disabled: !there, title: there ? words.save_title : words.save_nothing });
  }

  part(name) {
    return this.menu.querySelector(`[data-save=${name}]`);
  }

  /** What is on screen stays while the menu is open: it plays no longer, and what was only pointed at is chosen. */
  hold() {
    const { view } = this;
    view.stop?.();
    const [layer, head] = view.over ?? [];
    view.over = view.here = null;
    if (layer !== undefined) view.change({ layer, head });
    this.part("copied").hidden = true;
    this.waiting = this.copied = null;
    this.refresh();
  }

  /** Beside the button, or above it where there is no space. */
  place() {
    const [button, menu] = [this.button, this.menu].map((element) => element.getBoundingClientRect());
    const beside = button.right + MENU_GAP + menu.width < innerWidth;
    const left = beside ? button.right + MENU_GAP : button.right - menu.width;
    const bottom = beside ? button.bottom : button.top - MENU_GAP;
    this.menu.style.left = `${Math.max(MENU_GAP, left)}px`;
    this.menu.style.top = `${Math.max(MENU_GAP, Math.min(bottom, innerHeight - MENU_GAP) - menu.height)}px`;
  }

  /** All words that do not depend on what is shown. */
  label() {
    const { words } = this.view;
    Object.assign(this.button, { textContent: words.save, title: words.save_title });
    this.menu.setAttribute("aria-label", words.save);
    for (const name of ["svg", "npy", "csv", "caption", "link"]) Object.assign(this.part(name), { textContent: words[`save_${name}`], title: words[`save_${name}_title`] ?? "" });
    for (const name of ["image", "numbers"]) this.part(name).textContent = words[`save_${name}`];
    this.part("copied").querySelector("span").textContent = words.save_by_hand;
    segments(this.part("extent"), "extent", EXTENTS, words, (value) => {
      this.extent = value;
      this.copied = null;
      this.refresh();
      this.view.redraw(); // a large picture's rollouts are requested for all maps only
    });
    this.part("extent").querySelector("input").autofocus = true;
  }

  /** The caption, sizes, and what can be had at all; again with each drawing while the menu is open. */
  refresh() {
    const { view } = this;
    if (!view.model || this.button.disabled) return this.open && this.menu.hidePopover();
    const heads = view.state.view === "heads";
    if (this.extent === "all" && !heads) this.extent = EXTENTS[0];
    for (const input of this.part("extent").querySelectorAll("input")) {
      input.checked = input.value === this.extent;
      input.parentElement.hidden = input.value === "all" && !heads;
    }
    const { words } = view;
    for (const name of ["npy", "csv"]) this.part(name).title = words[`save_${name}${view.features() ? "_features" : ""}_title`];
    const drawn = drawing(view, this.extent);
    const ready = this.ready();
    for (const [name, side] of [["screen", 0], ["large", LARGE_PX]]) {
      const [width, height] = sizeOf(drawn, side);
      this.part(name).textContent = fill(words.save_png, { width, height });
    }
    for (const name of ["screen", "large", "svg"]) this.part(name).title = ready ? "" : words.coarse_here;
    for (const name of ["screen", "large", "svg", "npy", "csv"]) this.part(name).disabled = this.waiting || (!ready && (view.like.on || !["npy", "csv"].includes(name)));
    this.menu.setAttribute("aria-busy", Boolean(this.waiting));
    this.part("own").textContent = view.about.linked ? "" : words.save_own;
    this.part("text").textContent = this.caption().join(" ");
    for (const name of ["caption", "link"]) this.part(name).textContent = words[name === this.copied ? "save_copied" : `save_${name}`];
    if (this.open) this.place();
  }

  /** Whether the maps are exact: those of large pictures are coarse at first. */
  ready() {
    const { model, map, exact, state } = this.view;
    if (this.view.features()) return true;
    if (this.extent !== "all") return map.exact;
    if (this.view.like.on) return this.view.like.complete;
    return model.whole || (exact && this.view.shown().every((query) => model.rolled(query, state.direction)));
  }

  /** Everything that identifies what is shown; layers and heads from 0. */
  shown() {
    const { view } = this;
    const [flow, every, queries] = [view.flow(), this.extent === "all", view.shown()];
    const [layer, head] = view.selected();
    return {
      queries, layer, head, every, direction: flow ? "row" : view.state.direction, facet: view.state.facet,
      difference: queries.length > 1 && view.state.compare === "difference",
      fusion: flow?.fusion ?? "mean", residual: flow?.residual ?? view.model.residual, discard: flow?.discard ?? 0, first: flow?.first ?? 0,
    };
  }

  /** The caption's sentences. */
  caption() {
    const { words, sentences, model, state, map, shownTop, clipped, top, full, about } = this.view;
    const { queries, layer, head, every, direction, difference, fusion, residual, discard, first } = this.shown();
    const flow = this.view.flow();
    const rolled = head === ROLLOUT && !every;
    const say = (name, values) => fill(words[`caption_${name}`], values);
    const source = [
      say("of", { model: about.model, picture: about.picture, rows: model.rows, cols: model.cols, width: about.input?.[0], height: about.input?.[1] }),
      say("version", { version: about.version }),
    ];
    if (this.view.features()) return [...this.view.features().caption(layer, state), ...source];
    const kind = queries.length < 2 ? "one" : difference ? "difference" : "both";
    const others = model.header.prefix.map((_, token) => `${sentences.token(token)} ${percent(map.a[map.at + token] ** 2)}`);
    const scale = flow ? (flow.shared ? "shared" : "map") : state.scale;
    const said = direction === "like" ? likeCaption(this.view, this.shown()) : [
      sentences.title(queries, every ? null : layer, every ? MEAN : head, direction, first),
      queries.length > 1 && say("pair", { a: sentences.query(queries[0]), b: sentences.query(queries[1]) }),
      !rolled && say("attention"),
      (rolled || every) && say("rollout", { fusion: words[`fusion_${fusion}`], residual: residual.toFixed(2) }),
      discard > 0 && say("discard", { discard: percent(discard) }),
      every ? say(`all_${scale}`) : say(`colours_${kind}`, { top: percent(shownTop) }),
      every ? top.some((end, m) => full[m] > end) && say("all_clipped") : clipped && say("clipped", { sentence: clippedSentence(words, clipped), most: percent(clipped.most) }),
      every && queries.length > 1 && say(`all_${kind}`),
      !every && queries.length < 2 && others.length > 0 && say("others", { tokens: others.join(", ") }),
    ];
    return [...said, ...source].filter(Boolean);
  }

  /** A file's name: model, picture, layer, head and query, in ASCII. */
  name(ending) {
    const { view, extent } = this;
    const { queries, layer, head, every, direction, difference, first } = this.shown();
    const at = (token) => this.placeOf(token).replace(/^(\d+)-(\d+)$/, "r$1-c$2").replaceAll(" ", "-");
    const of = queries.length > 1 ? [`A-${at(queries[0])}`, `B-${at(queries[1])}`, difference && "A-minus-B"] : [`${direction === "column" ? "to" : "from"}-${at(queries[0])}`];
    const where = direction === "like" ? likeName(view, this.shown()) : every ? ["all-maps"] : head === ROLLOUT ? [`rollout-layers-${first + 1}-${layer + 1}`] : [`layer-${layer + 1}`, head === MEAN ? "mean" : `head-${head + 1}`];
    const alone = extent === "bare" && ["png", "svg"].includes(ending) && "map";
    const said = view.features()?.nameParts(layer, view.state) ?? [...where, ...of, queries.length > 1 && direction === "column" && "seen-by"];
    return `${[view.about.file ?? "vitrine", ...said, alone].filter(Boolean).join("_")}.${ending}`;
  }

  /** A token's place as the address has it: "class", or "5-7", its row and column. */
  placeOf(token) {
    const { model } = this.view;
    const patch = token - model.p;
    return patch < 0 ? model.header.prefix[token] : `${Math.floor(patch / model.cols) + 1}-${(patch % model.cols) + 1}`;
  }

  /** The address that opens this view, as app/explore/address.py reads it. The browser's own may lack the last place. */
  link() {
    const { state, model, about } = this.view;
    const url = new URL(location.href);
    const place = this.placeOf(state.query).match(/^(\d+)-(\d+)$/);
    const said = {
      layer: state.layer + 1, head: state.head === MEAN ? "mean" : state.head === ROLLOUT ? "rollout" : state.head + 1,
      from: place ? "patch" : model.header.prefix[state.query], row: place?.[1], col: place?.[2],
      pinned: state.pinned.map((token) => this.placeOf(token)).join("."), sample: about.sample,
      ...Object.fromEntries(Object.entries(CHOICES).map(([name, [usual]]) => [name, state[name] === usual ? null : state[name]])),
    };
    for (const [name, value] of Object.entries(said)) {
      if (value) url.searchParams.set(name, value);
      else url.searchParams.delete(name);
    }
    return url.href;
  }

  async png(side = 0) {
    const [caption, name] = [this.caption().join(" "), this.name("png")];
    const drawn = drawing(this.view, this.extent);
    const finish = (picture) => {
      if (picture) drawn.picture = picture;
      toCanvas(drawn, sizeOf(drawn, side)).toBlob(async (blob) => download(withText(new Uint8Array(await blob.arrayBuffer()), caption), name));
    };
    if (!side || !drawn.picture) finish();
    else this.request({ what: "picture" }, async (jpeg) => {
      const picture = new Image();
      picture.src = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
      await picture.decode();
      finish(picture);
      URL.revokeObjectURL(picture.src);
    });
  }

  svg() {
    const [caption, name] = [this.caption(), this.name("svg")];
    const drawn = drawing(this.view, this.extent);
    const finish = (href) => download(new Blob([toSvg(drawn, { title: caption[0], caption: caption.join(" "), href })], { type: "image/svg+xml" }), name);
    if (!drawn.picture) finish();
    else this.request({ what: "picture" }, (jpeg) => {
      const reader = new FileReader();
      reader.onload = () => finish(reader.result);
      reader.readAsDataURL(new Blob([jpeg], { type: "image/jpeg" }));
    });
  }

  numbers(what) {
    const name = this.name(what);
    const type = what === "csv" ? "text/csv" : "application/octet-stream";
    const features = this.view.features();
    if (features) {
      const [layer, shape] = [this.view.selected()[0], [3, ...this.view.model.header.grid]];
      const [values, names] = [features.numbers(layer), [1, 2, 3].map((component) => `layer ${layer + 1}, component ${component}`)];
      return download(what === "npy" ? npyFile(values, shape) : csvFile(values, shape, names, this.caption()), name);
    }
    this.request({ what, ...this.shown(), caption: this.caption().join("\n") }, (bytes) => download(new Blob([bytes], { type }), name));
  }

  /** Ask Python for a file. One at a time: the next request would replace this one. */
  request(want, done) {
    const id = ++this.count;
    this.waiting = { id, done };
    this.refresh();
    this.view.send("save", { of: this.view.model.id, id, ...want });
  }

  /** Python's answer. */
  arrived(header) {
    if (this.waiting?.id !== header.file) return;
    const { done } = this.waiting;
    this.waiting = null;
    this.refresh();
    done(header.section("data").slice());
  }

  /** Copy a text. Where the browser forbids that, because the connection is not encrypted, it stands selected in a field. */
  async copy(name, text) {
    try {
      await navigator.clipboard.writeText(text);
      this.copied = name;
      this.refresh();
      this.view.write(".spoken", this.view.words.save_copied);
    } catch {
      const [label, field] = [this.part("copied"), this.part("copied").querySelector("textarea")];
      label.hidden = false;
      field.value = text;
      this.place();
      field.select();
      field.scrollTop = 0;
    }
  }
}

function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser reads it after the click
}
