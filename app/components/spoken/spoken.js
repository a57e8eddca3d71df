/** Screen readers take the page's language from its root, where Streamlit says English. */
export default function ({ data }) {
  document.documentElement.lang = data;
}
