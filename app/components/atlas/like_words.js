// What "is like" shows, in words.

/** A cosine in two digits, or in three where all of a map's values are that close. */
const cosine = (value, map) => value.toFixed(map.high - map.low < 0.1 ? 3 : 2).replace("-", "−");

/** Where a layer's features are from; `layer` null: of every layer. */
function likeWhere({ words, state }, layer) {
  return fill(words[`like_where_${layer === null ? "all_" : ""}${state.facet}`], { layer: layer + 1 });
}

function likeTitle(view, queries, layer) {
  const { words, sentences, model } = view;
  const where = likeWhere(view, layer);
  if (queries.length > 1) return fill(words.title_pair_like, { where });
  const subject = words[`subject_${queries[0] < model.p ? "token" : "patch"}`];
  return fill(words.title_like, { where, query: fill(subject, { token: sentences.token(queries[0]) }) });
}

/** Titles, numbers, marks, legend and summary; `map` is null until the features are here. */
function likeInWords(view, queries, layer, map) {
  const { words, model, state, like: { features } } = view;
  const pair = queries.length > 1;
  view.write(".title", likeTitle(view, queries, layer));
  view.write(".numbers", fill(words.like_numbers, { mean: map?.facts[0].mean === null ? "–" : map ? cosine(map.facts[0].mean, map) : "…" }));
  marks(view, queries);
  chips(view, queries, (token) => (map ? map.a[token] ** 2 : 0), (token) => (map ? cosine(map.cosines[0][token], map) : ""));
  view.parts(".residual").hidden = true;
  const difference = pair && state.compare === "difference";
  const clipped = map && likeClipped(view, map, queries, difference);
  ramp(view, pair ? state.compare : "one", clipped?.above);
  controls(view, pair);
  view.parts(".scale input[value=map]").checked = state.scale !== "shared"; // a layer has one map here
  const hint = words[["hint", "hint_pinned", "hint_pair"][state.pinned.length] + (TOUCH ? "_touch" : "")];
  view.write(".note", hint);
  if (map) {
    ticks(view, likeTicks(map, difference, clipped));
    view.write(".range", clipped?.sentence ?? words[`like_legend_${difference ? "difference_" : ""}${state.scale === "shared" ? "shared" : "map"}`]);
    likeReadout(view, queries, layer, map);
    return;
  }
  ticks(view, ["", "", ""]);
  const waits = features.tooLarge ? fill(words.like_too_large, { tokens: model.N.toLocaleString("en") }) : words.like_loading;
  view.write(".range", features.tooLarge ? "" : waits);
  view.write(".readout", waits);
  view.write(".more", "");
  if (features.tooLarge) view.write(".note", waits);
  speak(view, () => waits);
}

/** The patches outside of the colours' range: whether any is below or above, and a sentence; null if there are none. */
function likeClipped({ words, model, state, like }, map, queries, difference) {
  if (state.scale === "shared") return null;
  let [below, above, lowest, highest] = [0, 0, Infinity, -Infinity];
  const [first, second] = map.cosines;
  const own = like.own(queries);
  const tolerance = 1e-6; // of the range's ends, which are sums of float32 values
  for (let k = model.p; k < model.N; k++) {
    if (own.includes(k)) continue;
    const values = difference ? [Math.abs(first[k] - second[k])] : [first[k], ...(second ? [second[k]] : [])];
    lowest = Math.min(lowest, ...values);
    highest = Math.max(highest, ...values);
    if (!difference && values.some((value) => value < map.low - tolerance)) below++;
    if (values.some((value) => value > (difference ? map.top * (map.high - map.low) : map.high) + tolerance)) above++;
  }
  const count = below + above;
  if (!count) return null;
  const sentence = fill(words[count > 1 ? "like_clipped_many" : "like_clipped_one"], { count, low: cosine(lowest, map), high: cosine(highest, map) });
  return { below, above, sentence };
}

