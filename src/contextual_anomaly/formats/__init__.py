"""Annotations in other formats than COCO's: recognised by their content, and brought into the shape of COCO's records.

Why own readers: globox 2.9 reads six of these formats, supervision and datumaro more, and all three are made to convert
sound files. They stop at the first record that is wrong (globox by an assertion, also at a name that does not end in
.json), keep neither annotation ids nor what is said of an image as a whole, leave out objects without a box, and need the
pictures to read YOLO and Open Images; supervision and datumaro bring 20 further packages. An audit has to say what was
wrong and to give the owner's ids back, and presence needs neither boxes nor pictures. What is hard in a format is left to
libraries all the same: XML to defusedxml, YAML to PyYAML, masks to pycocotools, the headers of pictures to imagesize.
"""
