"""The rules of the workflow as Snakemake understands them, without running any."""

from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.rules import Rule
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

ROOT = Path(__file__).resolve().parents[1]


def parsed_rules(*configfiles: Path) -> dict[str, Rule]:
    """Return the rules by name.

    Args:
        configfiles: settings on top of the defaults.
    """
    with SnakemakeApi(OutputSettings(dryrun=True, enable_file_logging=False)) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=list(configfiles)),
            snakefile=ROOT / "Snakefile",
        )._workflow
        return {rule.name: rule for rule in workflow.rules}


def all_rules() -> dict[str, Rule]:
    """Return the rules of every configuration: those of the synthetic world, and those of COCO with all that adds rules."""
    folder = ROOT / "workflow/config"
    coco = folder / "coco2017.yaml"
    found = parsed_rules(coco)
    for more in ("yolov3", "detections", "nooch"):
        found |= parsed_rules(coco, folder / f"coco2017_{more}.yaml")
    return found | parsed_rules()