function likeTicks(map, difference, clipped) {
  const far = `${clipped?.above ? "≥\u00a0" : ""}${cosine(map.top * (map.high - map.low), map)}`;
  if (difference) return [`B +${far}`, "0", `A +${far}`];
  return [`${clipped?.below ? "≤\u00a0" : ""}${cosine(map.low, map)}`, cosine((map.low + map.high) / 2, map), `${clipped?.above ? "≥\u00a0" : ""}${cosine(map.high, map)}`];
}

function likeReadout(view, queries, layer, map) {
  const { sentences, words, model, here } = view;
  const [facts] = map.facts;
  const pieces = [];
  const apart = (token) => {
    const distance = model.distance(queries[0], token);
    if (distance !== null) pieces.push(fill(words.readout_distance, { distance: two(distance) }));
  };
  if (here !== null && queries.length > 1) {
    pieces.push(fill(words.like_pair, { here: sentences.token(here), a: cosine(map.cosines[0][here], map), b: cosine(map.cosines[1][here], map) }));
  } else if (here !== null) {
    pieces.push(fill(words.like_here, { here: sentences.token(here), value: cosine(map.cosines[0][here], map) }));
    if (here !== queries[0]) apart(here);
  } else if (queries.length > 1) {
    pieces.push(`A ${sentences.token(queries[0])} · B ${sentences.token(queries[1])}`);
    pieces.push(fill(words.like_between, { value: cosine(map.cosines[0][queries[1]], map) }));
  } else if (facts.top === null) {
    pieces.push(words.like_alone);
  } else {
    pieces.push(fill(words.like_top, { query: sentences.token(queries[0]), top: sentences.token(facts.top) }));
    pieces.push(fill(words.like_value, { value: cosine(facts.high, map) }));
    apart(facts.top);
  }
  const outlier = sentences.outlier(here ?? (queries.length > 1 ? null : queries[0]));
  if (outlier) pieces.push(outlier);
  view.write(".readout", pieces[0]);
  view.write(".more", pieces.slice(1).join(" · "));
  speak(view, () => {
    const text = queries.map((query, i) => likeSummary(view, query, layer, map, map.facts[i]));
    if (queries.length > 1) text.unshift(fill(words.summary_compare, { a: sentences.query(queries[0]), b: sentences.query(queries[1]) }));
    if (here !== null) text.push(pieces.join(", "));
    else if (outlier) text.push(outlier);
    return text.join(" ");
  });
}

function likeSummary(view, query, layer, map, { top, high, mean }) {
  const { words, sentences } = view;
  if (top === null) return words.like_alone;
  return fill(words.like_summary, {
    where: likeWhere(view, layer), query: sentences.query(query), top: sentences.query(top), value: cosine(high, map), mean: cosine(mean, map),
  });
}

/** The caption's first sentences, as save/menu.js needs them. */
function likeCaption(view, { queries, layer, every, difference }) {
  const { words, sentences, model, map, state } = view;
  const say = (name, values) => fill(words[`caption_${name}`], values);
  const kind = queries.length < 2 ? "one" : difference ? "difference" : "both";
  const [low, middle, high] = map.exact ? likeTicks(map, difference) : ["", "", ""];
  const clipped = map.exact && !every && likeClipped(view, map, queries, difference);
  const others = map.exact ? model.header.prefix.map((_, token) => `${sentences.token(token)} ${cosine(map.cosines[0][token], map)}`) : [];
  return [
    likeTitle(view, queries, every ? null : layer),
    queries.length > 1 && say("pair", { a: sentences.query(queries[0]), b: sentences.query(queries[1]) }),
    say("like", { facet: words[`facet_${state.facet}_title`] }),
    every ? say(state.scale === "shared" ? "like_all_shared" : "all_map") : say(`like_colours_${kind}`, { low, high: difference ? high.slice(2) : high, middle }),
    clipped && `${clipped.sentence}.`,
    every && queries.length > 1 && say(`all_${kind}`),
    !every && queries.length < 2 && others.length > 0 && say("others", { tokens: others.join(", ") }),
  ];
}

/** The parts of a file's name that say which map it is. */
function likeName({ state }, { layer, every }) {
  return [every ? "all-layers" : `layer-${layer + 1}`, `like-${state.facet}`];
}
