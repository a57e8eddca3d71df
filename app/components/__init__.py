"""Browser-side pieces (Streamlit Components v2): one folder each, its Python side with its .html, .css and .js."""
