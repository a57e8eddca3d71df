"""The Streamlit app: what people see. It imports vit_core and is never imported by it."""
