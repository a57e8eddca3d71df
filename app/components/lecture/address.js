// A slide's view in the address: "layer.5--tab.heads". Only letters, digits, ".", "-" and "_", which Python and the browser
// write alike; other text is written as the hexadecimal digits of its UTF-8, after "0x".

const ADDRESS_NAME = "slide";

/** The values of `names` in which a view differs from `first`, as text. */
function slideText(view, first, names) {
  const value = (one) => (typeof one !== "string" || /^[a-z][a-z0-9_]*$/i.test(one) ? String(one)
    : `0x${Array.from(new TextEncoder().encode(one), (byte) => byte.toString(16).padStart(2, "0")).join("")}`);
  return names.filter((name) => view[name] !== first[name] && view[name] !== null && view[name] !== undefined)
    .map((name) => `${name}.${value(view[name])}`).join("--");
}

/** The values in such a text, of those in `names`; without those of another type than in `first`. */
function slideValues(text, first, names) {
  // A key may be "top" or a number, the temperature a number or "none".
  const fits = (name, one) => (first[name] ?? null) === null || typeof one === typeof first[name] || first[name] === "top" || one === "none";
  const value = (one) => {
    if (one === "true" || one === "false") return one === "true";
    if (/^0x([0-9a-f]{2})*$/.test(one)) return new TextDecoder().decode(Uint8Array.from(one.slice(2).match(/../g) ?? [], (pair) => parseInt(pair, 16)));
    return /^-?\d+(\.\d+)?$/.test(one) ? Number(one) : one;
  };
  return Object.fromEntries(text.split("--").map((part) => [part.slice(0, part.indexOf(".")), part.slice(part.indexOf(".") + 1)])
    .filter(([name]) => names.includes(name)).map(([name, one]) => [name, value(one)]).filter(([name, one]) => fits(name, one)));
}

/** The text in the browser's address. */
const slideInAddress = () => new URL(location).searchParams.get(ADDRESS_NAME) ?? "";

/** Put a text into the browser's address, if that shows `scene`, without a new entry in the history. */
function putSlideInAddress(scene, text) {
  const url = new URL(location);
  if (url.searchParams.get("scene") !== scene || (url.searchParams.get(ADDRESS_NAME) ?? "") === text) return;
  if (text) url.searchParams.set(ADDRESS_NAME, text);
  else url.searchParams.delete(ADDRESS_NAME);
  history.replaceState(history.state, "", url);
}
