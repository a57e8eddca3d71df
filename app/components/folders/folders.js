// A list of folders and files. Streamlit calls this again with the same parent whenever the data has changed.

const ICONS = { // drawn, because a font's icons depend on the computer
  folder: "M2 5.5C2 4.7 2.7 4 3.5 4H8l2 2h6.5c.8 0 1.5.7 1.5 1.5v7c0 .8-.7 1.5-1.5 1.5h-13C2.7 16 2 15.3 2 14.5z",
  file: "M5 2h7l4 4v11.5c0 .3-.2.5-.5.5h-10.5c-.3 0-.5-.2-.5-.5v-15c0-.3.2-.5.5-.5zM8 9h5M8 12h5",
};

function icon(kind) {
  const [picture, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  picture.setAttribute("viewBox", "0 0 20 20");
  picture.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[kind]);
  picture.append(path);
  return picture;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".folders");
  if (!root || !data) return;
  const shown = JSON.stringify(data);
  if (root.shown === shown) return;
  const [moved, focused] = [root.dataset.path !== data.path, root.contains(root.getRootNode().activeElement)];
  root.shown = shown;
  root.dataset.path = data.path;
  root.setAttribute("aria-label", data.label);
  root.replaceChildren(...data.entries.map(({ name, kind, detail }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = kind;
    button.title = name;
    button.dataset.name = name;
    button.append(icon(kind), line("name", name), line("detail", detail));
    // The second half of a double click would open what has come into this one's place.
    button.onclick = (event) => event.detail < 2 && setTriggerValue("open", { path: data.path, name });
    return button;
  }));
  if (moved) root.scrollTop = 0;
  if (moved && focused) root.querySelector("button")?.focus(); // for the keyboard
}
