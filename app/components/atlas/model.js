// One picture's attention: every map of a query, as square roots of weights. The payload holds roots; the colour tables
// square them.

const MAX_HOVER_PRODUCTS = 6e6; // multiplications while the pointer moves
const MAX_TABLE_PRODUCTS = 4e8; // multiplications for a table of all rollouts, in the background
const MAX_EXACT_QUERIES = 24; // queries whose exact maps are cached
const MAX_FOCUS_BYTES = 48e6; // of whole heads that are cached

class Attention {
  constructor(header) {
    Object.assign(this, { header, id: header.id, L: header.layers, H: header.heads, C: header.heads + 2 });
    this.N = header.tokens;
    this.p = header.prefix.length;
    [this.rows, this.cols] = header.grid;
    this.factor = header.factor;
    this.whole = this.factor === 1;
    this.mapRows = Math.ceil(this.rows / this.factor);
    this.mapCols = Math.ceil(this.cols / this.factor);
    this.n = this.p + this.mapRows * this.mapCols; // tokens of the payload's maps; N if they are exact
    this.weights = header.section("weights");
    this.scale = header.section("scale");
    this.root = this.scale.map(Math.sqrt);
    this.numbers = header.section("numbers");
    this.residual = 0.5;
    this.version = 0; // changes when earlier maps become invalid
    this.maps = new Map(); // "query direction" -> exact roots (L, C, N), when not whole
    this.focus = new Map(); // "layer head" -> { bytes, root }, when not whole
    this.outliers = header.outliers.patches;
    this.share = this.#share();
    this.mean = this.#mean();
    this.table = null;
    this.filled = [{}, {}];
  }

