// One picture's features, as int8 directions (similarity.py), and the cosines between them.

const MAX_FEATURE_BYTES = 128e6; // of all facets that are kept

class Features {
  constructor(model) {
    this.N = model.N;
    this.L = model.L;
    this.p = model.p;
    this.layers = new Map(); // "facet layer" -> { rows: (N, D) int8, scale: (N) }
    this.tooLarge = false; // whether one layer exceeds what Python sends at once
    this.version = 0; // changes with each answer
  }

  get(facet, layer) {
    return this.layers.get(`${facet} ${layer}`);
  }

  /** The layers of a facet that are not here, the nearest to `layer` first. */
  missing(facet, layer) {
    const all = Array.from({ length: this.L }, (_, l) => l).filter((l) => !this.get(facet, l));
    return all.sort((a, b) => Math.abs(a - layer) - Math.abs(b - layer));
  }

  /** Store Python's answer. */
  learn(header) {
    const { facet, layers, too_large: tooLarge } = header.like;
    this.tooLarge = tooLarge;
    this.version++;
    if (!layers.length) return;
    const [rows, scales] = [header.section("features"), header.section("scales")];
    const size = rows.length / layers.length;
    layers.forEach((layer, i) => this.layers.set(`${facet} ${layer}`, {
      rows: rows.subarray(i * size, (i + 1) * size), scale: scales.subarray(i * this.N, (i + 1) * this.N),
    }));
    const others = [...this.layers.keys()].filter((key) => !key.startsWith(facet));
    while (this.layers.size * size > MAX_FEATURE_BYTES && others.length) this.layers.delete(others.shift());
  }

  /** The direction of one token's feature (D), in any unit: what `cosines` compares with. */
  vector(facet, layer, token) {
    const { rows } = this.get(facet, layer);
    const width = rows.length / this.N;
    return rows.subarray(token * width, (token + 1) * width);
  }

  /** The cosine of `vector`, of this picture or of another of the same model, to every token: `out`, (N). */
  cosines(facet, layer, vector, out = new Float32Array(this.N)) {
    const { rows, scale } = this.get(facet, layer);
    const { N } = this;
    const v = Float64Array.from(vector); // faster than integers, and as exact
    const D = v.length;
    const unit = 1 / (Math.sqrt(v.reduce((sum, x) => sum + x * x, 0)) || 1);
    let n = 0;
    for (; n + 4 <= N; n += 4) { // four rows for each number of the vector
      const i = n * D;
      let [a, b, c, d] = [0, 0, 0, 0];
      for (let k = 0; k < D; k++) {
        const x = v[k];
        a += rows[i + k] * x;
        b += rows[i + D + k] * x;
        c += rows[i + 2 * D + k] * x;
        d += rows[i + 3 * D + k] * x;
      }
      out[n] = a * unit * scale[n];
      out[n + 1] = b * unit * scale[n + 1];
      out[n + 2] = c * unit * scale[n + 2];
      out[n + 3] = d * unit * scale[n + 3];
    }
    for (; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < D; k++) sum += rows[n * D + k] * v[k];
      out[n] = sum * unit * scale[n];
    }
    return out;
  }

  /** The cosines of one token to every token, (N); 1 to itself. A feature of zeros is like none: 0. */
  similarity(facet, layer, token, out) {
    const found = this.cosines(facet, layer, this.vector(facet, layer, token), out);
    if (found[token]) found[token] = 1;
    return found;
  }
}

/** Of the patches' cosines (N, prefix first) without those of `queries`: lowest, highest, mean, and the first highest. */
function spread(cosines, p, queries) {
  let [low, high, sum, count, top] = [Infinity, -Infinity, 0, 0, null];
  for (let k = p; k < cosines.length; k++) {
    if (queries.includes(k)) continue;
    const value = cosines[k];
    if (value < low) low = value;
    if (value > high) [high, top] = [value, k];
    sum += value;
    count++;
  }
  return count ? { low, high, mean: sum / count, top } : { low: 0, high: 1, mean: null, top: null };
}
