// What one atlas of a pair shows when the other changes: the same place, layer and head, or the nearest that it has.

const ON_EDGE = 0.05; // of a patch: a place so close before an edge, from rounded crops, belongs to the patch behind it

/** The patch, from 0 to `count` - 1, that a place lies in or is nearest to. */
const within = (place, count) => Math.min(count - 1, Math.max(0, Math.floor(place + ON_EDGE)));

/**
 * The token of `to` at the place of a token of `from`; both are { p, rows, cols, header: { prefix } }. Patches: by their
 * centre as a fraction of the grid; prefix tokens: by name.
 *
 * `boxes`: of one picture that both models see, the parts [left, top, right, bottom] that each one's patches cover; null
 * for two pictures.
 */
function tokenIn(token, from, to, boxes) {
  if (token < from.p) return prefixIn(from.header.prefix[token], to);
  const patch = token - from.p;
  let [x, y] = [((patch % from.cols) + 0.5) / from.cols, (Math.floor(patch / from.cols) + 0.5) / from.rows];
  if (boxes) {
    const [[left, top, right, bottom], [l, t, r, b]] = boxes;
    x = (left + x * (right - left) - l) / (r - l);
    y = (top + y * (bottom - top) - t) / (b - t);
  }
  return to.p + within(y * to.rows, to.rows) * to.cols + within(x * to.cols, to.cols);
}

/** The prefix token of that name; else another register, the class token, or the patch in the middle. */
function prefixIn(name, to) {
  const { prefix } = to.header;
  const same = prefix.indexOf(name);
  if (same >= 0) return same;
  const register = name.startsWith("register") ? prefix.findLastIndex((other) => other.startsWith("register")) : -1;
  if (register >= 0) return register;
  if (to.p) return Math.max(0, prefix.indexOf("class"));
  return to.p + Math.floor(to.rows / 2) * to.cols + Math.floor(to.cols / 2);
}

/** The layer at the same depth: the same one if both models have as many layers. */
function layerIn(layer, from, to) {
  return from.L === to.L ? layer : from.L === 1 ? to.L - 1 : Math.round((layer * (to.L - 1)) / (from.L - 1));
}

/** The head with the same number, or the mean of heads (-1) if there is none; mean and rollout stay what they are. */
function headIn(head, to) {
  return head < to.H ? head : -1;
}

/** What `to` shows where `from` shows `changed`, a part of { query, pinned, here, over, layer, head, ... }. */
function partOf(changed, from, to, boxes) {
  const token = (one) => (one === null ? null : tokenIn(one, from, to, boxes));
  const translate = {
    query: token, here: token, pinned: (all) => [...new Set(all.map(token))],
    layer: (layer) => layerIn(layer, from, to), head: (head) => headIn(head, to),
    over: (map) => map && [layerIn(map[0], from, to), headIn(map[1], to)],
  };
  return Object.fromEntries(Object.entries(changed).map(([name, value]) => [name, translate[name]?.(value) ?? value]));
}
