// What Streamlit calls: with bytes for the data mounts, with the words and the view for the piece itself.
// It calls again with the same parent whenever something changed, and the last returned function at the end.

const MOUNTS = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  let mount = MOUNTS.get(parentElement);
  if (!mount) MOUNTS.set(parentElement, (mount = {}));
  if (data instanceof Uint8Array) {
    deliver(mount, data);
    return () => take(mount);
  }
  const root = parentElement.querySelector(".atlas");
  if (!root || !data) return;
  if (mount.view?.root !== root) {
    mount.view?.dispose();
    mount.view = new View(root);
  }
  mount.view.render(component);
  return () => {
    mount.view.dispose();
    MOUNTS.delete(parentElement);
  };
}
