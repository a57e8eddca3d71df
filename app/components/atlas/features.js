// The view "Features": over the picture lie the colours that the page has put onto the shelf (../pca/pca.js).

/** Draw the chosen layer's colours; nothing but the picture until they have come. */
function drawFeatures(view) {
  const { state, model, overlay, words } = view;
  const token = view.here ?? state.pinned.at(-1) ?? state.query;
  const pca = view.features();
  marks(view, [state.query]);
  controls(view, false);
  view.parts(".opacity input").value = state.opacity;
  view.write(".opacity span", fill(words.opacity, { value: percent(Number(state.opacity)) }));
  if (!pca) {
    overlay.show(model.rows, model.cols, new Uint32Array(model.rows * model.cols));
    view.painted = null;
    view.write(".title", words.features_title);
    for (const selector of [".numbers", ".more"]) view.write(selector, "");
    const why = words[view.colouring() ? "features_refused" : "features_loading"];
    view.write(".readout", why);
    speak(view, () => why);
    return;
  }
  const [layer] = view.selected();
  const key = ["features", pca.header.id, layer, state.foreground, state.opacity].join();
  if (view.painted !== key) overlay.show(model.rows, model.cols, pca.pixels(layer, state.foreground, Number(state.opacity)));
  view.painted = key;
  view.write(".title", pca.title(layer));
  view.write(".numbers", pca.note(layer, state.foreground));
  const patch = token - model.p;
  const read = patch < 0 ? [words[TOUCH ? "features_touch" : "features_point"], ""] : pca.readout(layer, patch, state.foreground, view.sentences.token(token));
  view.write(".readout", read[0]);
  const outlier = view.sentences.outlier(token);
  if (outlier) read.push(outlier);
  view.write(".more", read.slice(1).join(" · "));
  speak(view, () => [pca.title(layer), pca.holds(layer), pca.note(layer, state.foreground), ...read].join(" "));
  pca.follow(view);
  if (view.save.open) view.save.refresh();
}
