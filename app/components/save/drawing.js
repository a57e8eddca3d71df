// What is on screen as a drawing that becomes a PNG or an SVG: the map over the picture, the map alone, or all maps.

const PIN_COLOURS = PAIR.map((rgb) => `rgb(${rgb})`);
const [PAPER, INK] = ["#fff", "#222"]; // of all maps: the same in light and dark pages

/**
 * { width, height, scale, cells, picture?, marks, labels } in units of its own; `scale` of them are a CSS pixel on the
 * screen. A cell is a map: { x, y, w, h, rows, cols, pixels }, a 32-bit pixel for each patch. `extent`: "over", "bare" or
 * "all".
 */
function drawing(view, extent) {
  if (extent !== "all") return oneMap(view, extent === "over");
  return view.like.on ? allLayers(view) : allMaps(view);
}

function oneMap(view, over) {
  const { model, state } = view;
  const [width, height] = model.header.size;
  const scale = width / view.frame.offsetWidth;
  const features = view.features();
  const pixels = features ? features.pixels(view.selected()[0], state.foreground, over ? Number(state.opacity) : 1) : shadedMap(view, over);
  const cells = [{ x: 0, y: 0, w: width, h: height, rows: model.rows, cols: model.cols, pixels }];
  const [w, h] = [width / model.cols, height / model.rows];
  const queries = features ? state.pinned : view.shown(); // the patch that is read has no part in the features' colours
  const marks = queries.map((token, i) => ({ token, i })).filter(({ token }) => over && token >= model.p).map(({ token, i }) => ({
    x: ((token - model.p) % model.cols) * w, y: Math.floor((token - model.p) / model.cols) * h, w, h,
    colour: PIN_COLOURS[state.pinned.indexOf(token)] ?? "#fff", letter: queries.length > 1 ? "AB"[i] : "",
  }));
  return { width, height, scale, cells, marks, labels: [], picture: over ? view.parts(".picture") : null };
}

/** The pixels of the map over the picture, one a patch. */
function shadedMap({ model, map, mapTop, tables, state }, over) {
  const pixels = new Uint32Array(model.rows * model.cols);
  const difference = map.b && state.compare === "difference";
  shade(pixels, map.a, map.b, map.at + model.p, pixels.length, mapTop, over ? tables.over : tables.cell, difference);
  return pixels;
}

/** All layers and heads, with their numbers. A unit is a patch. */
function allMaps(view) {
  const { model, drawn: { a, b, n, exact }, top, tables, state, words } = view;
  const { L, C, H, p } = model;
  const factor = exact ? 1 : model.factor;
  const [rows, cols] = [Math.ceil(model.rows / factor), Math.ceil(model.cols / factor)];
  const [w, h] = [model.cols, model.rows];
  const size = 0.3 * Math.min(w, h);
  const gap = 0.25 * size;
  const [left, head] = [2 * size, 1.5 * size];
  const across = (c) => left + c * (w + gap) + 3 * gap * Math.max(0, c - H + 1);
  const down = (l) => head + l * (h + gap);
  const cells = [];
  for (let l = 0; l < L; l++)
    for (let c = 0; c < C; c++) {
      const m = l * C + c;
      const pixels = new Uint32Array(rows * cols);
      shade(pixels, a, b, m * n + p, pixels.length, top[m], tables.cell, b && state.compare === "difference");
      cells.push({ x: across(c), y: down(l), w, h, rows, cols, pixels });
    }
  const names = [...Array.from({ length: H }, (_, i) => `${i + 1}`), words.mean, words.rollout];
  const labels = [
    ...names.map((text, c) => ({ text, size, x: across(c) + w / 2, y: head - 0.4 * size, anchor: "middle" })),
    ...Array.from({ length: L }, (_, l) => ({ text: `${l + 1}`, size, x: left - 0.4 * size, y: down(l) + h / 2 + 0.35 * size, anchor: "end" })),
  ];
  const [width, height] = [across(C - 1) + w + 1.5 * size, down(L - 1) + h + 0.5 * size];
  return { width, height, scale: width / view.parts(".maps").offsetWidth, cells, marks: [], labels, paper: PAPER };
}

/** One map per layer, with their numbers, in as many columns as on the screen. A unit is a patch. */
function allLayers(view) {
  const { model: { L, rows, cols, p }, like, tables, state } = view;
  const { mosaic: { columns } } = like;
  const queries = view.shown();
  const difference = queries.length > 1 && state.compare === "difference";
  const size = 0.15 * Math.min(rows, cols);
  const [gap, head] = [0.4 * size, 1.5 * size];
  const [cells, labels] = [[], []];
  for (let l = 0; l < L; l++) {
    const [x, y] = [gap + (l % columns) * (cols + gap), head + Math.floor(l / columns) * (rows + head)];
    const map = like.map(l, queries, "small");
    const pixels = new Uint32Array(rows * cols);
    if (map) shade(pixels, map.a, map.b, p, pixels.length, map.top, tables.cell, difference);
    cells.push({ x, y, w: cols, h: rows, rows, cols, pixels });
    labels.push({ text: `${l + 1}`, size, x: x + cols / 2, y: y - 0.4 * size, anchor: "middle" });
  }
  const [width, height] = [gap + Math.min(L, columns) * (cols + gap), Math.ceil(L / columns) * (rows + head) + gap];
  return { width, height, scale: width / view.parts(".mosaic").offsetWidth, cells, marks: [], labels, paper: PAPER };
}

/** [width, height] in pixels as large as on the screen or, with `side`, with a longer side of so many. */
function sizeOf({ width, height, scale }, side) {
  const factor = side ? side / Math.max(width, height) : 1 / scale;
  return [Math.max(1, Math.round(width * factor)), Math.max(1, Math.round(height * factor))];
}

