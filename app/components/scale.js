// Where the colours of a map end. vit_core/images/draw.py has the same rule in Python (`scale_end`); a test compares the two.

const CLIP_PERCENTILE = 99; // of the patches
const CLIP_FACTOR = 3; // clipped if the largest value exceeds so many times that percentile ...
const CLIP_REST = 0.25; // ... and the patches up to it hold at least this share of the map: else it has nothing else to show

/**
 * The value of the brightest colour for values[from] to values[to - 1], none of them negative: the largest one, or with
 * `clip` the percentile if a few patches would leave all others dark. `roots`: these are square roots of values. As many more
 * patches may be above as there are `outliers` among the tokens.
 */
function scaleEnd(values, from, to, clip, roots = false, outliers = 0) {
  let top = 0;
  for (let i = from; i < to; i++) if (values[i] > top) top = values[i];
  if (!clip || top === 0) return top;
  const factor = roots ? Math.sqrt(CLIP_FACTOR) : CLIP_FACTOR;
  const above = Math.min(to - from - 1, Math.ceil(((to - from - 1) * (100 - CLIP_PERCENTILE)) / 100) + outliers);
  for (let i = from, near = 0; i < to; i++) if (values[i] * factor >= top && ++near > above) return top; // most maps
  const most = new Float64Array(above + 1); // the largest values, in descending order
  for (let i = from; i < to; i++) {
    if (values[i] <= most[above]) continue;
    let at = above;
    for (; at > 0 && most[at - 1] < values[i]; at--) most[at] = most[at - 1];
    most[at] = values[i];
  }
  const end = most[above];
  let [rest, sum] = [0, 0];
  for (let i = from; i < to; i++) {
    const value = roots ? values[i] * values[i] : values[i];
    sum += value;
    if (values[i] <= end) rest += value;
  }
  return rest >= CLIP_REST * sum ? end : top;
}

/** How many of values[from] to values[to - 1] are above `end`. */
function countAbove(values, from, to, end) {
  let count = 0;
  for (let i = from; i < to; i++) if (values[i] > end) count++;
  return count;
}

/** The sentence about a scale that ends at `end`, with `above` patches of the shown map above that. */
function clippedSentence(words, { end, above }) {
  return fill(words[above > 1 ? "clipped_many" : above ? "clipped_one" : "clipped_none"], { end: percent(end), above });
}
