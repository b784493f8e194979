"""The first of the original's two steps, written anew: group COCO's annotations by image.

python original_prepare.py INSTANCES.json GROUPED.json
"""

import json
import sys

source, target = sys.argv[1:]
with open(source) as file:
    data = json.load(file)

names = {category["id"]: category["name"] for category in data["categories"]}
grouped = {}
for image in data["images"]:
    grouped[image["id"]] = {"file_name": image["file_name"], "url": image["coco_url"], "objects": []}
for annotation in data["annotations"]:
    grouped[annotation["image_id"]]["objects"].append(
        {"category": names[annotation["category_id"]], "bbox": annotation["bbox"]}
    )
with open(target, "w") as file:
    json.dump(grouped, file)
