// What the canvases show, in words: titles, numbers, marks, legend, and the summary for screen readers.

function describe(view, queries, layer, head, direction, first) {
  const { sentences, state, words, model, map } = view;
  view.write(".title", sentences.title(queries, layer, head, direction, first));
  view.write(".numbers", sentences.numbers(layer, head));
  marks(view, queries);
  const limit = Math.sqrt(view.shownTop) || 1;
  chips(view, queries, (token) => (map.a[map.at + token] / limit) ** 2, (token) => percent(map.a[map.at + token] ** 2));
  readout(view, queries, layer, head, direction, first);
  frames(view, layer, head);
  legend(view, layer, head, queries.length > 1);
  const { pinned } = state;
  const hint = words[["hint", "hint_pinned", "hint_pair"][pinned.length] + (TOUCH ? "_touch" : "")];
  const size = { factor: model.factor, rows: model.rows, cols: model.cols };
  view.write(".note", model.whole ? hint : !map.exact ? words.coarse_here : fill(view.exact ? words.exact : words.coarse, size));
}

function marks(view, queries) {
  const { model, parts, state } = view;
  const place = (selector, token) => {
    const { style } = parts(selector);
    const on = token !== null && token !== undefined && token >= model.p;
    style.visibility = on ? "inherit" : "hidden";
    if (on) style.transform = `translate(${((token - model.p) % model.cols) * 100}%, ${Math.floor((token - model.p) / model.cols) * 100}%)`;
  };
  const [a, b] = state.pinned;
  view.root.dataset.pins = state.pinned.length;
  place(".mark.query", state.pinned.length ? null : queries[0]);
  place(".mark.here", state.pinned.includes(view.here) ? null : view.here);
  place(".mark.a", a);
  place(".mark.b", b);
}

/** The prefix tokens' values in the shown map, as a place 0..1 on the colour scale and as text. */
function chips(view, queries, share, text) {
  const { map, state, colours: { css } } = view;
  view.chips.forEach((chip, token) => {
    const pin = state.pinned.indexOf(token);
    chip.toggleAttribute("data-query", !state.pinned.length && queries[0] === token);
    if (pin < 0) delete chip.dataset.pin;
    else chip.dataset.pin = "ab"[pin];
    chip.setAttribute("aria-pressed", pin >= 0);
    const shade = 4 * Math.round(255 * Math.min(1, share(token)));
    const [dot, , number] = chip.childNodes;
    const colour = map.b ? "transparent" : `rgb(${css[shade]}, ${css[shade + 1]}, ${css[shade + 2]})`;
    if (chip.colour !== colour) dot.style.background = chip.colour = colour;
    const value = text(token);
    if (number.textContent !== value) number.textContent = value;
  });
}

function readout(view, queries, layer, head, direction, first) {
  const { sentences, words, model, map, here } = view;
  const pieces = [];
  const facts = sentences.facts(queries[0], map.a, map.at);
  if (here !== null && queries.length > 1) {
    pieces.push(fill(words.readout_pair, {
      here: sentences.token(here), a: percent(map.a[map.at + here] ** 2), b: percent(map.b[map.at + here] ** 2),
      rank_a: rank(map.a, map.at, model.N, here), rank_b: rank(map.b, map.at, model.N, here),
    }));
  } else if (here !== null) {
    const distance = model.distance(queries[0], here);
    pieces.push(fill(words.readout_here, {
      here: sentences.token(here), weight: percent(map.a[map.at + here] ** 2), rank: rank(map.a, map.at, model.N, here), count: model.N,
    }));
    if (distance !== null) pieces.push(fill(words.readout_distance, { distance: two(distance) }));
  } else if (queries.length > 1) {
    pieces.push(`A ${sentences.token(queries[0])} · B ${sentences.token(queries[1])}`);
  } else {
    pieces.push(fill(words[direction === "row" ? "readout_query" : "readout_query_column"], { query: sentences.token(queries[0]) })
      + (direction === "row" && head !== ROLLOUT && queries[0] >= model.p ? ` · ${fill(words.readout_near, { near: percent(facts.near) })}` : ""));
    pieces.push(fill(words.readout_top, { top: sentences.token(facts.top), weight: percent(facts.weight) }));
    const distance = model.distance(queries[0], facts.top);
    if (distance !== null) pieces.push(fill(words.readout_distance, { distance: two(distance) }));
  }
  const outlier = sentences.outlier(here ?? (queries.length > 1 ? null : queries[0]));
  if (outlier) pieces.splice(1, 0, outlier);
  view.write(".readout", pieces[0]);
  view.write(".more", pieces.slice(1).join(" · "));
  speak(view, () => {
    const text = queries.map((query, i) => sentences.summary(layer, head, direction, query, i ? sentences.facts(query, map.b, map.at) : facts, first));
    if (queries.length > 1) text.unshift(fill(words.summary_compare, { a: sentences.query(queries[0]), b: sentences.query(queries[1]) }));
    if (here !== null) text.push(pieces.join(", "));
    else if (outlier) text.push(outlier);
    return text.join(" ");
  });
}

