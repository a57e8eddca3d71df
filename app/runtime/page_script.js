// Where the server is. Without this, the page at /lecture first looks for a server at /lecture/_stcore, which answers 404
// twice, before it looks at the right place. (For an address of no page, Streamlit searches as without it.)
if (/\/(explore|lecture|mistakes)\/?$/.test(location.pathname))
  window.__streamlit = { BACKEND_BASE_URL: location.origin + location.pathname.replace(/[^/]+\/?$/, "") };

// Going to another page is one step in the browser's history. Streamlit takes up to three: an address without the
// parameters of the page before, the bare address of the new page, and that with its parameters. Back would lead to the
// same page.
const push = history.pushState.bind(history);
let opened = !location.search;
let travelled = false;
history.pushState = (state, title, url) => {
  const { pathname, search } = new URL(url, location.href);
  const samePage = pathname === location.pathname;
  if (travelled || (samePage && !search)) return;
  opened && samePage ? history.replaceState(state, title, url) : push(state, title, url);
  opened = !samePage;
};

// After Back or Forward, the address is right until the user does something. What Streamlit would still write belongs to
// a page that was left before it was drawn.
addEventListener("popstate", () => (travelled = true));
const act = (event) => {
  const mayBeBack = event.altKey || event.metaKey || event.button > 2; // keys and mouse buttons for Back and Forward
  travelled &&= mayBeBack;
};
for (const type of ["pointerdown", "keydown", "click", "drop"]) addEventListener(type, act, true);
