// One page of thumbnails. Streamlit calls this again with the same parent whenever the data has changed.

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".gallery");
  if (!root || !(data instanceof Uint8Array)) return;
  const header = decode(data);
  const release = () => {
    for (const url of root.urls ?? []) URL.revokeObjectURL(url);
    root.urls = [];
    root.shown = null;
  };
  if (root.shown === header.id) return release;
  release();
  root.shown = header.id;
  root.replaceChildren();
  header.items.forEach((item, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = item.outcome;
    button.title = item.title;
    button.dataset.path = item.path;
    const bytes = header.section(`thumbnail ${i}`);
    if (bytes) {
      const image = document.createElement("img");
      const url = URL.createObjectURL(new Blob([bytes], { type: "image/webp" }));
      root.urls.push(url);
      image.onload = () => image.classList.toggle("tiny", image.naturalWidth < 64);
      image.alt = "";
      image.src = url;
      button.append(image);
    } else {
      const none = document.createElement("div");
      none.className = "none";
      none.textContent = "?";
      button.append(none);
    }
    button.append(line("label", item.label));
    if (item.predicted) button.append(line("predicted", item.predicted));
    button.append(line("detail", item.detail));
    button.onclick = () => setTriggerValue("open", item.path);
    root.append(button);
    if (item.path === header.focus) {
      button.classList.add("focused");
      requestAnimationFrame(() => {
        button.scrollIntoView({ block: "center" });
        button.focus({ preventScroll: true });
      });
    }
  });
  if (header.reports && !root.reported) { // once per page: then Streamlit sends the figures, which block the browser for seconds
    root.reported = true;
    const pictures = [...root.querySelectorAll("img")].map((image) => image.decode());
    Promise.allSettled(pictures).then(() => requestAnimationFrame(() => setTimeout(() => setTriggerValue("drawn", true))));
  }
  return release;
}
