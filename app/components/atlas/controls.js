// The atlas' labels, and its response to pointer, touch and keys.

const TOUCH = matchMedia("(hover: none)").matches;
const USED = "vitrine.used"; // in this browser's storage, once somebody has pointed at a picture

/** Whether somebody has used the atlas in this browser; with `now`, note that. */
function used(now = false) {
  try {
    if (now) localStorage.setItem(USED, "1");
    return localStorage.getItem(USED) !== null;
  } catch {
    return now; // the browser allows no storage
  }
}

/** Say what this is and what to do, until somebody has done it. */
function introduce(view) {
  const intro = view.parts(".intro");
  intro.textContent = view.words[TOUCH ? "intro_touch" : "intro"];
  intro.hidden = used();
}

/** Set all words that do not depend on the picture. */
function label(view) {
  const { words, root, parts } = view;
  root.setAttribute("aria-label", words.label);
  parts(".stage").setAttribute("aria-label", words.stage);
  parts(".chips").setAttribute("aria-label", words.chips);
  parts(".unpin").textContent = words.unpin;
  parts(".residual").title = words.residual_title;
  parts(".clip").title = words.clip_title;
  parts(".clip span").textContent = words.clip;
  parts(".opacity").title = words.opacity_title;
  introduce(view);
  labelPlayer(view);
  for (const name of GROUPS) {
    const group = parts(`.${name}`);
    group.setAttribute("aria-label", words[name]);
    group.title = words[name];
    segments(group, name, CHOICES[name], words, (value) => view.change({ [name]: value }));
    for (const input of group.querySelectorAll("input")) input.checked = view.state[name] === input.value;
  }
  view.save.label();
  view.texts.clear();
  if (view.model) {
    fitChips(view);
    view.layout();
  }
}

const LAYER_MS = 450; // that playing shows each layer for, at full speed
const CHIPS = 34; // height of one line of chips, CSS pixels, as in atlas.css

/** One chip for each token without a position in the picture. */
function fitChips(view) {
  const { model, words, parts } = view;
  view.sentences = new Sentences(model, words);
  view.chips = model.header.prefix.map((_, token) => {
    const chip = Object.assign(document.createElement("button"), { type: "button", className: "chip" });
    chip.append(document.createElement("i"), view.sentences.token(token), document.createElement("span"));
    chip.addEventListener("pointerenter", (event) => {
      if (event.pointerType !== "touch") view.timed(event, () => point(view, token));
    });
    chip.addEventListener("pointerleave", () => leave(view));
    chip.addEventListener("click", () => pin(view, token));
    return chip;
  });
  view.key = outlierKey(view);
  parts(".chips").replaceChildren(...view.chips, ...(view.key ? [view.key] : []));
}

/** Mark the outlier tokens over the picture. Returns the sign with their number, beside the chips; null if there are none. */
function outlierKey({ model, sentences, words, parts }) {
  parts(".outliers").replaceChildren(...model.outliers.map((patch) => {
    const mark = document.createElement("i");
    mark.style.left = `${(100 * (patch % model.cols)) / model.cols}%`;
    mark.style.top = `${(100 * Math.floor(patch / model.cols)) / model.rows}%`;
    return mark;
  }));
  if (!model.outliers.length) return null;
  const key = Object.assign(document.createElement("span"), { className: "key", title: words.outliers_title });
  key.append(document.createElement("i"), document.createElement("span"));
  return key;
}

/** Put the chips in one line if they fit, and shorten their names if that saves a line. Returns the height of further lines. */
function lineChips(view) {
  const row = view.parts(".chips");
  const name = (short, rule) => {
    row.toggleAttribute("data-short", short);
    if (view.key) view.key.lastChild.textContent = view.sentences.outliers(rule);
    view.chips.forEach((chip, token) => {
      const [text, full] = [view.sentences.token(token, short), view.sentences.token(token)];
      chip.childNodes[1].data = `${text} `; // screen readers need the space between name and number
      chip.title = text === full ? "" : full;
    });
  };
  const forms = [[false, true], [true, true], [false, false], [true, false]]; // the best one first
  const heights = forms.map((form) => {
    name(...form);
    return row.offsetHeight;
  });
  name(...forms[heights.indexOf(Math.min(...heights))]);
  return row.offsetHeight - CHIPS;
}

