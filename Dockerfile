# The app on a server: docker build --tag birdsong . && docker run --publish 8501:8501 birdsong
FROM python:3.11-slim

RUN useradd --create-home --uid 10001 birdsong
WORKDIR /srv/birdsong
COPY LICENSE README.md constraints.txt pyproject.toml ./
COPY app app
COPY birdsong birdsong
COPY pipelines pipelines
RUN pip install --no-cache-dir --constraint constraints.txt ".[app]"

# Nothing is written: uploads stay in memory and are gone when their browser session ends.
USER birdsong
WORKDIR /home/birdsong
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["birdsong", "app", "--address", "0.0.0.0", "--upload-mb", "200"]
