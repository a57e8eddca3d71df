// Files of numbers that the browser has in full; those of attention come from Python (files.py).

/** NumPy's format, version 1.0: float32 values in C order. */
function npyFile(values, shape) {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`;
  const head = `${text.padEnd(Math.ceil((10 + text.length + 1) / 64) * 64 - 11)}\n`;
  const start = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, head.length & 255, head.length >> 8];
  return new Blob([new Uint8Array(start), head, values]);
}

/** Maps (names, rows, cols) as lines of numbers, one map beneath the other; comments hold the caption and the names. */
function csvFile(values, [, rows, cols], names, caption) {
  const lines = caption.map((line) => `# ${line}`);
  names.forEach((name, i) => {
    lines.push(`# ${name}`);
    for (let row = i * rows; row < (i + 1) * rows; row++)
      lines.push([...values.subarray(row * cols, (row + 1) * cols)].map((value) => String(Number(value.toPrecision(9)))).join());
  });
  return new Blob([`${lines.join("\n")}\n`]);
}
