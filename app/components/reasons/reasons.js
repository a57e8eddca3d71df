// The methods compared for one class. The view asks for one step at a time; the comparison itself is that of "See why".

class ReasonsView {
  constructor(root) {
    this.root = root;
    this.compare = new Comparison(this);
    this.compare.open = true;
    SHARED.views.add(this);
  }

  render({ data, setStateValue }) {
    this.send = setStateValue;
    const payload = decode(data);
    if (payload.id === this.data?.id) return;
    const same = this.data?.of === payload.of; // the same picture and class in another language
    this.release();
    this.data = payload;
    if (!same) {
      this.compare.reset();
      this.asked = null;
    }
    this.root.replaceChildren();
    this.compare.build();
  }

  // What the drawings need from their stage.
  section(name) {
    return this.data.section(name);
  }

  palette(name) {
    return pixels(this.section(name));
  }

  picture() {
    return (this.url ??= URL.createObjectURL(new Blob([this.section("picture")], { type: "image/webp" })));
  }

  compareNext(step) {
    if (step === this.asked) return; // its answer is on the way
    this.asked = step;
    this.root.dataset.state = "busy";
    this.send("ask", { of: this.data.of, step, at: Date.now() }); // equal values would not be sent
  }

  answered({ of, step, ...found }) {
    if (of !== this.data?.of || step !== this.asked) return;
    this.compare.came(found);
    this.asked = null;
    this.root.dataset.state = "ready";
    this.compare.goOn();
  }

  release() {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
  }

  dispose() {
    this.release();
    SHARED.views.delete(this);
  }
}

const MOUNTED = new WeakMap();

export default function (component) {
  const root = component.parentElement.querySelector(".reasons");
  if (!root || !(component.data instanceof Uint8Array)) return;
  let view = MOUNTED.get(root);
  if (!view) MOUNTED.set(root, (view = new ReasonsView(root)));
  view.render(component);
  return () => {
    view.dispose();
    MOUNTED.delete(root);
  };
}
