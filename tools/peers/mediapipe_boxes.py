"""What MediaPipe's short-range face detector finds in pictures of 128x128 pixels, its input's size.

    python tools/peers/mediapipe_boxes.py PICTURES.npy FOUND.json

It runs in an environment that has ``mediapipe`` and not facesdk. PICTURES is uint8 RGB
``(n, 128, 128, 3)``; FOUND has a list per picture of faces: score, left, top, right, bottom, and x
and y of six points, in pixels.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

SIDE = 128


def main() -> None:
    """Write what is found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("found", type=Path)
    options = parser.parse_args()
    import mediapipe

    detector = mediapipe.solutions.face_detection.FaceDetection(model_selection=0)
    rows = []
    for picture in np.load(options.pictures):
        faces = []
        for detection in detector.process(picture).detections or ():
            place = detection.location_data
            box = place.relative_bounding_box
            corners = [box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height]
            points = [value for point in place.relative_keypoints for value in (point.x, point.y)]
            faces.append([detection.score[0], *(SIDE * value for value in corners + points)])
        rows.append(faces)
    options.found.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
