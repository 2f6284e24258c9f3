"""A page as a browser reads it: its elements, what it fetches, its text."""

from html.parser import HTMLParser


class ParsedPage(HTMLParser):
    """What is on a page.

    Attributes
    ----------
    tags : list of str
    sources : list of str
        Of images and links.
    words : str
        The text without the marks.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.sources, self.words = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v]

    def handle_data(self, data):
        self.words += data
