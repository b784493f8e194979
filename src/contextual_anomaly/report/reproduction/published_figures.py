"""What Blaha, Broughton and Krajník published on COCO 2017, typed in as facts.

Paper: "Boosting the Performance of Object Detection CNNs with Context-Based Anomaly Detection", CollaborateCom 2020,
doi 10.1007/978-3-030-67537-0_11. Figures: results files and comments of github.com/broughtong/Auto-Image-Anomaly, commit
e32383e, and its figure for experiment 2, read off to ± 0.001.
"""

SOURCE = "Blaha, Broughton, Krajník 2020, doi 10.1007/978-3-030-67537-0_11, and its code repository (commit e32383e)"

# Experiment 1, 20 seeds: bottleneck -> (mean, standard deviation, mean trials), in per cent.
EXPERIMENT_1: dict[str, dict[int, tuple[float, float, float]]] = {
    "inject_20_least_common_label": {
        5: (93.15, 1.94, 16309.4),
        6: (88.62, 2.29, 16309.4),
        7: (84.75, 2.57, 16309.4),
        8: (81.91, 2.85, 16309.4),
        9: (79.98, 3.21, 16309.4),
        10: (76.25, 3.26, 16309.4),
        11: (73.27, 3.04, 16309.4),
        12: (70.61, 3.62, 16309.4),
        13: (66.92, 3.39, 16309.4),
        14: (63.52, 2.96, 16309.4),
        15: (63.17, 3.14, 16309.4),
    },
    "inject_any": {
        5: (91.83, 3.26, 16024.5),
        6: (88.83, 3.67, 16024.5),
        7: (85.62, 3.29, 16024.5),
        8: (83.08, 4.17, 16024.5),
        9: (80.59, 3.53, 16024.5),
        10: (77.11, 3.53, 16024.5),
        11: (72.86, 3.85, 16024.5),
        12: (69.63, 4.25, 16024.5),
        13: (65.69, 4.09, 16024.5),
        14: (62.34, 4.12, 16024.5),
        15: (60.00, 4.03, 16024.5),
    },
    "remove": {
        5: (85.57, 4.28, 35),
        6: (57.07, 3.45, 140),
        7: (57.02, 2.37, 220),
        8: (46.51, 2.31, 355),
        9: (43.04, 2.03, 525),
        10: (34.59, 1.93, 640),
        11: (28.34, 1.30, 780),
        12: (21.03, 1.21, 895),
        13: (16.98, 0.82, 1150),
        14: (13.45, 0.76, 1275),
        15: (13.77, 0.79, 1335),
    },
}

# Bottleneck 10, in per cent.
MOST: dict[str, float] = {
    "inject_most_unexpected": 62.0,
    "inject_most_anomalous_outright": 51.0,
    "remove_most": 16.5,
}

# What Darknet's weights for COCO (YOLOv2, YOLOv3) were trained on: trainvalno5k.txt of its scripts/get_coco_dataset.sh, all of
# COCO 2014 but the 5,000 images of 5k.txt. COCO 2017 divides the same images in another way.
VAL2017_IMAGES = 5_000
UNSEEN_BY_DARKNET = 643
"""Images of val2017 that are in 5k.txt; the others were training data."""

# Experiment 2: threshold -> (precision of YOLOv3 alone, with the autoencoder's gate).
EXPERIMENT_2: dict[float, tuple[float, float]] = {
    0.05: (0.8665, 0.9193),
    0.10: (0.8665, 0.9193),
    0.15: (0.8665, 0.9193),
    0.20: (0.8665, 0.9193),
    0.25: (0.8890, 0.9250),
    0.30: (0.9050, 0.9310),
    0.35: (0.9190, 0.9365),
    0.40: (0.9315, 0.9415),
    0.45: (0.9400, 0.9450),
    0.50: (0.9495, 0.9495),
    0.90: (0.9920, 0.9920),
}
