// Words and numbers. All words come from Python. Only formulas, which Python typesets, are inserted as markup.

/** The scenes by name; each file in scenes/ adds one. */
const SCENE = {};

/** Two significant digits with a true minus sign; an exponent only for tiny values. */
function two(value) {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size >= 99.5) return sign + Math.round(size).toLocaleString("en-US");
  const decimals = Math.max(0, 1 - Math.floor(Math.log10(Number(size.toPrecision(2)))));
  if (decimals <= 5) return sign + size.toFixed(decimals);
  const [digits, power] = size.toExponential(1).split("e");
  return `${sign}${digits}·10${superscript(Number(power))}`;
}

const superscript = (n) => String(n).replace(/[-\d]/g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));

/** A fixed number of decimals with a true minus sign, for numbers that line up in columns. */
const fixed = (value, decimals = 2) => {
  const text = Math.abs(value).toFixed(decimals);
  return (value < 0 && Number(text) !== 0 ? "−" : "") + text;
};

/** A whole number with thousands separators. */
const count = (value) => Math.round(value).toLocaleString("en-US");

/** Parameters or multiply-adds in k, M or G. */
function large(value) {
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]])
    if (value >= size) {
      const scaled = value / size;
      return `${scaled >= 99.5 ? Math.round(scaled) : scaled >= 10 ? scaled.toFixed(0) : scaled.toFixed(1)} ${unit}`;
    }
  return count(value);
}

/** A class's name, shortened to `limit` characters. */
const named = (label, limit = 18) => (label.length > limit ? `${label.slice(0, limit - 1).trimEnd()}…` : label);

/** The Latin letter of a key in lower case. With a Hangul IME, `key` is "ㄹ" or "Process"; then `code` has the letter. */
const letter = ({ key, code }) => (/^[a-z]$/i.test(key) ? key : code.replace(/^Key(?=[A-Z]$)/, "")).toLowerCase();

/** Attention of one query (d) over keys and values (N * d): { scores, scaled, weights, sum }; scaled = scores / divisor. */
function attend(query, keys, values, divisor) {
  const d = query.length;
  const scores = Float64Array.from({ length: keys.length / d }, (_, n) => query.reduce((total, q, c) => total + q * keys[n * d + c], 0));
  const scaled = scores.map((score) => score / divisor);
  const [, most] = range(scaled);
  const exponentials = scaled.map((score) => Math.exp(score - most));
  const total = exponentials.reduce((a, b) => a + b);
  const weights = exponentials.map((value) => value / total);
  const sum = new Float64Array(d);
  weights.forEach((weight, n) => {
    for (let c = 0; c < d; c++) sum[c] += weight * values[n * d + c];
  });
  return { scores, scaled, weights, sum };
}

/** A sentence with its {places} filled in. */
const fill = (sentence, values = {}) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "…");

/** "at=3, stage=softmax" -> { at: 3, stage: "softmax" } */
function setting(text) {
  const value = (word) => (word === "true" ? true : word === "false" ? false : word !== "" && !isNaN(word) ? Number(word) : word);
  return Object.fromEntries(text.split(",").map((pair) => pair.split("=").map((part) => part.trim())).map(([key, word]) => [key, value(word)]));
}

/**
 * Prose to nodes: paragraphs with **bold** words, [terms](key=value) that set the view, $formulas$ and {live numbers}.
 * Returns a function that fills in the numbers and marks the terms that agree with the view.
 */
function prose(parent, text, math, act) {
  const [live, terms] = [[], []];
  const inline = (parent, piece) => {
    const parts = piece.split(/(\*\*.+?\*\*|\[[^\]]+\]\([^)]+\)|\$\w+\$|\{\w+\})/);
    for (const [i, part] of parts.entries()) {
      let match;
      if ((match = part.match(/^\*\*(.+)\*\*$/))) inline(parent.appendChild(el("strong")), match[1]);
      else if ((match = part.match(/^\[(.+)\]\((.+)\)$/))) {
        const set = setting(match[2]);
        const term = el("button", { type: "button", class: "term" });
        // The browser may break a line after a button: keep letters that directly follow it on the same line.
        const [suffix] = parts[i + 1].match(/^\S{0,4}(?=\s|$)/) ?? [""];
        parts[i + 1] = parts[i + 1].slice(suffix.length);
        if (suffix) parent.appendChild(el("span", { class: "unbroken" })).append(term, suffix);
        else parent.append(term);
        term.addEventListener("click", () => act(set));
        inline(term, match[1]);
        terms.push({ term, set });
      } else if ((match = part.match(/^\$(\w+)\$$/))) parent.appendChild(formula(math[match[1]]));
      else if ((match = part.match(/^\{(\w+)\}$/))) {
        const place = parent.appendChild(el("span", { class: match[1].startsWith("say_") ? null : "live" })); // a phrase, not a number
        live.push({ place, name: match[1] });
      } else if (part) parent.append(part);
    }
  };
  for (const paragraph of text.split("\n")) inline(parent.appendChild(el("p")), paragraph);
  return (numbers, view) => {
    for (const { place, name } of live) {
      const value = String(numbers[name] ?? "…");
      if (place.textContent === value) continue;
      place.textContent = value;
      place.classList.toggle("rtl", /[\u0590-\u08ff\ufb1d-\ufefc]/.test(value));
    }
    for (const { term, set } of terms) term.setAttribute("aria-pressed", Object.entries(set).every(([key, value]) => view[key] === value));
  };
}

/** A formula, given as MathML. */
function formula(markup) {
  const holder = el("span", { class: "formula" });
  holder.innerHTML = markup ?? "";
  return holder;
}
