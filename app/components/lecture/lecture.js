// Streamlit calls this with the same parent whenever the data changed, and the returned function at the end.

const STAGES = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".lecture");
  if (!root || !(data instanceof Uint8Array)) return;
  let stage = STAGES.get(root);
  if (!stage) {
    STAGES.set(root, (stage = new Stage(root)));
    root.stage = stage;
  }
  stage.render(component);
  return () => {
    stage.dispose();
    STAGES.delete(root);
  };
}
