// Reads the binaries of binary.py. Each component's component.py joins its scripts, this one first, into one module.

const ARRAYS = {
  int8: Int8Array, uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array,
};

/** The header of a binary; its `section(name)` returns a typed array, or null. */
function decode(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const entries = new Map(header.sections.map((entry) => [entry.name, entry]));
  header.section = (name) => {
    const entry = entries.get(name);
    if (!entry) return null;
    const type = ARRAYS[entry.dtype];
    const count = entry.shape.reduce((a, b) => a * b, 1);
    const start = bytes.byteOffset + 4 + length + entry.offset;
    // A message may begin at any byte, but wider types need aligned memory: all but bytes are copied.
    if (type.BYTES_PER_ELEMENT === 1) return new type(bytes.buffer, start, count);
    return new type(bytes.buffer.slice(start, start + count * type.BYTES_PER_ELEMENT));
  };
  return header;
}
