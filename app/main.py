"""The script that Streamlit runs. It stands in no package then, and so imports by the full name."""

from birdsong.app.page import show_app

if __name__ == "__main__":
    show_app()