/** The frames of a mark, from below, as [colour, distance outside of the patch, line width], and its letter's size. */
const strokes = ({ colour }, scale) => [["#000", 1.9 * scale, 3.8 * scale], [colour, 1.2 * scale, 2.4 * scale]];
const LETTER_PX = 14;

function toCanvas({ width, height, scale, picture, paper, cells, marks, labels }, [wide, high]) {
  const canvas = Object.assign(document.createElement("canvas"), { width: wide, height: high });
  const context = canvas.getContext("2d");
  context.scale(wide / width, high / height);
  context.imageSmoothingQuality = "high";
  if (paper) {
    context.fillStyle = paper;
    context.fillRect(0, 0, width, height);
  }
  if (picture) context.drawImage(picture, 0, 0, width, height);
  const small = document.createElement("canvas");
  for (const { x, y, w, h, rows, cols, pixels } of cells) {
    Object.assign(small, { width: cols, height: rows });
    small.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), cols, rows), 0, 0);
    context.imageSmoothingEnabled = (w * wide) / width < cols; // else some patches would vanish
    context.drawImage(small, x, y, w, h);
  }
  for (const mark of marks) {
    const { x, y, w, h, colour, letter } = mark;
    for (const [stroke, out, lineWidth] of strokes(mark, scale)) {
      Object.assign(context, { strokeStyle: stroke, lineWidth });
      context.strokeRect(x - out, y - out, w + 2 * out, h + 2 * out);
    }
    if (!letter) continue;
    const size = LETTER_PX * scale;
    context.fillStyle = colour;
    context.fillRect(x + w / 2 - 0.65 * size, y + h / 2 - 0.65 * size, 1.3 * size, 1.3 * size);
    Object.assign(context, { fillStyle: "#000", font: `700 ${size}px sans-serif`, textAlign: "center" });
    context.fillText(letter, x + w / 2, y + h / 2 + 0.35 * size);
  }
  for (const { text, size, x, y, anchor } of labels) {
    Object.assign(context, { fillStyle: INK, font: `${size}px sans-serif`, textAlign: anchor === "end" ? "right" : "center" });
    context.fillText(text, x, y);
  }
  return canvas;
}

const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const short = (value) => Number(value.toFixed(3));

/** One path for each colour of a map, in lines of patches of that colour. */
function paths({ rows, cols, pixels }) {
  const bytes = new Uint8Array(pixels.buffer);
  const found = new Map();
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols;) {
      const [start, colour] = [c, pixels[r * cols + c]];
      while (c < cols && pixels[r * cols + c] === colour) c++;
      if (!found.has(colour)) found.set(colour, { at: 4 * (r * cols + start), d: "" });
      found.get(colour).d += `M${start} ${r}h${c - start}v1h${start - c}z`;
    }
  return [...found.values()].map(({ at, d }) => {
    const opacity = bytes[at + 3] < 255 ? ` fill-opacity="${short(bytes[at + 3] / 255)}"` : "";
    return `<path fill="rgb(${bytes.subarray(at, at + 3).join()})"${opacity} d="${d}"/>`;
  }).join("");
}

/** The drawing as SVG. `href`: the picture's address. */
function toSvg(drawn, { title, caption, href }) {
  const { width, height, scale, picture, paper, cells, marks, labels } = drawn;
  const [wide, high] = sizeOf(drawn);
  const box = (x, y, w, h) => `x="${short(x)}" y="${short(y)}" width="${short(w)}" height="${short(h)}"`;
  const text = (content, x, y, size, anchor, fill, more = "") =>
    `<text x="${short(x)}" y="${short(y)}" font-family="sans-serif" font-size="${short(size)}" text-anchor="${anchor}" fill="${fill}"${more}>${escaped(content)}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${high}" viewBox="0 0 ${short(width)} ${short(height)}">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(caption)}</desc>`,
    paper ? `<rect ${box(0, 0, width, height)} fill="${paper}"/>` : "",
    picture ? `<image ${box(0, 0, width, height)} preserveAspectRatio="none" href="${href}"/>` : "",
    ...cells.map((cell) => `<g shape-rendering="crispEdges" transform="translate(${short(cell.x)} ${short(cell.y)}) scale(${cell.w / cell.cols} ${cell.h / cell.rows})">${paths(cell)}</g>`),
    ...marks.map((mark) => {
      const { x, y, w, h, colour, letter } = mark;
      const [middle, size] = [[x + w / 2, y + h / 2], LETTER_PX * scale];
      const frames = strokes(mark, scale).map(([stroke, out, line]) => `<rect ${box(x - out, y - out, w + 2 * out, h + 2 * out)} fill="none" stroke="${stroke}" stroke-width="${short(line)}"/>`);
      return frames.join("") + (letter ? `<rect ${box(middle[0] - 0.65 * size, middle[1] - 0.65 * size, 1.3 * size, 1.3 * size)} fill="${colour}"/>`
        + text(letter, middle[0], middle[1] + 0.35 * size, size, "middle", "#000", ' font-weight="700"') : "");
    }),
    ...labels.map(({ text: content, size, x, y, anchor }) => text(content, x, y, size, anchor, INK)),
    "</svg>\n",
  ].filter(Boolean).join("\n");
}

/** A PNG file with the caption in it: a chunk iTXt, "Description", after the header. */
function withText(png, caption) {
  const body = new TextEncoder().encode(`iTXtDescription\0\0\0\0\0${caption}`); // neither compressed nor translated
  let crc = -1;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  const word = (value) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value);
    return bytes;
  };
  const header = 33; // the signature and the chunk IHDR
  return new Blob([png.subarray(0, header), word(body.length - 4), body, word(~crc), png.subarray(header)], { type: "image/png" });
}
