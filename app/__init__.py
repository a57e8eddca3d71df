"""The Streamlit app: what people see. It imports vit_core; vit_core never imports it."""
