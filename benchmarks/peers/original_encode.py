"""The second of the original's two steps, written anew: a one-hot list for every image, without the class person.

python original_encode.py INSTANCES.json GROUPED.json ENCODED.json
"""

import json
import sys

instances, grouped, target = sys.argv[1:]
with open(instances) as file:
    classes = [category["name"] for category in json.load(file)["categories"] if category["name"] != "person"]
with open(grouped) as file:
    images = json.load(file)

encoded = []
for image in images.values():
    present = {thing["category"] for thing in image["objects"]}
    one_hot = [1 if name in present else 0 for name in classes]
    if sum(one_hot) >= 2:
        encoded.append({"url": image["url"], "labels": one_hot})
with open(target, "w") as file:
    json.dump(encoded, file)
