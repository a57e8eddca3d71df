// Radio buttons side by side, drawn as the segments of one bar.

let groups = 0; // so far: one document may have two of one name

/** Fill `group` with a radio button for each value; `words` has its label and its title by `name`. */
function segments(group, name, values, words, choose) {
  const shared = `segments-${name}-${++groups}`;
  group.replaceChildren(...values.map((value) => {
    const input = Object.assign(document.createElement("input"), { type: "radio", name: shared, value });
    input.addEventListener("change", () => choose(value));
    const text = Object.assign(document.createElement("span"), { textContent: words[`${name}_${value}`] });
    const box = Object.assign(document.createElement("label"), { title: words[`${name}_${value}_title`] ?? "" });
    box.append(input, text);
    return box;
  }));
}
