# The workflow with everything it needs:
#   docker build --tag contextual-anomaly .
#   docker run --rm --volume "$PWD/results:/contextual-anomaly/results" contextual-anomaly --cores all
# COCO: add --volume /data/coco:/data --env CONTEXTUAL_ANOMALY_DATA=/data, and --configfile workflow/config/coco2017.yaml.
FROM python:3.12-slim-bookworm

WORKDIR /contextual-anomaly
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
ENV HOME=/tmp XDG_CACHE_HOME=/tmp/cache
RUN mkdir -p .snakemake results data && chmod 777 . .snakemake results data

ENTRYPOINT ["snakemake"]
CMD ["--cores", "all"]
