let watch = null;

export default function ({ data, setTriggerValue }) {
  // Screen readers take the language from the page's root element, which Streamlit sets to English.
  document.documentElement.lang = data.language;
  // A server that was restarted, or was out of reach for too long, has lost this page's session. The page would still be
  // shown, but its fragments would not respond, so the whole page is rerun as soon as the connection is back.
  const app = document.querySelector(".stApp");
  const connected = () => app.dataset.testConnectionState === "CONNECTED";
  let away = false;
  watch?.disconnect(); // Streamlit calls this again for each change
  watch = new MutationObserver(() => {
    if (away && connected()) setTriggerValue("back", data.source);
    away = !connected();
  });
  watch.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  return () => watch.disconnect();
}
