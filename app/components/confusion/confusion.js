// The confusion matrix: rows are labels, columns are predictions. Only errors use the colour scale; the diagonal is grey,
// or its large values would take up the whole scale. Colours follow the square root of the value, so that single errors
// are visible; the scale below the matrix has the numbers.

const MAX_NAMED = 24; // classes whose names fit beside the cells, and their numbers into them
const MATRICES = new WeakMap();

const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);

class Matrix {
  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector(".place canvas");
    this.readout = root.querySelector(".read");
    this.canvas.onpointermove = (e) => this.point(this.cellAt(e), true);
    this.canvas.onpointerleave = () => this.point(null);
    this.canvas.onclick = (e) => this.pick(this.cellAt(e));
    this.canvas.onkeydown = (e) => this.onKey(e);
    this.canvas.onwheel = (e) => {
      if (!e.ctrlKey || !this.big) return; // the wheel alone scrolls the page
      e.preventDefault();
      this.zoom(e.deltaY < 0 ? 0.5 : 2, this.cellAt(e));
    };
    root.querySelector(".in").onclick = () => this.zoom(0.5, this.at);
    root.querySelector(".out").onclick = () => this.zoom(2, this.at);
    root.querySelector(".all").onclick = () => this.zoom(Infinity);
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(root);
  }

  show(header, send) {
    this.send = send;
    if (this.header?.id === header.id) return;
    const same = this.header && this.header.columns.length === header.columns.length;
    this.header = header;
    this.height = header.rows.length;
    this.width = header.columns.length;
    this.big = Math.max(this.width, this.height) > MAX_NAMED;
    if (!same) {
      this.view = { x: 0, y: 0, size: Math.max(this.width, this.height) };
      this.at = null;
    }
    for (const name of ["row", "column", "count", "value", "total", "colours"]) this[name] = header.section(name);
    this.cells = new Map(); // place -> index
    this.top = 0;
    for (let i = 0; i < this.row.length; i++) {
      this.cells.set(this.row[i] * this.width + this.column[i], i);
      if (!this.right(this.row[i], this.column[i])) this.top = Math.max(this.top, this.value[i]);
    }
    this.drawingOrder = [...this.row.keys()].sort((a, b) => this.value[a] - this.value[b]); // the largest last
    const { words } = header;
    this.root.querySelector(".axis").textContent = words.axes;
    this.canvas.ariaLabel = words.label;
    this.root.querySelector(".zoom").hidden = !this.big;
    for (const [name, word] of [["in", words.in], ["out", words.out], ["all", words.all]]) {
      const button = this.root.querySelector(`.${name}`);
      button.title = button.ariaLabel = word;
    }
    this.scale();
    this.draw();
    this.describe();
  }

  right(row, column) {
    return this.header.rows[row] === this.header.columns[column];
  }

  text(value) {
    if (!this.header.share) return Math.round(value).toLocaleString("en");
    return percent(value);
  }

  colour(value) {
    const step = 3 * Math.round(255 * Math.sqrt(Math.min(1, this.top ? value / this.top : 0)));
    return [this.colours[step], this.colours[step + 1], this.colours[step + 2]];
  }

  scale() {
    const canvas = this.root.querySelector(".scale canvas");
    canvas.width = 256;
    canvas.height = 1;
    const pen = canvas.getContext("2d");
    for (let i = 0; i < 256; i++) {
      pen.fillStyle = `rgb(${this.colours.subarray(3 * i, 3 * i + 3).join(",")})`;
      pen.fillRect(i, 0, 1, 1);
    }
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((place) => {
      const span = document.createElement("span");
      span.textContent = this.text(this.top * place * place);
      return span;
    });
    this.root.querySelector(".ticks").replaceChildren(...ticks);
  }

  /** Sizes and offsets in CSS pixels. */
  layout() {
    const full = this.canvas.clientWidth;
    this.left = this.big ? 0 : Math.min(0.27 * full, 130);
    this.head = this.big ? 0 : Math.min(0.2 * full, 92);
    this.cell = (full - this.left - (this.big ? 0 : 34)) / (this.big ? this.view.size : this.width);
    this.tall = this.head + this.cell * (this.big ? Math.min(this.view.size, this.height) : this.height);
  }

  draw() {
    if (!this.header || !this.canvas.clientWidth) return;
    this.layout();
    const { canvas, cell, left, head, view } = this;
    const ratio = window.devicePixelRatio || 1;
    canvas.style.height = `${this.tall}px`;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(this.tall * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const ink = getComputedStyle(this.root).color;
    const ground = this.colour(0);
    const gap = this.big ? 0 : 1;
    const wide = Math.min(this.width - view.x, this.big ? view.size : this.width);
    const high = Math.min(this.height - view.y, this.big ? view.size : this.height);
    pen.fillStyle = `rgb(${ground})`;
    pen.fillRect(left, head, wide * cell, high * cell);
    for (const [x, y, across, down] of this.blanks(wide, high)) pen.clearRect(left + x * cell, head + y * cell, across * cell, down * cell);
    const least = Math.max(cell - gap, this.big ? 1.5 : 0);
    for (const i of this.drawingOrder) {
      const x = this.column[i] - view.x;
      const y = this.row[i] - view.y;
      if (x < 0 || y < 0 || x >= wide || y >= high) continue;
      const right = this.right(this.row[i], this.column[i]);
      const rgb = right ? [120, 132, 138] : this.colour(this.value[i]);
      pen.fillStyle = `rgb(${rgb})`;
      pen.fillRect(left + x * cell, head + y * cell, least, least);
      if (cell > 19) {
        const light = 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2] > 115;
        pen.fillStyle = light ? "#000" : "#fff";
        pen.font = `${Math.min(15, cell / 2.4)}px ${getComputedStyle(this.root).fontFamily}`;
        pen.textAlign = "center";
        pen.textBaseline = "middle";
        const text = this.text(this.value[i]).replace("\u00a0%", "");
        if (pen.measureText(text).width < cell) pen.fillText(text, left + (x + 0.5) * cell, head + (y + 0.5) * cell);
      }
    }
    if (!this.big) this.names(pen, ink);
    this.marks(pen);
  }

  /** Rows and columns in view whose shares are undefined (of no pictures), as [x, y, width, height]. */
  blanks(wide, high) {
    const { view, header: { blank } } = this;
    return [...blank.rows.map((r) => [0, r - view.y, wide, 1]).filter(([, y]) => y >= 0 && y < high),
      ...blank.columns.map((c) => [c - view.x, 0, 1, high]).filter(([x]) => x >= 0 && x < wide)];
  }

  names(pen, ink) {
    const { cell, left, head, header } = this;
    pen.fillStyle = ink;
    pen.font = `${Math.max(10, Math.min(14, cell * 0.62))}px ${getComputedStyle(this.root).fontFamily}`;
    pen.textBaseline = "middle";
    header.rowNames.forEach((name, i) => {
      pen.textAlign = "right";
      pen.fillText(this.shorten(pen, name, left - 8), left - 6, head + (i + 0.5) * cell);
    });
    header.columnNames.forEach((name, i) => {
      pen.save();
      pen.translate(left + (i + 0.5) * cell, head - 6);
      pen.rotate(-Math.PI / 2.6);
      pen.textAlign = "left";
      pen.fillText(this.shorten(pen, name, head), 0, 0);
      pen.restore();
    });
  }

  shorten(pen, name, width) {
    if (pen.measureText(name).width <= width) return name;
    const letters = [...name];
    while (letters.length > 1 && pen.measureText(`${letters.join("")}…`).width > width) letters.pop();
    return `${letters.join("")}…`;
  }

  marks(pen) {
    const [label, predicted] = this.header.chosen;
    const row = label === null ? null : this.header.rows.indexOf(label);
    const column = predicted === null ? null : this.header.columns.indexOf(predicted);
    if (row !== null || column !== null) this.frame(pen, row, column, "#fff", 3);
    if (this.at) this.frame(pen, ...this.at, "#fff", 1.5);
  }

  frame(pen, row, column, colour, width) {
    const { cell, left, head, view } = this;
    const size = this.big ? view.size : null;
    const x = column === null ? left : left + (column - view.x) * cell;
    const y = row === null ? head : head + (row - view.y) * cell;
    const wide = column === null ? cell * (size ?? this.width) : Math.max(cell, 5);
    const high = row === null ? cell * (size ?? this.height) : Math.max(cell, 5);
    for (const [ink, line] of [["#000", width + 3], [colour, width]]) {
      pen.strokeStyle = ink;
      pen.lineWidth = line;
      pen.strokeRect(x, y, wide, high);
    }
  }

  /** [row, column] under the pointer; among very small cells, the one nearby with the largest error. Row or column is
   *  null over the names beside the matrix. */
  cellAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    const column = x < this.left ? null : Math.floor((x - this.left) / this.cell) + this.view.x;
    const row = y < this.head ? null : Math.floor((y - this.head) / this.cell) + this.view.y;
    if ((row === null && column === null) || row >= this.height || column >= this.width) return null;
    if (row === null || column === null || this.cell > 6) return [row, column];
    const reach = Math.ceil(4 / this.cell);
    let best = [row, column];
    let most = -1;
    for (let r = Math.max(0, row - reach); r <= Math.min(this.height - 1, row + reach); r++) {
      for (let c = Math.max(0, column - reach); c <= Math.min(this.width - 1, column + reach); c++) {
        const i = this.cells.get(r * this.width + c);
        const found = i === undefined ? -1 : this.right(r, c) ? 0 : this.value[i];
        if (found > most) [most, best] = [found, [r, c]];
      }
    }
    return best;
  }

  point(cell) {
    if (String(cell) === String(this.at)) return;
    this.at = cell;
    this.draw();
    this.describe();
  }

  describe() {
    const { words, rowNames, columnNames, blank } = this.header;
    if (!this.at) {
      this.readout.textContent = words.hint;
      return;
    }
    const [row, column] = this.at;
    const i = this.cells.get(row * this.width + column);
    const none = blank.rows.includes(row) || blank.columns.includes(column);
    const sentence = row === null ? words.column : column === null ? words.row : words.cell;
    this.readout.textContent = fill(sentence, {
      label: rowNames[row], predicted: columnNames[column], count: (i === undefined ? 0 : this.count[i]).toLocaleString("en"),
      value: none ? "–" : this.text(i === undefined ? 0 : this.value[i]), total: (this.total[row] ?? 0).toLocaleString("en"),
    });
  }

  pick(cell) {
    const { rows, columns, chosen } = this.header;
    if (!cell) return;
    const named = [cell[0] === null ? null : rows[cell[0]], cell[1] === null ? null : columns[cell[1]]];
    this.send(String(named) === String(chosen) ? [null, null] : named); // a second click clears the choice
  }

  onKey(event) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (steps[event.key]) {
      const [row, column] = this.at?.every((n) => n !== null) ? this.at : [this.view.y, this.view.x - 1];
      const next = [row + steps[event.key][0], column + steps[event.key][1]];
      next[0] = Math.min(this.height - 1, Math.max(0, next[0]));
      next[1] = Math.min(this.width - 1, Math.max(0, next[1]));
      this.follow(next);
      this.point(next);
    } else if (event.key === "Enter" || event.key === " ") this.pick(this.at);
    else if (event.key === "Escape") this.send([null, null]);
    else if (event.key === "+" && this.big) this.zoom(0.5, this.at);
    else if (event.key === "-" && this.big) this.zoom(2, this.at);
    else return;
    event.preventDefault();
  }

  follow([row, column]) {
    const { view } = this;
    if (!this.big) return;
    view.x = Math.min(Math.max(view.x, column - view.size + 1), column);
    view.y = Math.min(Math.max(view.y, row - view.size + 1), row);
  }

  zoom(factor, about) {
    const most = Math.max(this.width, this.height);
    const size = Math.min(most, Math.max(8, Math.round(this.view.size * factor)));
    const middle = about?.every((n) => n !== null) ? about
      : [this.view.y + this.view.size / 2, this.view.x + this.view.size / 2];
    const place = (centre, length) => Math.round(Math.max(0, Math.min(length - size, centre - size / 2)));
    this.view = { size, y: place(middle[0], this.height), x: place(middle[1], this.width) };
    this.draw();
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".confusion");
  if (!root || !(data instanceof Uint8Array)) return;
  let matrix = MATRICES.get(root);
  if (!matrix) {
    MATRICES.set(root, (matrix = new Matrix(root)));
    root.matrix = matrix;
  }
  matrix.show(decode(data), (cell) => setTriggerValue("pick", cell));
  return () => {
    matrix.watcher.disconnect();
    MATRICES.delete(root);
  };
}
