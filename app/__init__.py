"""The Streamlit app: it shows answers of `birdsong.answers`, and computes none itself."""
