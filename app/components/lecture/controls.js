// Controls. Each is placed beside what it changes; `show(value)` displays a change made elsewhere.

/** A slider with its label and value: { label, min, max, step, say, on }. `values`: a list of the allowed values. */
class Slider {
  constructor(parent, { label, min = 0, max = 1, step = 1, values = null, say = String, on }) {
    this.values = values;
    this.say = say;
    if (values) [min, max, step] = [0, values.length - 1, 1];
    this.input = el("input", { type: "range", min, max, step, "aria-label": label });
    this.value = el("output", { class: "value" });
    this.root = parent.appendChild(el("label", { class: "slider" }, el("span", { text: label }), this.input, this.value));
    this.input.addEventListener("input", () => {
      const now = this.read();
      this.value.textContent = this.say(now);
      on(now);
    });
  }

  read() {
    const number = Number(this.input.value);
    return this.values ? this.values[number] : number;
  }

  show(value) {
    const at = this.values ? this.values.indexOf(value) : value;
    if (Number(this.input.value) !== at) this.input.value = at;
    this.value.textContent = this.say(this.read());
    this.input.setAttribute("aria-valuetext", this.value.textContent);
  }
}

const CHOOSES = { ArrowLeft: (i) => i - 1, ArrowUp: (i) => i - 1, ArrowRight: (i) => i + 1, ArrowDown: (i) => i + 1, Home: () => 0, End: () => -1 };

/** Radio buttons: { label, options: [[value, text], ..], on }. Tab stops at the chosen one; arrow keys choose another. */
class Choice {
  constructor(parent, { label = "", kind = "choice", options, on }) {
    this.buttons = options.map(([value, text]) => ({ value, button: el("button", { type: "button", role: "radio", text, onclick: () => on(value) }) }));
    this.root = parent.appendChild(el("div", { class: kind, role: "radiogroup", "aria-label": label }, ...this.buttons.map((one) => one.button)));
    this.root.addEventListener("keydown", (event) => this.pressed(event));
  }

  pressed(event) {
    if (!CHOOSES[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const to = CHOOSES[event.key](this.buttons.findIndex(({ button }) => button === event.target));
    const { button } = this.buttons.at(to % this.buttons.length);
    button.focus();
    button.click();
  }

  show(chosen) {
    const stop = this.buttons.find(({ value }) => value === chosen) ?? this.buttons[0];
    for (const one of this.buttons) {
      one.button.setAttribute("aria-checked", one.value === chosen);
      one.button.tabIndex = one === stop ? 0 : -1;
    }
  }
}

/** A checkbox: { label, on }. */
class Toggle {
  constructor(parent, { label, on }) {
    this.input = el("input", { type: "checkbox", onchange: () => on(this.input.checked) });
    this.root = parent.appendChild(el("label", { class: "toggle" }, this.input, el("span", { text: label })));
  }

  show(value) {
    this.input.checked = value;
  }
}

/** A plain button. `title`: its full name if the text is abbreviated. */
const button = (parent, text, act, title = text) => parent.appendChild(el("button", { type: "button", class: "plain", text, title: title === text ? null : title, onclick: act }));

/** A row of controls. */
const row = (parent, kind = "") => parent.appendChild(el("div", { class: `row ${kind}` }));

/** A titled part of the figure. */
function panel(parent, title, kind = "") {
  const root = parent.appendChild(el("section", { class: `panel ${kind}` }));
  root.append(el("h3", { text: title }));
  return root;
}
