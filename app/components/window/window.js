let watch = null;

export default function ({ data, setTriggerValue }) {
  // Screen readers take the page's language from its root, where Streamlit says English.
  document.documentElement.lang = data.language;
  // A server that was restarted, or that waited for this page for too long, knows nothing of it: what stands here would
  // go on being shown, and nothing on it would answer, until somebody changed something outside of every fragment.
  const app = document.querySelector(".stApp");
  const connected = () => app.dataset.testConnectionState === "CONNECTED";
  let away = false;
  watch?.disconnect(); // Streamlit calls again whenever something changed
  watch = new MutationObserver(() => {
    if (away && connected()) setTriggerValue("back", data.source);
    away = !connected();
  });
  watch.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  return () => watch.disconnect();
}