/** The distance between the last columns' centres at which their headings, in full and bold, do not overlap. */
function headPitch({ model, words, parts }) {
  const spans = [String(model.H), words.mean, words.rollout].map((text) => {
    const span = Object.assign(document.createElement("span"), { textContent: text });
    span.dataset.on = "";
    return span;
  });
  parts(".columns").replaceChildren(...spans);
  const [last, mean, rollout] = spans.map((span) => span.offsetWidth);
  return (mean + Math.max(last, rollout)) / 2 + 6;
}

/** The width that the controls above the maps need, CSS pixels. */
function barWidth({ parts }) {
  const controls = [...parts(".bar").children];
  return controls.reduce((sum, control) => sum + control.offsetWidth, 0) + 8 * (controls.length - 1); // gap: atlas.css
}

/** Numbers of layers and heads along the maps; every second, fourth, ... one if all would overlap. */
function labelAxes(view, width, height) {
  const { model, sheet, words, parts } = view;
  const span = (text, style, index) => {
    const element = Object.assign(document.createElement("span"), { textContent: text });
    Object.assign(element.style, style);
    element.dataset.index = index;
    return element;
  };
  const every = (room, need) => Math.max(1, 2 ** Math.ceil(Math.log2(need / room)));
  const [, , w, h] = sheet.box(0, 0);
  const across = every(w, 20);
  const columns = Array.from({ length: model.C }, (_, c) => {
    const [x] = sheet.box(0, c);
    const extra = c - model.H;
    if (extra < 0) return c % across ? null : span(c + 1, { left: `${x + w / 2}px` }, c);
    const text = extra ? words.rollout : words.mean;
    const element = span(sheet.written ? text : extra ? "∏" : "μ", { left: `${x + w / 2}px` }, c);
    element.title = text;
    return element;
  });
  const down = every(h, 17);
  const layers = Array.from({ length: model.L }, (_, l) => (l % down ? null : span(l + 1, { top: `${sheet.box(l, 0)[1] + h / 2}px` }, l)));
  parts(".columns").replaceChildren(...columns.filter(Boolean));
  parts(".layers").replaceChildren(...layers.filter(Boolean));
  parts(".sheet").style.width = `${width}px`;
  parts(".sheet").style.height = `${height}px`;
}

/** The pointer is on a token: it becomes the query or, if one is pinned, the token whose value is read. */
function point(view, token) {
  if (view.save.open) return;
  finish(view);
  if (view.state.pinned.length) {
    if (view.here === token) return;
    view.here = token;
    view.redraw();
  } else if (view.state.query !== token) view.change({ query: token });
}

/** The atlas is used: its introduction goes. */
function finish(view) {
  if (view.parts(".intro").hidden) return;
  used(true);
  view.parts(".intro").hidden = true;
}

function leave(view) {
  if (view.here === null) return;
  view.here = null;
  view.redraw();
}

/** A click pins a token, or unpins a pinned one; a third pin replaces the second. */
function pin(view, token) {
  const { pinned } = view.state;
  view.here = null;
  if (pinned.includes(token)) view.change({ pinned: pinned.filter((other) => other !== token), query: token });
  else view.change({ pinned: [...pinned.slice(0, 1), token], query: token });
}

/** The token (down, across) from a query; for a prefix token, the middle of the picture. */
function neighbour(model, token, down, across) {
  if (token < model.p) return model.p + Math.floor(model.rows / 2) * model.cols + Math.floor(model.cols / 2);
  const hold = (value, size) => Math.min(size - 1, Math.max(0, value));
  const patch = token - model.p;
  return model.p + hold(Math.floor(patch / model.cols) + down, model.rows) * model.cols + hold((patch % model.cols) + across, model.cols);
}

