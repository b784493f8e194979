# The workflow with everything it needs, run by a user that is not root:
#   docker build --tag contextual-anomaly .
#   docker run --rm --volume "$PWD/results:/contextual-anomaly/results" contextual-anomaly --cores all
# podman and buildah take the same file. The folder results/ must be writable by user 1000, or name another: --user "$(id -u)".
# COCO: add --volume /data/coco:/data --env CONTEXTUAL_ANOMALY_DATA=/data, and --configfile workflow/config/coco2017.yaml.
# BASE may be any Debian with Python 3.11 to 3.13 and its venv: see docs/cluster.md.
ARG BASE=python:3.12-slim-bookworm
FROM ${BASE}

WORKDIR /contextual-anomaly
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin
COPY requirements.lock ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check -r requirements.lock
COPY pyproject.toml README.md LICENSE Snakefile config.yaml ./
COPY rules rules/
COPY profiles profiles/
COPY envs envs/
COPY workflow workflow/
COPY src src/
RUN python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --editable .
# Whoever it runs as: caches, and Snakemake's own records beside the workflow.
# USER: Snakemake asks for a name, which a number given as --user has not.
ENV HOME=/tmp XDG_CACHE_HOME=/tmp/cache USER=contextual-anomaly
RUN mkdir -p .snakemake results data && chmod 777 . .snakemake results data
USER 1000:1000

ENTRYPOINT ["snakemake"]
CMD ["--cores", "all"]
