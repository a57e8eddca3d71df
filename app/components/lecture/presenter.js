// The presenter view: a second window with the scene's notes, the next scene and a clock. It follows the slide, and moves
// it, through a BroadcastChannel of the browser; the server takes no part.

const PRESENTER_CHANNEL = "vitrine presenter"; // its name in the tab's storage, so that a reloaded tab finds its window

const PRESENTER_STYLE = `
  * { box-sizing: border-box; }
  body { margin: 0; padding: 1.2rem 1.6rem; min-height: 100vh; display: grid; grid-template-rows: auto 1fr auto; gap: 1rem; line-height: 1.45;
    word-break: keep-all; overflow-wrap: break-word; }
  header, footer { display: flex; flex-wrap: wrap; gap: 0.4rem 1.5rem; align-items: baseline; justify-content: space-between; }
  header p, h1 { margin: 0; }
  header div { flex: 1 1 20rem; min-width: 0; }
  .clock { white-space: nowrap; }
  h1 { font-size: 1.7rem; line-height: 1.25; }
  .elapsed { font-size: 2rem; font-weight: 700; font-variant-numeric: tabular-nums; }
  .quiet { opacity: 0.75; }
  ol { margin: 0; padding-inline-start: 1.4em; font-size: 1.5rem; display: grid; gap: 0.7rem; align-content: start; list-style: disc; }
  footer { border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding-top: 0.8rem; align-items: center; }
  .next { font-size: 1.25rem; flex: 1 1 16rem; }
  button { font: inherit; color: inherit; background: none; border: 1px solid color-mix(in srgb, currentColor 35%, transparent); border-radius: 0.4em;
    padding: 0.3em 0.9em; cursor: pointer; }
  button:disabled { opacity: 0.35; cursor: default; }
  :focus-visible { outline: 3px solid; outline-offset: 2px; }
  @media print { button { display: none; } }`;

/** The script of the second window. Its source is copied there, so it uses nothing from outside itself. */
function presenterWindow(name) {
  const channel = new BroadcastChannel(name);
  const of = (id) => document.getElementById(id);
  const send = (message) => channel.postMessage(message);
  let started = Number(sessionStorage.getItem("started")) || Date.now();
  const clock = () => {
    const seconds = Math.max(0, Math.floor((Date.now() - started) / 1000));
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    of("elapsed").textContent = (parts[0] ? parts : parts.slice(1)).map((part, i) => String(part).padStart(i ? 2 : 1, "0")).join(":");
    of("now").textContent = new Date().toLocaleTimeString(document.documentElement.lang || undefined, { hour: "2-digit", minute: "2-digit" });
  };
  const start = (at) => {
    started = at;
    sessionStorage.setItem("started", started);
    send({ started }); // for a window that is opened after this one was closed
    clock();
  };
  channel.onmessage = ({ data }) => {
    if (data.hello || data.step || data.started) return;
    of("gone").hidden = !data.bye;
    if (data.bye) return;
    const { words, colours, scene, next } = data;
    document.documentElement.lang = data.language;
    document.title = words.title;
    Object.assign(document.body.style, colours);
    of("kicker").textContent = scene.kicker;
    of("title").textContent = scene.title;
    of("notes").replaceChildren(...scene.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
    of("next").textContent = next ? `${words.next}: ${next}` : words.end;
    for (const id of ["elapsed_label", "restart", "gone", "previous", "forward"]) of(id).textContent = words[id];
    of("previous").disabled = data.first;
    of("forward").disabled = !next;
  };
  of("restart").onclick = () => start(Date.now());
  of("previous").onclick = () => send({ step: -1 });
  of("forward").onclick = () => send({ step: 1 });
  document.addEventListener("keydown", (event) => {
    const step = { PageDown: 1, ArrowRight: 1, PageUp: -1, ArrowLeft: -1 }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    send({ step });
  });
  start(started);
  setInterval(clock, 500);
  send({ hello: true });
}

/** The lecture's end of the channel. */
class Presenter {
  constructor(stage) {
    this.stage = stage;
    const name = sessionStorage.getItem(PRESENTER_CHANNEL) ?? `${PRESENTER_CHANNEL} ${Math.random()}`;
    sessionStorage.setItem(PRESENTER_CHANNEL, name);
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }) => {
      if (data.hello) this.tell();
      else if (data.step) stage.go(data.step);
      else if (data.started) sessionStorage.setItem("started", data.started); // a new window gets a copy of the tab's storage
    };
  }

  /** Open the second window, or bring it to the front. */
  open() {
    const { name } = this.channel;
    if (this.window && !this.window.closed) return this.window.focus();
    const url = (type, text) => URL.createObjectURL(new Blob([text], { type }));
    const script = url("text/javascript", `(${presenterWindow})(${JSON.stringify(name)})`); // the page's policy refuses inline scripts
    const part = (tag, id, rest = "") => `<${tag} id="${id}" ${rest}></${tag}>`;
    const html = `<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>${PRESENTER_STYLE}</style></head>
      <body><header><div>${part("p", "kicker", 'class="quiet"')}${part("h1", "title")}</div>
      <p class="clock"><span class="quiet">${part("span", "elapsed_label")}</span> ${part("span", "elapsed", 'class="elapsed" role="timer"')}
      ${part("span", "now", 'class="quiet"')} ${part("button", "restart", 'type="button"')}</p></header>
      <main>${part("ol", "notes")}</main>
      <footer>${part("p", "gone", 'class="quiet" role="status" hidden')}${part("p", "next", 'class="next"')}
      ${part("button", "previous", 'type="button"')}${part("button", "forward", 'type="button"')}</footer>
      <script src="${script}"></script></body></html>`;
    this.window = open(url("text/html", html), name, "popup,width=960,height=640");
  }

  /** Tell the second window what the slide shows. */
  tell() {
    const { titles, framed, slide, language } = this.stage;
    if (!titles) return;
    const at = this.stage.at();
    const style = getComputedStyle(slide);
    const { kicker } = this.stage.parts;
    const words = Object.fromEntries(["title", "next", "end", "elapsed_label", "restart", "gone", "previous", "forward"].map((key) => [key, framed[`presenter_${key}`]]));
    this.channel.postMessage({
      words, language, first: at === 0, next: titles[at + 1]?.title ?? null,
      scene: { kicker: kicker.textContent, title: titles[at].title, notes: titles[at].outline.split("\n") },
      colours: { color: style.color, background: style.backgroundColor, fontFamily: style.fontFamily, colorScheme: style.colorScheme },
    });
  }

  /** The stage is gone, for example because another page of the app is open. */
  dispose() {
    this.channel.postMessage({ bye: true });
    this.channel.close();
  }
}