/** Move the query by keys: the last pin, or the query if nothing is pinned. */
function move(view, down, across) {
  const { state, model } = view;
  const pinned = [...state.pinned];
  const token = neighbour(model, pinned.at(-1) ?? state.query, down, across);
  if (pinned.length) pinned[pinned.length - 1] = token;
  view.change({ query: token, pinned: pinned.length === 2 && pinned[0] === pinned[1] ? [token] : pinned });
}

function step(view, layers, columns) {
  const { state, model } = view;
  const column = Math.min(model.C - 1, Math.max(0, model.column(state.head) + columns));
  const head = column < model.H ? column : column === model.H ? MEAN : ROLLOUT;
  view.over = null;
  view.change({ layer: Math.min(model.L - 1, Math.max(0, state.layer + layers)), head });
}

/** Label what plays through the layers, also for screen readers. */
function labelPlayer(view) {
  const { words, parts } = view;
  parts(".player").setAttribute("aria-label", words.play);
  namePlay(view);
  parts(".speed").title = words.speed;
  parts(".speed").setAttribute("aria-label", words.speed);
  parts(".speed").replaceChildren(...CHOICES.speed.map((value) => new Option(words[`speed_${value}`], value)));
  parts(".speed").value = view.state.speed;
  parts(".loop").title = words.loop;
  parts(".loop input").setAttribute("aria-label", words.loop);
}

function namePlay({ words, parts, stop }) {
  const button = parts(".play");
  button.textContent = stop ? "■" : "▶";
  button.title = stop ? words.stop : words.play;
  button.setAttribute("aria-label", button.title);
}

/**
 * Play through the layers, from the first if the last is shown. When playing, stop. Python gets the layer that it stops
 * at: each layer on the way would be an entry in the browser's history.
 */
