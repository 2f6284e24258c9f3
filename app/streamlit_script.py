"""The script that Streamlit runs: outside any package, and so without relative imports."""

from birdsong.app.navigation import show_app

if __name__ == "__main__":
    show_app()
