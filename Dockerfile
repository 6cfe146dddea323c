# The study with the packages of requirements.txt. See docs/install.md.
FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential git \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home study && install --directory --owner=study /study
USER study
WORKDIR /study
COPY --chown=study . .
# The set-up of `make demo`: the pip lock, the library and the weights. Runs need no network.
RUN make .venv/ready

CMD ["make", "demo"]