  /** The number of patches that each token of a coarse map stands for. */
  #share() {
    const share = new Float32Array(this.n).fill(1);
    if (this.whole) return share;
    const span = (i, total) => Math.min(this.factor, total - i * this.factor);
    for (let r = 0; r < this.mapRows; r++)
      for (let c = 0; c < this.mapCols; c++)
        share[this.p + r * this.mapCols + c] = span(r, this.rows) * span(c, this.cols);
    return share;
  }

  /** Head means (L, n, n), whose rows sum to one. With few heads, rounding errors do not average out: they are sent. */
  #mean() {
    const { L, H, n, share } = this;
    const mean = new Float32Array(L * n * n);
    const sent = this.header.section("mean");
    if (sent?.length) {
      const scale = this.header.section("mean_scale");
      for (let r = 0, i = 0; r < L * n; r++) for (let k = 0; k < n; k++, i++) mean[i] = scale[r] * sent[i] * sent[i];
      return mean;
    }
    const square = Float32Array.from({ length: 256 }, (_, b) => b * b);
    for (let l = 0; l < L; l++)
      for (let h = 0; h < H; h++)
        for (let q = 0; q < n; q++) {
          const row = (l * H + h) * n + q;
          const scale = this.scale[row] / H;
          for (let k = 0, i = row * n, o = (l * n + q) * n; k < n; k++) mean[o++] += scale * square[this.weights[i++]];
        }
    if (!this.whole) for (let i = 0; i < mean.length; i++) mean[i] *= share[i % n];
    return mean;
  }

  /** Compute the rollouts of all tokens at all depths in small steps, so that the page stays responsive; then call `done`. */
  prepare(done) {
    const { L, n, mean, residual: r } = this;
    const run = ++this.version;
    this.table = null;
    if (L * n ** 3 > MAX_TABLE_PRODUCTS) return;
    const table = new Float32Array(L * n * n);
    const step = (l, from) => {
      if (run !== this.version) return; // the residual or the picture has changed
      const until = Math.min(n, from + Math.ceil(3e6 / (n * n)));
      const size = n * n;
      for (let q = from; q < until; q++) {
        const out = table.subarray(l * size + q * n, l * size + q * n + n);
        if (l === 0) out[q] = r;
        else for (let k = 0, i = (l - 1) * size + q * n; k < n; k++) out[k] = r * table[i++];
        for (let j = 0; j < n; j++) {
          const a = (1 - r) * mean[l * size + q * n + j];
          if (a < 1e-9) continue;
          if (l === 0) out[j] += a;
          else for (let k = 0, i = (l - 1) * size + j * n; k < n; k++) out[k] += a * table[i++];
        }
      }
      if (until < n) setTimeout(step, 0, l, until);
      else if (l + 1 < L) setTimeout(step, 0, l + 1, 0);
      else {
        this.table = table;
        this.version++;
        this.#fillRollouts();
        done();
      }
    };
    setTimeout(step, 0, 0, 0);
  }

  dispose() {
    this.version = Infinity;
  }

  /** The rollouts of one token of the maps, at every depth, (L, n). */
  rollouts(token, direction) {
    const { L, n, mean, residual: r, table } = this;
    const out = new Float32Array(L * n);
    if (table) {
      for (let l = 0; l < L; l++)
        for (let k = 0; k < n; k++) out[l * n + k] = table[direction === "row" ? (l * n + token) * n + k : (l * n + k) * n + token];
      return out;
    }
    if (direction === "column") { // carry one vector upwards
      let below = new Float32Array(n);
      below[token] = 1;
      for (let l = 0; l < L; l++) {
        for (let q = 0; q < n; q++) {
          let sum = 0;
          for (let k = 0, i = (l * n + q) * n; k < n; k++) sum += mean[i++] * below[k];
          out[l * n + q] = r * below[q] + (1 - r) * sum;
        }
        below = out.subarray(l * n, l * n + n);
      }
      return out;
    }
    for (let l = 0; l < L; l++) out[l * n + token] = 1;
    for (let l = L - 1; l >= 0; l--) // carry the rows of all depths downwards; that of depth d starts at layer d
      for (let d = l; d < L; d++) {
        const row = out.slice(d * n, d * n + n);
        for (let k = 0; k < n; k++) out[d * n + k] = r * row[k];
        for (let q = 0; q < n; q++) {
          const a = (1 - r) * row[q];
          if (a < 1e-9) continue;
          for (let k = 0, i = (l * n + q) * n, o = d * n; k < n; k++) out[o++] += a * mean[i++];
        }
      }
    return out;
  }

  /** The token of the payload's maps that a token of the picture belongs to. */
  coarse(token) {
    if (this.whole || token < this.p) return token;
    const patch = token - this.p;
    const [row, col] = [Math.floor(patch / this.cols), patch % this.cols];
    return this.p + Math.floor(row / this.factor) * this.mapCols + Math.floor(col / this.factor);
  }

  /** All maps of one query: { root: (L, C, n or N), exact }. `slot`: 0 or 1, for two compared queries. */
  all(query, direction, slot = 0, coarse = false) {
    const exact = this.whole || coarse ? null : this.maps.get(this.mapKey(query, direction));
    if (exact) return { root: exact, exact: true };
    const { L, H, C, n } = this;
    const filled = this.filled[slot];
    const key = `${this.coarse(query)} ${direction} ${this.version}`;
    if (filled.key === key) return filled;
    const root = (filled.root ??= new Float32Array(L * C * n));
    const token = this.coarse(query);
    for (let l = 0; l < L; l++)
      for (let h = 0; h < H; h++) {
        const first = (l * H + h) * n;
        let o = (l * C + h) * n;
        if (direction === "row") {
          const factor = this.root[first + token];
          for (let k = 0, i = (first + token) * n; k < n; k++) root[o++] = this.weights[i++] * factor;
        } else for (let q = 0, i = first * n + token; q < n; q++, i += n) root[o++] = this.weights[i] * this.root[first + q];
      }
    const direct = this.table || direction === "column" || (L * (L + 1) / 2) * n * n <= MAX_HOVER_PRODUCTS;
    const rolled = direct ? this.rollouts(token, direction) : null;
    for (let l = 0; l < L; l++)
      for (let k = 0; k < n; k++) {
        const i = direction === "row" ? (l * n + token) * n + k : (l * n + k) * n + token;
        const by = this.share[direction === "row" ? k : token];
        root[(l * C + H) * n + k] = Math.sqrt(this.mean[i] / by);
        root[(l * C + H + 1) * n + k] = rolled ? Math.sqrt(rolled[l * n + k] / by) : 0;
      }
    return Object.assign(filled, { key, root, exact: this.whole });
  }

  /** One exact map (N) of a query, or null if it is not here. */
  one(layer, head, query, direction) {
    const key = this.mapKey(query, direction);
    const c = this.column(head);
    const maps = this.maps.get(key);
    if (maps && (head !== ROLLOUT || this.rolled(query, direction))) return maps.subarray((layer * this.C + c) * this.N, (layer * this.C + c + 1) * this.N);
    const focus = this.focus.get(`${layer} ${head}`);
    if (!focus) return null;
    const { N } = this;
    const out = (this.single ??= [new Float32Array(N), new Float32Array(N)])[(this.slot = 1 - (this.slot ?? 0))];
    for (let k = 0; k < N; k++)
      out[k] = direction === "row" ? focus.bytes[query * N + k] * focus.root[query] : focus.bytes[k * N + query] * focus.root[k];
    return out;
  }

  column(head) {
    return head === MEAN ? this.H : head === ROLLOUT ? this.H + 1 : head;
  }

  mapKey(query, direction) {
    return `${query} ${direction}`;
  }

  /** Store Python's answer to a request. */
  learn(answer) {
    const { want } = answer;
    this.learned = (this.learned ?? 0) + 1;
    const store = (map, key, value) => {
      map.delete(key);
      map.set(key, value); // a Map is in order of insertion: the first key is the oldest
    };
    if (answer.section("maps")) {
      const { L, H, C, N } = this;
      const root = new Float32Array(L * C * N);
      const unpack = (name, columns, first) => {
        const packed = answer.section(name);
        const scale = answer.section(`${name}_scale`).map(Math.sqrt);
        for (let m = 0, i = 0; m < L * columns; m++)
          for (let k = 0, o = (Math.floor(m / columns) * C + first + (m % columns)) * N; k < N; k++) root[o++] = packed[i++] * scale[m];
      };
      unpack("maps", H + 1, 0);
      if (want.rolled) unpack("rolled", 1, H + 1);
      else this.#coarseRollout(root, want);
      store(this.maps, this.mapKey(want.query, want.direction), Object.assign(root, { rolled: want.rolled, residual: want.residual }));
      while (this.maps.size > MAX_EXACT_QUERIES) this.maps.delete(this.maps.keys().next().value);
    }
    if (answer.section("focus")) {
      const bytes = answer.section("focus");
      const root = answer.section("focus_scale").map(Math.sqrt);
      const size = this.N * this.N;
      answer.section("focus_heads").forEach((head, i) => {
        const entry = { bytes: bytes.slice(i * size, (i + 1) * size), root: root.slice(i * this.N, (i + 1) * this.N) };
        store(this.focus, `${want.focus[0]} ${head}`, entry);
      });
      while (this.focus.size * size > MAX_FOCUS_BYTES) this.focus.delete(this.focus.keys().next().value);
    }
  }

  /** Fill in rollouts from the coarse maps until exact ones are requested, which need every layer's attention. */
  #coarseRollout(root, { query, direction }) {
    const coarse = this.all(query, direction, 0, true).root;
    for (let l = 0; l < this.L; l++)
      for (let k = 0, m = l * this.C + this.H + 1; k < this.N; k++) root[m * this.N + k] = coarse[m * this.n + this.coarse(k)];
  }

  /** Fill in the rollouts of exact maps that came before the table was computed. */
  #fillRollouts() {
    for (const [key, root] of this.maps) {
      const [query, direction] = key.split(" ");
      if (!root.rolled) this.#coarseRollout(root, { query: Number(query), direction });
    }
  }

  /** Whether the rollout of this query is exact at the present residual. */
  rolled(query, direction) {
    const maps = this.maps.get(this.mapKey(query, direction));
    return Boolean(maps?.rolled && maps.residual === this.residual);
  }

  /** Distance in patches between two tokens; null if one is a prefix token. */
  distance(a, b) {
    if (a < this.p || b < this.p) return null;
    const [i, j] = [a - this.p, b - this.p];
    return Math.hypot(Math.floor(i / this.cols) - Math.floor(j / this.cols), (i % this.cols) - (j % this.cols));
  }
}