function play(view) {
  if (view.stop) return view.stop();
  const { state, model } = view;
  const show = (layer) => {
    state.layer = layer;
    view.redraw();
  };
  let timer = null;
  const next = () => (timer = setTimeout(() => {
    if (state.layer < model.L - 1) show(state.layer + 1);
    else if (state.loop === "on") show(0);
    else return view.stop();
    next();
  }, LAYER_MS / Number(state.speed)));
  view.over = null;
  if (state.layer === model.L - 1) show(0);
  next();
  view.stop = () => {
    clearTimeout(timer);
    view.stop = null;
    namePlay(view);
    view.change({});
  };
  namePlay(view);
}

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function keys(view, event, inMaps) {
  if (!view.model || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.code === "KeyC" && !/^[a-z]$/i.test(event.key) ? "c" : event.key; // a Hangul IME reports "ㅊ"
  const { state } = view;
  if (view.flow() && !ARROWS[key] && !["Enter", "Escape", "c"].includes(key)) return; // no map of the atlas is shown
  if (state.view === "features" && ["[", "]"].includes(key)) return; // features are of no head
  const token = state.pinned.at(-1) ?? state.query;
  const acts = {
    " ": () => play(view), Escape: () => view.change({ pinned: [] }),
    PageUp: () => step(view, -1, 0), PageDown: () => step(view, 1, 0), "[": () => step(view, 0, -1), "]": () => step(view, 0, 1),
  };
  if (inMaps) Object.assign(acts, { Home: () => step(view, 0, -view.model.C), End: () => step(view, 0, view.model.C) });
  else Object.assign(acts, {
    Enter: () => pin(view, token),
    // a second pin beside the first, which the arrow keys move
    c: () => state.pinned.length === 1 && pin(view, [[0, 1], [0, -1], [1, 0], [-1, 0]].map((by) => neighbour(view.model, token, ...by)).find((other) => other !== token) ?? token),
  });
  if (view.like.on) Object.assign(acts, view.like.keys(inMaps));
  const act = key in acts ? acts[key] : ARROWS[key] && (() => (inMaps ? step : move)(view, ...ARROWS[key]));
  if (!act) return;
  event.preventDefault();
  event.stopPropagation(); // Streamlit has keyboard shortcuts of its own
  finish(view);
  act();
}

function listen(view) {
  const { frame, parts } = view;
  const patchAt = (event) => {
    const { model } = view;
    const box = frame.getBoundingClientRect();
    const [row, col] = [((event.clientY - box.top) / box.height) * model.rows, ((event.clientX - box.left) / box.width) * model.cols].map(Math.floor);
    return row < 0 || col < 0 || row >= model.rows || col >= model.cols ? null : model.p + row * model.cols + col;
  };
  const onFrame = (event) => {
    const token = view.model && patchAt(event);
    if (token !== null) view.timed(event, () => point(view, token));
  };
  frame.addEventListener("pointermove", onFrame);
  frame.addEventListener("pointerdown", (event) => {
    view.touched = event.pointerType === "touch" ? view.shown().at(-1) : null;
    if (event.pointerType === "touch") onFrame(event);
  });
  frame.addEventListener("pointerleave", () => leave(view));
  frame.addEventListener("click", (event) => {
    const token = view.model && patchAt(event);
    // touch has no hover: the first tap sets the query, a second one on the same patch pins it
    if (token === null || (view.touched !== null && !view.state.pinned.length && view.touched !== token)) return;
    pin(view, token);
  });

  const canvas = view.sheet.canvas;
  const mapAt = (event) => {
    const box = canvas.getBoundingClientRect();
    const [layer, c] = view.sheet.at(event.clientX - box.left, event.clientY - box.top);
    return [layer, c < view.model.H ? c : c === view.model.H ? MEAN : ROLLOUT];
  };
  canvas.addEventListener("pointermove", (event) => {
    if (!view.model || view.save.open || event.pointerType === "touch") return;
    const over = mapAt(event);
    if (String(over) !== String(view.over)) view.timed(event, () => {
      view.over = over;
      view.redraw();
    });
  });
  canvas.addEventListener("pointerleave", () => {
    view.over = null;
    view.redraw();
  });
  canvas.addEventListener("click", (event) => {
    if (!view.model) return;
    const [layer, head] = mapAt(event);
    view.stop?.();
    view.change({ layer, head });
  });

  view.shortcuts = (event) => {
    const typing = event.composedPath()[0].closest?.("input:is([type=text], [type=number], :not([type])), textarea, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const chosen = VIEWS[["1", "2", "3", "4", "5"].indexOf(event.key)];
    if (chosen) view.change({ view: chosen });
    if (event.code === "KeyS" && view.model && !event.repeat && !parts(".save").disabled) parts(".menu").togglePopover(); // by mouse one loses the place
  };
  document.addEventListener("keydown", view.shortcuts);
  parts(".stage").addEventListener("keydown", (event) => keys(view, event, false));
  parts(".maps").addEventListener("keydown", (event) => keys(view, event, true));
  parts(".play").addEventListener("click", () => view.model && play(view));
  parts(".speed").addEventListener("change", (event) => view.change({ speed: event.target.value }));
  parts(".loop input").addEventListener("change", (event) => view.change({ loop: event.target.checked ? "on" : "off" }));
  parts(".clip input").addEventListener("change", (event) => view.change({ clip: event.target.checked ? "on" : "off" }));
  parts(".unpin").addEventListener("click", () => view.change({ pinned: [] }));
  parts(".opacity input").addEventListener("input", (event) => view.change({ opacity: String(event.target.valueAsNumber) }));
  parts(".residual input").addEventListener("input", (event) => {
    view.model.residual = Number(event.target.value);
    view.model.maps.clear(); // their rollouts are for the old residual
    view.model.prepare(() => view.redraw());
    view.change({ residual: view.model.residual });
  });
}
