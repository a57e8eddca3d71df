// Numbers and sentences. Every word comes from Python and is set as text, never as markup.

// The columns beside the heads: their mean, and rollout.
const MEAN = -1;
const ROLLOUT = -2;

const two = (value) => (value >= 10 ? value.toFixed(0) : value.toFixed(1));

/** A sentence with its {braces} filled in. */
function fill(sentence, values = {}) {
  return (sentence ?? "").replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Sentences about the shown map. */
class Sentences {
  constructor(model, words) {
    Object.assign(this, { model, words });
  }

  /** A token's name. `short`: registers by their number only. */
  token(token, short = false) {
    const { model, words } = this;
    if (token >= model.p) {
      const patch = token - model.p;
      return fill(words.patch, { row: Math.floor(patch / model.cols) + 1, column: (patch % model.cols) + 1 });
    }
    const name = model.header.prefix[token];
    const numbered = name.match(/^register (\d+)$/);
    return numbered ? fill(words[short ? "register_short" : "register"], { n: numbered[1] }) : (words[name] ?? name);
  }

  query(token) {
    const name = this.token(token);
    return token < this.model.p ? fill(this.words.query_token, { token: name }) : fill(this.words.query_patch, { patch: name });
  }

  where(layer, head, first = 0) {
    const kind = layer === null ? "where_all" : head === MEAN ? "where_mean" : head === ROLLOUT ? "where_rollout" : "where_head";
    return fill(this.words[kind], { layer: layer + 1, head: head + 1, first: first + 1 });
  }

  /** What the map over the picture answers: of which query, in which layer and head. */
  title(queries, layer, head, direction, first) {
    const { words } = this;
    const kind = `${head === ROLLOUT ? "rollout_" : ""}${direction}`;
    const where = this.where(layer, head, first);
    if (queries.length > 1) return fill(words[`title_pair_${kind}`], { where });
    const [query] = queries;
    const part = direction === "row" || head === ROLLOUT ? "subject" : "object";
    const token = fill(words[`${part}_${query < this.model.p ? "token" : "patch"}`], { token: this.token(query) });
    return fill(words[`title_${kind}`], { where, query: token });
  }

  /** How many outlier tokens there are; with `rule`, also what that means. */
  outliers(rule) {
    const { words, model: { outliers, header } } = this;
    const said = fill(words[outliers.length > 1 ? "outliers_many" : "outliers_one"], { n: outliers.length });
    return rule ? `${said}: ${fill(words.outliers_rule, header.outliers)}` : said;
  }

  /** What a token's norm says, if it is an outlier token; else null. */
  outlier(token) {
    const { words, model: { outliers, p, header } } = this;
    const at = outliers.indexOf(token - p);
    if (at < 0) return null;
    const { norms, median } = header.outliers;
    return fill(words.outlier, { norm: two(norms[at]), ratio: two(norms[at] / median) });
  }

  numbers(layer, head) {
    if (head === ROLLOUT) return this.words.rollout_note;
    const { H, whole, numbers } = this.model;
    const of = (h, i) => numbers[2 * (layer * H + h) + i];
    if (head !== MEAN) return fill(this.words[whole ? "head_numbers" : "head_numbers_sampled"], { distance: two(of(head, 0)), entropy: two(of(head, 1)) });
    const all = [0, 1].map((i) => Array.from({ length: H }, (_, h) => of(h, i)).sort((x, y) => x - y));
    const [distance, entropy] = all.map((sorted) => `${two(sorted[0])}–${two(sorted.at(-1))}`);
    return fill(this.words.mean_numbers, { distance, entropy });
  }

  /** Of one map: the token with the highest weight, that weight, and the share within 2 patches of the query. */
  facts(query, root, at) {
    const { model } = this;
    let [top, near] = [0, 0];
    for (let k = 0; k < model.N; k++) if (root[at + k] > root[at + top]) top = k;
    const reach = 2;
    if (query >= model.p) {
      const [row, col] = [Math.floor((query - model.p) / model.cols), (query - model.p) % model.cols];
      for (let r = Math.max(0, row - reach); r <= Math.min(model.rows - 1, row + reach); r++)
        for (let c = Math.max(0, col - reach); c <= Math.min(model.cols - 1, col + reach); c++)
          if (Math.hypot(r - row, c - col) <= reach) near += root[at + model.p + r * model.cols + c] ** 2;
    }
    return { top, near, weight: root[at + top] ** 2 };
  }

  summary(layer, head, direction, query, facts, first) {
    const kind = head === ROLLOUT ? `summary_rollout_${direction}`
      : direction === "row" && query < this.model.p ? "summary_row_token" : `summary_${direction}`;
    return fill(this.words[kind], {
      where: this.where(layer, head, first), query: this.query(query), near: percent(facts.near),
      top: this.query(facts.top), weight: percent(facts.weight),
    });
  }
}

/** The rank of a token's weight; 1 is the largest. */
function rank(root, at, count, token) {
  let above = 1;
  for (let k = 0; k < count; k++) if (root[at + k] > root[at + token]) above++;
  return above;
}
