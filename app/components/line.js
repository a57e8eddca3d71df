/** A <span> of that class with that text. Names may be hostile, so nothing here is ever markup. */
function line(name, text) {
  const span = document.createElement("span");
  span.className = name;
  span.dir = "auto";
  span.textContent = text;
  return span;
}
