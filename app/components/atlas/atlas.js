// What Streamlit calls for the piece itself, with the words and the view: again with the same parent whenever something
// changed, and the last returned function at the end.

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
