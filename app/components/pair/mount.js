// The pair's mount. Streamlit calls this with the same parent whenever words or view changed, and the function returned
// last when the mount is removed.

const MOUNTS = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".pair");
  if (!root || !data) return;
  let pair = MOUNTS.get(parentElement);
  if (pair?.root !== root) {
    pair?.dispose();
    MOUNTS.set(parentElement, (pair = new Pair(root)));
  }
  pair.render(data, setStateValue);
  return () => {
    pair.dispose();
    MOUNTS.delete(parentElement);
  };
}
