// Square roots of weights -> pixels. All maps are written into one canvas' image data and copied once.

const LEVELS = 1024; // steps of the root, which become 256 colours

/** 32-bit pixels by root of weight. Colour is linear in the weight, so the table squares the root. */
function table(rgba, alpha = () => 1) {
  const out = new Uint32Array(LEVELS);
  const bytes = new Uint8Array(out.buffer);
  for (let i = 0; i < LEVELS; i++) {
    const v = (i / (LEVELS - 1)) ** 2;
    const c = 4 * Math.round(255 * v);
    bytes.set([rgba[c], rgba[c + 1], rgba[c + 2], Math.round(255 * alpha(v))], 4 * i);
  }
  return out;
}

// Colours of two compared queries: orange and azure add up to white, and all colour-blind readers can tell them apart.
const PAIR = [[255, 148, 30], [40, 140, 255]];
const STEPS = 64; // shades of each in the table of both

/** (STEPS * STEPS) pixels by the roots of A and B. */
function pairTable(alpha = () => 1) {
  const out = new Uint32Array(STEPS * STEPS);
  const bytes = new Uint8Array(out.buffer);
  for (let a = 0; a < STEPS; a++)
    for (let b = 0; b < STEPS; b++) {
      const [u, v] = [(a / (STEPS - 1)) ** 2, (b / (STEPS - 1)) ** 2];
      const mix = [0, 1, 2].map((c) => Math.min(255, 18 + 0.93 * (u * PAIR[0][c] + v * PAIR[1][c])));
      bytes.set([...mix.map(Math.round), Math.round(255 * alpha(Math.max(u, v)))], 4 * (a * STEPS + b));
    }
  return out;
}

/** 256 pixels from "B has more" to "A has more", each in its query's colour as `pairTable` has it; dark where equal. */
function differenceTable(alpha = () => 1) {
  const out = new Uint32Array(256);
  const bytes = new Uint8Array(out.buffer);
  for (let i = 0; i < 256; i++) {
    const v = Math.abs(i / 127.5 - 1);
    const more = PAIR[i < 128 ? 1 : 0];
    bytes.set([...more.map((c) => Math.round(18 + 0.93 * v * c)), Math.round(255 * alpha(v))], 4 * i);
  }
  return out;
}

const overlayAlpha = (v) => 0.38 + 0.42 * v; // the picture stays legible where little attention falls

function colours(header) {
  const viridis = header.section("viridis");
  return {
    css: viridis,
    one: { cell: table(viridis), over: table(viridis, overlayAlpha) },
    difference: { cell: differenceTable(), over: differenceTable(overlayAlpha) },
    both: { cell: pairTable(), over: pairTable(overlayAlpha) },
  };
}

const differences = (a, b, from, to) => Float32Array.from({ length: to - from }, (_, i) => Math.abs(a[from + i] ** 2 - b[from + i] ** 2));

/** Where the colours of a map end, as the root of a weight: of one query, of two, or of their difference, which is no root. */
function mapEnd(a, b, from, to, difference, clip, outliers = 0) {
  if (!b) return scaleEnd(a, from, to, clip, true, outliers);
  if (difference) return scaleEnd(differences(a, b, from, to), 0, to - from, clip, false, outliers);
  return Math.max(scaleEnd(a, from, to, clip, true, outliers), scaleEnd(b, from, to, clip, true, outliers));
}

/** How many patches of a map are above `end`, in either of two queries. */
function mapAbove(a, b, from, to, difference, end) {
  if (!b) return countAbove(a, from, to, end);
  const values = difference ? differences(a, b, from, to) : Float32Array.from({ length: to - from }, (_, i) => Math.max(a[from + i], b[from + i]));
  return countAbove(values, 0, to - from, end);
}

/** The value of each map's brightest colour, (L * C). Rollout is another quantity and has a scale of its own. */
function tops(model, a, b, n, scale, difference, clip) {
  const { L, C, p } = model;
  const out = new Float32Array(L * C);
  for (let m = 0; m < L * C; m++) out[m] = mapEnd(a, b, m * n + p, (m + 1) * n, difference, clip, model.outliers.length);
  if (scale === "map") return out;
  let [heads, rolled] = [0, 0];
  const over = (first, last) => {
    [heads, rolled] = [0, 0];
    for (let m = first; m < last; m++) {
      if (m % C === C - 1) rolled = Math.max(rolled, out[m]);
      else heads = Math.max(heads, out[m]);
    }
    for (let m = first; m < last; m++) out[m] = m % C === C - 1 ? rolled : heads;
  };
  if (scale === "shared") over(0, L * C);
  else for (let l = 0; l < L; l++) over(l * C, (l + 1) * C);
  return out;
}

/** Write the colours of `count` patches, starting at `from`, into `out`: of one query, of two, or of their difference. */
function shade(out, a, b, from, count, top, tables, difference) {
  if (!b) {
    const factor = top > 0 ? (LEVELS - 1) / top : 0;
    for (let i = 0; i < count; i++) out[i] = tables[Math.min(LEVELS - 1, a[from + i] * factor + 0.5) | 0];
  } else if (difference) {
    for (let i = 0; i < count; i++) {
      const d = a[from + i] ** 2 - b[from + i] ** 2;
      const v = top > 0 ? Math.min(1, Math.abs(d) / top) : 0;
      out[i] = tables[Math.round(127.5 + (d > 0 ? 127.5 : -127.5) * v)];
    }
  } else {
    const factor = top > 0 ? (STEPS - 1) / top : 0;
    for (let i = 0; i < count; i++)
      out[i] = tables[(Math.min(STEPS - 1, a[from + i] * factor + 0.5) | 0) * STEPS + (Math.min(STEPS - 1, b[from + i] * factor + 0.5) | 0)];
  }
}

