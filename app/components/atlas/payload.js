// Bytes -> header and sections, and the shelf where pictures wait for the view that shows them.
// The files of this folder are joined in a fixed order into a module for each piece (see __init__.py).

const ARRAYS = {
  uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array,
};

/** What `payload.assemble` made: the header, with `section(name)` to get at the rest. */
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
    // A message may begin at any byte, and wider types must not: only bytes are looked at where they lie.
    if (type === Uint8Array) return new Uint8Array(bytes.buffer, start, count);
    return new type(bytes.buffer.slice(start, start + count * type.BYTES_PER_ELEMENT));
  };
  return header;
}

/**
 * Data and view are two mounts, so that a changed view never sends the data again; they meet here, by the
 * content's id. One shelf a window: browser tabs share nothing.
 */
const SHELF = (globalThis[Symbol.for("vitrine.atlas")] ??= { blobs: new Map(), views: new Set() });

/** The data mount: puts what came on the shelf and tells the views. Returns the function that takes it off again. */
function deliver(mount, bytes) {
  const header = decode(bytes);
  const name = header.of ? `${header.of}+` : header.id;
  if (mount.name && mount.name !== name) take(mount);
  if (mount.name !== name) {
    mount.name = name;
    const shelved = SHELF.blobs.get(name) ?? { users: 0 };
    shelved.users += 1;
    SHELF.blobs.set(name, shelved);
  }
  SHELF.blobs.get(name).header = header;
  for (const view of SHELF.views) view.arrived(header);
  return () => take(mount);
}

function take(mount) {
  const shelved = SHELF.blobs.get(mount.name);
  if (shelved && --shelved.users === 0) SHELF.blobs.delete(mount.name);
  mount.name = null;
}
