# COCO from the network: only what the local copy lacks. Files are verified by size and checksum, so an edit here fetches
# nothing anew. These steps take long, so their messages go to the screen as well as to their logs.

if SETTINGS.dataset.kind is DatasetKind.coco:

    rule download:
        """Fetch one of the files of downloads.files, go on where it broke off, and verify it."""
        output:
            # What is there is left there for the command to verify: another version of this rule fetches nothing anew.
            file=update(f"{DOWNLOADS}/{{file}}"),
        log:
            text=f"{DOWNLOADS}/logs/download.{{file}}.log",
            usage=f"{DOWNLOADS}/logs/download.{{file}}.usage.json",
        wildcard_constraints:
            file="|".join(re.escape(name) for name in SETTINGS.downloads.files),
        cache: "omit-software" if SHARED else False
        localrule: True
        conda:
            "../envs/dataset.yaml"
        threads: 1
        resources:
            mem_mb=growing(500),
            runtime=growing(480),
        params:
            # A function of the output is not tracked: the same file from another address is the same file.
            addresses=lambda wildcards, output: repeated(
                "--address", SETTINGS.downloads.files[wildcards.file].addresses
            ),
            size=lambda wildcards: SETTINGS.downloads.files[wildcards.file].size,
            sha256=lambda wildcards: SETTINGS.downloads.files[wildcards.file].sha256,
        shell:
            "contextual-anomaly --usage {log.usage} download"
            " {output.file} --size {params.size} --sha256 {params.sha256}"
            " {params.addresses} 2>&1 | tee {log.text}"

    rule unpack_annotations:
        """Take a split's annotation file out of COCO's archive, the downloaded one or that of the local copy."""
        input:
            archive=ANNOTATIONS_ARCHIVE,
        output:
            instances=f"{DOWNLOADS}/annotations/instances_{{split}}2017.json",
        log:
            text=f"{DOWNLOADS}/logs/unpack_annotations.{{split}}.log",
            usage=f"{DOWNLOADS}/logs/unpack_annotations.{{split}}.usage.json",
        cache: SHARED
        conda:
            "../envs/dataset.yaml"
        threads: 1
        resources:
            mem_mb=growing(500),
            runtime=growing(20),
        params:
            split=lambda wildcards: wildcards.split,
        shell:
            "contextual-anomaly --usage {log.usage} unpack"
            " {input.archive:q} annotations/instances_{params.split}2017.json"
            " --output {output.instances} 2>&1 | tee {log.text}"

    rule unpack_images:
        """Take the validation images out of their archive."""
        input:
            archive=IMAGE_ARCHIVE,
        output:
            # The command replaces what is there, under a lock: another workflow may share it.
            images=update(directory(f"{DOWNLOADS}/val2017")),
        log:
            text=f"{DOWNLOADS}/logs/unpack_images.log",
            usage=f"{DOWNLOADS}/logs/unpack_images.usage.json",
        cache: SHARED
        conda:
            "../envs/dataset.yaml"
        threads: 1
        resources:
            mem_mb=growing(500),
            runtime=growing(30),
        shell:
            "contextual-anomaly --usage {log.usage} unpack"
            " {input.archive:q} val2017/ --output {output.images} 2>&1 | tee {log.text}"

    rule fetch_images:
        """Fetch a subset of the validation images one by one, as the original does."""
        input:
            image_table=IMAGES.format(split="val"),
        output:
            # The command replaces what is there, under a lock: another workflow may share it.
            images=update(directory(IMAGE_SUBSET)),
            report=f"{IMAGE_SUBSET}.csv",
        log:
            text=f"{IMAGE_SUBSET}.log",
            usage=f"{IMAGE_SUBSET}.usage.json",
        retries: 2
        localrule: True
        conda:
            "../envs/dataset.yaml"
        threads: 1
        resources:
            mem_mb=growing(1000),
            runtime=growing(240),
        params:
            store=f"{DOWNLOADS}/images",
            subset=SETTINGS.downloads.subset,
            connections=lambda wildcards, output: SETTINGS.downloads.connections,
            limits=lambda wildcards, output: (
                f"--max-megabytes {SETTINGS.downloads.max_image_megabytes} "
                + repeated("--host", SETTINGS.downloads.hosts)
            ),
        shell:
            "contextual-anomaly --usage {log.usage} fetch-images"
            " --image-table {input.image_table} --store {params.store}"
            " --count {params.subset} --connections {params.connections} {params.limits}"
            " --output {output.images}"
            " --report {output.report} 2>&1 | tee {log.text}"

    rule downloads:
        """Everything that the local copy lacks, detectors as well, for a machine that will be offline later."""
        input:
            list(FETCHED),
            [
                f"{DOWNLOADS}/{name}"
                for name in SETTINGS.downloads.files
                if not in_local_copy(name)
            ],
