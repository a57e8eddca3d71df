// One small map per layer, in the place of the maps of all heads: as many columns as make the maps largest.

const MOSAIC_GAP = 8; // between the maps, CSS pixels
const MOSAIC_LABEL = 21; // above each map

const EMPTY = "rgb(128 128 128 / 0.15)"; // a map that has not come

class Mosaic {
  constructor(element) {
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.small = new Overlay(document.createElement("canvas")); // one map, a pixel for each patch
  }

  /** Lay out the maps in an area in CSS pixels. `name(layer, short)`: a map's label. Returns the width that they take. */
  layout({ L, rows, cols }, width, height, ratio, name) {
    const size = (columns) => Math.min(
      (width - MOSAIC_GAP * (columns - 1)) / columns / cols,
      ((height + MOSAIC_GAP) / Math.ceil(L / columns) - MOSAIC_GAP - MOSAIC_LABEL) / rows,
    );
    this.columns = 1;
    for (let columns = 2; columns <= L; columns++) if (size(columns) > size(this.columns)) this.columns = columns;
    const step = Math.max(size(this.columns), 8 / Math.max(rows, cols));
    Object.assign(this, { L, ratio, w: Math.round(step * cols), h: Math.round(step * rows) });
    const [across, down] = [this.columns * (this.w + MOSAIC_GAP) - MOSAIC_GAP, Math.ceil(L / this.columns) * (this.h + MOSAIC_LABEL + MOSAIC_GAP) - MOSAIC_GAP];
    Object.assign(this.canvas, { width: Math.round(across * ratio), height: Math.round(down * ratio) });
    Object.assign(this.canvas.style, { width: `${across}px`, height: `${down}px` });
    this.labels = Array.from({ length: L }, (_, layer) => {
      const [x, y, w] = this.box(layer);
      const label = Object.assign(document.createElement("span"), { textContent: name(layer, w < 64) });
      Object.assign(label.style, { left: `${x}px`, top: `${y - MOSAIC_LABEL}px`, width: `${w}px` });
      return label;
    });
    this.element.querySelector(".names").replaceChildren(...this.labels);
    return across;
  }

  /** The box of a layer's map in CSS pixels. */
  box(layer) {
    const [row, column] = [Math.floor(layer / this.columns), layer % this.columns];
    return [column * (this.w + MOSAIC_GAP), row * (this.h + MOSAIC_LABEL + MOSAIC_GAP) + MOSAIC_LABEL, this.w, this.h];
  }

  /** The layer at a point in CSS pixels; a gap belongs to the map before it, a label to the map below it. */
  at(x, y) {
    const column = Math.min(this.columns - 1, Math.max(0, Math.floor(x / (this.w + MOSAIC_GAP))));
    const row = Math.max(0, Math.floor(y / (this.h + MOSAIC_LABEL + MOSAIC_GAP)));
    return Math.min(this.L - 1, row * this.columns + column);
  }

  /** Draw one map; without values, an empty one. */
  paint(layer, { rows, cols, p }, map, tables, difference) {
    const [x, y, w, h] = this.box(layer).map((value) => Math.round(value * this.ratio));
    this.context.clearRect(x, y, w, h);
    if (!map) {
      this.context.fillStyle = EMPTY;
      return this.context.fillRect(x, y, w, h);
    }
    this.small.paint(rows, cols, map.a, map.b, p, map.top, tables, difference);
    this.context.imageSmoothingEnabled = w < cols; // else some patches would vanish
    this.context.drawImage(this.small.canvas, x, y, w, h);
  }

  /** Frame the chosen map and the one under the pointer (null: none), and mark the shown one's label. */
  frame(chosen, over) {
    for (const [selector, layer] of [[".chosen", chosen], [".over", over]]) {
      const { style } = this.element.querySelector(selector);
      style.visibility = layer === null ? "hidden" : "visible";
      if (layer === null) continue;
      const [x, y, w, h] = this.box(layer);
      Object.assign(style, { transform: `translate(${x}px, ${y}px)`, width: `${w}px`, height: `${h}px` });
    }
    this.labels.forEach((label, layer) => label.toggleAttribute("data-on", layer === (over ?? chosen)));
  }
}
