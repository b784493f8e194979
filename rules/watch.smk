# The watch: whether it keeps its promise, on footage of the synthetic world.

if WATCH:
    # Of the world's own detector, whose images are rendered.
    WATCHING = [name for name in NETWORKS if not DETECTORS[name].weights][:1]

    rule evaluate_watch:
        """Watch footage of which everything is known, and count false alarms, what is found, and how soon."""
        input:
            model=MODEL.format(model=CALIBRATED_MODELS[0]),
            detector=[weights(name) for name in WATCHING],
            calibration=expand(
                rules.calibrate_detections.output.calibration,
                model=CALIBRATED_MODELS[0],
                detector=WATCHING,
            ),
        output:
            table=report(
                WATCH,
                caption="../workflow/report/watch.rst",
                category="Watch",
                labels={"table": "promised and seen false alarms"},
            ),
        log:
            text=f"{R}/logs/evaluate_watch.log",
            usage=f"{R}/logs/evaluate_watch.usage.json",
        conda:
            "../envs/watch.yaml"
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=growing(60),
        params:
            pixels=lambda wildcards, input: (
                f"--detector {input.detector} --detector-calibration {input.calibration}"
                f" --pixel-seconds {SETTINGS.watch.pixel_seconds}"
                if WATCHING and SETTINGS.watch.pixel_seconds
                else ""
            ),
            promises=repeated("--promise", map(str, SETTINGS.watch.promises)),
            cameras=SETTINGS.watch.cameras,
            seconds=SETTINGS.watch.seconds,
            fps=SETTINGS.watch.frames_per_second,
            anomalies=SETTINGS.watch.anomalies_per_hour,
            images=SETTINGS.watch.calibration_images,
            ordinary=SETTINGS.watch.calibration_seconds,
            own=SETTINGS.watch.own_seconds,
            minimum_classes=SETTINGS.scenes.minimum_classes,
            bottleneck=chosen_bottleneck(CALIBRATED_MODELS[0]),
            seed=SETTINGS.experiments.seed,
            source=source("evaluate_watch", CALIBRATED_MODELS[0]),
        shell:
            "contextual-anomaly --usage {log.usage} evaluate-watch"
            " --model {input.model} {params.pixels} {params.promises} --cameras {params.cameras}"
            " --seconds {params.seconds} --fps {params.fps} --anomalies-per-hour {params.anomalies}"
            " --calibration-images {params.images} --calibration-seconds {params.ordinary} --own-seconds {params.own}"
            " --minimum-classes {params.minimum_classes} --bottleneck {params.bottleneck} --seed {params.seed}"
            " --output {output.table} > {log.text} 2>&1"