/** The canvas with all maps. */
class Sheet {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true }); // we write pixels: keep it in main memory
  }

  /** The width in CSS pixels with which L layers of maps fill a height in CSS pixels. `pitch` as in `layout`. */
  width(model, height, ratio, pitch) {
    const { w, gap, apart } = this.measure(model, Infinity, height, ratio, pitch);
    return (model.C * (w + gap) - gap + 2 * apart) / ratio;
  }

  /** The pixels of each cell and of what lies between them, in an area in CSS pixels. */
  measure(model, width, height, ratio, pitch) {
    const { L, C, rows, cols } = model;
    const gap = Math.max(1, Math.round((Math.min(width / C, height / L) > 20 ? 2 : 1) * ratio));
    const least = Math.round(8 * ratio); // before the columns for mean and rollout
    const need = Math.ceil(pitch * ratio);
    const high = ((height * ratio) / L - gap) / rows;
    const close = Math.min(high, ((width * ratio - 2 * least) / C - gap) / cols);
    const spread = Math.min(close, ((width * ratio - 2 * need + gap) / (C - 2) - gap) / cols);
    const written = spread > 0.9 * close; // else full headings would make the maps too small: they are shortened
    const step = written ? spread : close;
    const [w, h] = [cols, rows].map((count) => Math.max(3, Math.floor(step * count)));
    return { step, w, h, gap, written, apart: written ? Math.max(least, need - w - gap) : least };
  }

  /**
   * Lay out L x C cells for an area in CSS pixels, and return the sheet's size in CSS pixels. `pitch`: the distance
   * between the last columns' centres that their full headings need, in CSS pixels.
   */
  layout(model, width, height, ratio, pitch) {
    const { L, C, rows, cols } = model;
    const { step, ...cell } = this.measure(model, width, height, ratio, pitch);
    // With less than one pixel per patch, some patches would vanish: paint larger, and let the browser scale it down.
    if (step < 1 && ratio < 8) return this.layout(model, width, height, 2 * ratio, pitch);
    Object.assign(this, cell, { ratio, heads: model.H, L, C });
    const { gap } = cell;
    const size = [C * (this.w + gap) - gap + 2 * this.apart, L * (this.h + gap) - gap];
    if (this.canvas.width !== size[0] || this.canvas.height !== size[1] || !this.image) {
      [this.canvas.width, this.canvas.height] = size;
      this.canvas.style.width = `${size[0] / ratio}px`;
      this.canvas.style.height = `${size[1] / ratio}px`;
      this.image = this.context.createImageData(...size);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    this.steps = {};
    this.colour = new Uint32Array(rows * cols);
    return [size[0] / ratio, size[1] / ratio];
  }

  left(c) {
    return c * (this.w + this.gap) + this.apart * Math.max(0, c - this.heads + 1);
  }

  /** The cell's box in CSS pixels. */
  box(layer, c) {
    const [x, y] = [this.left(c), layer * (this.h + this.gap)];
    return [x, y, this.w, this.h].map((v) => v / this.ratio);
  }

  /** (layer, column) at a point of the canvas in CSS pixels; a gap belongs to the cell before it. */
  at(x, y) {
    let c = 0;
    while (c + 1 < this.C && x * this.ratio >= this.left(c + 1)) c++;
    const layer = Math.floor((y * this.ratio) / (this.h + this.gap));
    return [Math.min(Math.max(layer, 0), this.L - 1), Math.min(Math.max(c, 0), this.C - 1)];
  }

  /** The patch column and row of each pixel of a cell. */
  index(rows, cols, factor) {
    const line = (size, total) => Int16Array.from({ length: size }, (_, i) => Math.floor(Math.floor((i * total) / size) / factor));
    return (this.steps[factor] ??= { x: line(this.w, cols), y: line(this.h, rows) });
  }

  paint(model, a, b, n, exact, top, tables, difference) {
    const { w, h, gap, pixels, canvas: { width } } = this;
    const { L, C, p } = model;
    const factor = exact ? 1 : model.factor;
    const { x: across, y: down } = this.index(model.rows, model.cols, factor);
    const wide = Math.ceil(model.cols / factor);
    const { colour } = this;
    for (let l = 0; l < L; l++)
      for (let c = 0; c < C; c++) {
        const m = l * C + c;
        shade(colour, a, b, m * n + p, n - p, top[m], tables, difference);
        let at = l * (h + gap) * width + this.left(c);
        for (let y = 0, last = -1; y < h; y++, at += width) {
          if (down[y] === last) pixels.copyWithin(at, at - width, at - width + w);
          else {
            last = down[y];
            for (let x = 0, from = last * wide; x < w; x++) pixels[at + x] = colour[from + across[x]];
          }
        }
      }
    this.context.putImageData(this.image, 0, 0);
  }
}

/** The map over the picture: one pixel per patch, enlarged by the browser without smoothing. */
class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
  }

  fit(rows, cols) {
    if (this.canvas.width === cols && this.canvas.height === rows && this.image) return;
    [this.canvas.width, this.canvas.height] = [cols, rows];
    this.image = this.context.createImageData(cols, rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  paint(rows, cols, a, b, from, top, tables, difference) {
    this.fit(rows, cols);
    shade(this.pixels, a, b, from, rows * cols, top, tables, difference);
    this.context.putImageData(this.image, 0, 0);
  }

  /** Show 32-bit pixels, one a patch. */
  show(rows, cols, pixels) {
    this.fit(rows, cols);
    this.pixels.set(pixels);
    this.context.putImageData(this.image, 0, 0);
  }
}
