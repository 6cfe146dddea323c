# The study with the packages of requirements.txt. See docs/install.md.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /study
COPY . .
# The set-up of `make demo`: the pip lock, the library and the weights. Runs need no network.
RUN make .venv/ready

CMD ["make", "demo"]