/** Give screen readers a summary after a rest: a moving pointer would interrupt it again and again. */
function speak(view, summary) {
  clearTimeout(view.speaking);
  view.speaking = setTimeout(() => view.write(".spoken", summary()), 250);
}

/** The frames around the chosen map and the one under the pointer, and their numbers along the axes. */
function frames(view, layer, head) {
  const { model, sheet, state, over, parts } = view;
  const frame = (element, l, c) => {
    const [x, y, w, h] = sheet.box(l, c);
    Object.assign(element.style, { transform: `translate(${x}px, ${y}px)`, width: `${w}px`, height: `${h}px` });
  };
  const key = [layer, head, state.layer, state.head, over, sheet.w, sheet.h, model.id].join();
  if (view.framed === key) return;
  view.framed = key;
  frame(parts(".chosen"), state.layer, model.column(state.head));
  parts(".over").style.visibility = over ? "visible" : "hidden";
  if (over) frame(parts(".over"), layer, model.column(head));
  for (const span of parts(".columns").children) span.toggleAttribute("data-on", Number(span.dataset.index) === model.column(head));
  for (const span of parts(".layers").children) span.toggleAttribute("data-on", Number(span.dataset.index) === layer);
}

/** The colour scale, its range in numbers, and which maps share it. */
function legend(view, layer, head, pair) {
  const { words, state, shownTop, clipped, parts } = view;
  const kind = pair ? state.compare : "one";
  const end = `${clipped ? "≥\u00a0" : ""}${percent(shownTop)}`;
  ramp(view, kind, clipped);
  ticks(view, kind === "difference" ? [`B +${end}`, "0", `A +${end}`] : [percent(0), percent(shownTop / 2), end]);
  view.write(".range", clipped ? `${clippedSentence(words, clipped)} ${fill(words.clipped_most, { most: percent(clipped.most) })}`
    : words[`legend_${head === ROLLOUT ? "rollout_" : ""}${state.scale}`]);
  parts(".residual").hidden = head !== ROLLOUT && state.head !== ROLLOUT;
  const slider = parts(".residual input");
  if (Number(slider.value) !== state.residual) slider.value = state.residual;
  view.write(".residual span", fill(words.residual, { value: state.residual.toFixed(2) }));
  controls(view, pair);
}

/** The bar of colours, of one query, of two, or of their difference; pointed if it is clipped. */
function ramp(view, kind, clipped) {
  const { colours: tables, parts, root } = view;
  root.toggleAttribute("data-clipped", Boolean(clipped));
  if (root.dataset.ramp === kind && view.ramp === tables) return;
  root.dataset.ramp = kind;
  view.ramp = tables;
  [...parts(".ramp").children].forEach((canvas, second) => {
    const context = canvas.getContext("2d");
    const image = context.createImageData(256, 1);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < 256; i++) {
      const root = Math.sqrt(i / 255);
      const shade = Math.round(root * (STEPS - 1));
      pixels[i] = kind === "both" ? tables.both.cell[second ? shade : shade * STEPS]
        : kind === "difference" ? tables.difference.cell[i] : tables.one.cell[Math.round(root * (LEVELS - 1))];
    }
    context.putImageData(image, 0, 0);
  });
}

/** The numbers below the colours: lowest, middle, highest. */
function ticks({ parts }, texts) {
  [...parts(".ticks").children].forEach((tick, i) => tick.textContent !== texts[i] && (tick.textContent = texts[i]));
}

/** The controls that every direction has. */
function controls(view, pair) {
  const { state, parts } = view;
  parts(".compare").hidden = !pair;
  parts(".unpin").hidden = !state.pinned.length;
  for (const name of GROUPS)
    for (const input of parts(`.${name}`).querySelectorAll("input")) if (input.checked !== (input.value === state[name])) input.checked = !input.checked;
  parts(".speed").value = state.speed;
  parts(".loop input").checked = state.loop === "on";
  parts(".clip input").checked = state.clip === "on";
}
