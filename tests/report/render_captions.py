"""Print the caption of every reported result of a planned run as JSON; run by test_captions.py in a process of its own.

Snakemake's own rendering prints nothing for an undefined name. Here it is an error. The jobs, and so the parameters and
wildcards that a caption may use, are those of the real rules; nothing is run.

Usage: python render_captions.py SNAKEFILE, in a folder with settings.yaml.
"""

import json
import sys
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from snakemake.api import DAGSettings, OutputSettings, ResourceSettings, SnakemakeApi
from snakemake.io import get_flag_value, is_flagged
from snakemake.script import Snakemake
from snakemake.settings.types import ConfigSettings, Quietness

environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
captions = []
with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    settings = ConfigSettings(configfiles=[Path("settings.yaml")])
    plan = api.workflow(ResourceSettings(cores=1), settings, snakefile=Path(sys.argv[1])).dag(DAGSettings())
    workflow = plan.workflow_api._workflow
    workflow.dag_settings = plan.dag_settings
    workflow._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True)
    workflow._build_dag()
    for job in workflow.dag.jobs:
        for file in job.output:
            if is_flagged(file, "report"):
                path = Path(get_flag_value(file, "report").caption.get_path_or_uri(secret_free=True))
                config = job.rule.module_globals["config"]
                known = Snakemake(
                    job.input, job.output, job.params, job.wildcards, job.threads, job.resources, job.log, config,
                    job.rule.name, None,
                )  # fmt: skip
                text = environment.from_string(path.read_text(encoding="utf-8")).render(snakemake=known)
                captions.append({"file": path.name, "result": str(file), "text": " ".join(text.split())})
print("captions:", json.dumps(captions))
