// "Is like" from one picture to the other: the query is in one of the two, and the other shows what is like it there.

class PairLikeness extends Likeness {
  /** The half whose query this one answers; null if it has its own. */
  get asker() {
    const { pair } = this.view;
    return pair?.across && pair.asking !== this.view && pair.asking.model ? pair.asking : null;
  }

  draw() {
    const { view, asker } = this;
    if (this.before !== asker) this.drawn = null;
    this.before = asker;
    view.parts(".save").hidden = Boolean(asker); // the files and captions are of one picture
    super.draw();
    view.parts(".mark.best").style.visibility = asker && view.map.exact ? "inherit" : "hidden";
  }

  has(layer) {
    const { asker, view } = this;
    return super.has(layer) && (!asker || Boolean(asker.like.features?.get(view.state.facet, layer)));
  }

  cosines(layer, query, out) {
    const { asker, view: { state: { facet } } } = this;
    if (!asker) return super.cosines(layer, query, out);
    return this.features.cosines(facet, layer, asker.like.features.vector(facet, layer, query), out);
  }

  own(queries) {
    return this.asker ? [] : queries;
  }

  arrived(header) {
    super.arrived(header);
    const { pair } = this.view;
    if (pair.across && pair.asking === this.view) pair.halves.find((half) => half !== this.view).redraw();
  }

  describe(queries, layer, map) {
    super.describe(queries, layer, map);
    if (this.asker) answerInWords(this.view, this.asker, queries, layer, map);
  }
}

/** Title, marks, chips and readout of the half that answers the other one's query. */
function answerInWords(view, asker, queries, layer, map) {
  const { words, sentences, model } = view;
  for (const mark of view.root.querySelectorAll(".mark:not(.here, .best)")) mark.style.visibility = "hidden";
  for (const chip of view.chips) chip.removeAttribute("data-query");
  const of = queries.map((query) => asker.sentences.query(query));
  const where = likeWhere(view, layer);
  view.write(".title", queries.length > 1 ? fill(words.pair_title_two, { where, name: asker.name }) : fill(words.pair_title, { query: of[0], name: asker.name, where }));
  if (!map) return;
  const [{ top, high }] = map.facts;
  const best = view.parts(".mark.best");
  const patch = top - model.p;
  best.style.transform = `translate(${(patch % model.cols) * 100}%, ${Math.floor(patch / model.cols) * 100}%)`;
  best.toggleAttribute("data-low", patch < model.cols);
  view.write(".best b", cosine(high, map));
  const said = fill(words.pair_best, { top: sentences.query(top), value: cosine(high, map) });
  if (view.here === null) {
    view.write(".readout", said);
    view.write(".more", fill(words.pair_mean, { mean: cosine(map.facts[0].mean, map) }));
  }
  speak(view, () => said);
}
