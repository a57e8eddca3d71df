// The atlas' mount. Streamlit calls this with the same parent whenever words or view changed, and the function returned
// last when the mount is removed.

const MOUNTS = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".atlas");
  if (!root || !data) return;
  let view = MOUNTS.get(parentElement);
  if (view?.root !== root) {
    view?.dispose();
    MOUNTS.set(parentElement, (view = new View(root)));
  }
  view.render(component);
  return () => {
    view.dispose();
    MOUNTS.delete(parentElement);
  };
}
