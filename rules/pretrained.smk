# Context models as they are given to others: in half precision, calibrated, evaluated again, with a model card.

if PRETRAINED:

    rule package_model:
        """Keep a model in half precision, and calibrate it again on held-out scenes."""
        input:
            model=lambda wildcards: MODEL.format(model=PRETRAINED[wildcards.packaged]),
            scenes=UNFILTERED_SCENES.format(split="train"),
            geometry=lambda wildcards: list(
                geometry_files(PRETRAINED[wildcards.packaged], "train").values()
            ),
        output:
            model=PACKAGED,
            calibration=f"{R}/pretrained/{{packaged}}.annotations.calibration.parquet",
        log:
            text=f"{R}/logs/package_model.{{packaged}}.log",
            usage=f"{R}/logs/package_model.{{packaged}}.usage.json",
        wildcard_constraints:
            packaged="|".join(PRETRAINED),
        conda:
            "../envs/models.yaml"
        threads: 1
        resources:
            mem_mb=growing(3000),
            runtime=growing(20),
        params:
            minimum_classes=SETTINGS.scenes.minimum_classes,
            geometry=lambda wildcards: geometry_options(
                geometry_files(PRETRAINED[wildcards.packaged], "train")
            ),
            source=lambda wildcards: source(
                "package_model", PRETRAINED[wildcards.packaged]
            ),
        shell:
            "contextual-anomaly --usage {log.usage} package-model"
            " --model {input.model} --name {wildcards.packaged} --scenes {input.scenes} {params.geometry}"
            " --minimum-classes {params.minimum_classes} --output {output.model} --calibration {output.calibration}"
            " > {log.text} 2>&1"

    use rule experiment_corrected as evaluate_packaged with:
        input:
            model=PACKAGED,
            calibration=rules.package_model.output.calibration,
            geometry=lambda wildcards: list(
                geometry_files(PRETRAINED[wildcards.packaged], "val").values()
            ),
            scenes=SCENES.format(split="val"),
            train_scenes=SCENES.format(split="train"),
        output:
            trials=f"{R}/pretrained/figures/{{packaged}}.parquet",
            curve=f"{R}/pretrained/figures/{{packaged}}.calibration.csv",
            summary=f"{R}/pretrained/figures/{{packaged}}.summary.parquet",
            csv=f"{R}/pretrained/figures/{{packaged}}.summary.csv",
            timing=f"{R}/pretrained/figures/{{packaged}}.timing.json",
        log:
            text=f"{R}/logs/evaluate_packaged.{{packaged}}.log",
            usage=f"{R}/logs/evaluate_packaged.{{packaged}}.usage.json",
        wildcard_constraints:
            packaged="|".join(PRETRAINED),
        params:
            bottleneck=1,
            geometry=lambda wildcards: geometry_options(
                geometry_files(PRETRAINED[wildcards.packaged], "val")
            ),
            draws=SETTINGS.experiments.n_draws_corrected,
            bootstrap=SETTINGS.experiments.n_resamples,
            seed=SETTINGS.experiments.seed,
            source=lambda wildcards: source(
                "experiment_corrected", PRETRAINED[wildcards.packaged]
            ),

    use rule calibrate_detections as calibrate_packaged with:
        input:
            unpack(calibration_inputs),
            model=PACKAGED,
            calibration=rules.package_model.output.calibration,
        output:
            calibration=f"{R}/pretrained/{{packaged}}.{{detector}}.calibration.parquet",
            rates=f"{R}/pretrained/figures/{{packaged}}.{{detector}}.false_alarms.csv",
        log:
            text=f"{R}/logs/calibrate_packaged.{{packaged}}.{{detector}}.log",
            usage=f"{R}/logs/calibrate_packaged.{{packaged}}.{{detector}}.usage.json",
        wildcard_constraints:
            packaged="|".join(PRETRAINED),
        params:
            minimum_classes=SETTINGS.scenes.minimum_classes,
            bottleneck=1,
            folds=SETTINGS.rescoring.folds,
            seed=SETTINGS.experiments.seed,
            source=lambda wildcards: source(
                "calibrate_detections", PRETRAINED[wildcards.packaged]
            ),

    rule model_card:
        """Write the card of a packaged model."""
        input:
            model=PACKAGED,
            summary=rules.evaluate_packaged.output.summary,
            full_precision=lambda wildcards: (
                f"{R}/experiments/corrected/{PRETRAINED[wildcards.packaged]}.summary.parquet"
            ),
            scenes=UNFILTERED_SCENES.format(split="train"),
            calibrations=lambda wildcards: packaged_calibrations(wildcards.packaged),
            rates=expand(
                rules.calibrate_packaged.output.rates,
                detector=DETECTORS,
                allow_missing=True,
            ),
        output:
            card=f"{R}/pretrained/{{packaged}}.json",
        log:
            text=f"{R}/logs/model_card.{{packaged}}.log",
            usage=f"{R}/logs/model_card.{{packaged}}.usage.json",
        wildcard_constraints:
            packaged="|".join(PRETRAINED),
        conda:
            "../envs/models.yaml"
        threads: 1
        resources:
            mem_mb=growing(1000),
            runtime=growing(10),
        params:
            calibrations=lambda wildcards, input: repeated(
                "--calibration", input.calibrations
            ),
            rates=lambda wildcards, input: repeated("--rates", input.rates),
            settings=lambda wildcards: packaged_settings(wildcards.packaged),
            licence=verbatim(SETTINGS.pretrained.data_licence),
            evaluated_on=verbatim(f"the validation images of {SETTINGS.dataset.name}"),
            source=lambda wildcards: source(
                "model_card", PRETRAINED[wildcards.packaged]
            ),
        shell:
            "contextual-anomaly --usage {log.usage} model-card"
            " --model {input.model} --summary {input.summary} --full-precision-summary {input.full_precision}"
            " --scenes {input.scenes} {params.calibrations} {params.rates} --settings {params.settings:q}"
            " --data-licence {params.licence:q} --evaluated-on {params.evaluated_on:q} --output {output.card}"
            " > {log.text} 2>&1"
