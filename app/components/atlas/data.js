// What Streamlit calls for a data mount, with its bytes: again with the same parent whenever they changed, and the last
// returned function at the end.

const MOUNTS = new WeakMap();

export default function ({ data, parentElement }) {
  if (!(data instanceof Uint8Array)) return;
  let mount = MOUNTS.get(parentElement);
  if (!mount) MOUNTS.set(parentElement, (mount = {}));
  return deliver(mount, data);
}
