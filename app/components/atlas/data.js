// The data mount. Streamlit calls this with the same parent whenever the bytes changed, and the function returned last
// when the mount is removed.

const MOUNTS = new WeakMap();

export default function ({ data, parentElement }) {
  if (!(data instanceof Uint8Array)) return;
  let mount = MOUNTS.get(parentElement);
  if (!mount) MOUNTS.set(parentElement, (mount = {}));
  return deliver(mount, data);
}
