"""What a person sees: the Streamlit app. It shows answers, and makes none of its own."""
