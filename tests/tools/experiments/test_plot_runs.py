from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from facesdk_training.runs import folder as run_folder

ROOT = Path(__file__).parents[3]


def plot(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.experiments.plot_runs", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_each_run_has_a_curve_of_each_figure(tmp_path: Path) -> None:
    for name, points in (("one", 3), ("two", 5)):
        (tmp_path / name).mkdir()
        rows = [
            {"images": 640 * n, "loss": 1 / n, "validation_accuracy": 1 - 1 / n}
            for n in range(1, points + 1)
        ]
        (tmp_path / name / run_folder.LOG).write_text(
            "".join(json.dumps(row) + "\n" for row in rows)
        )
    target = tmp_path / "curves.svg"
    done = plot(str(target), f"first={tmp_path / 'one'}", f"second={tmp_path / 'two'}")
    assert done.returncode == 0, done.stderr
    tree = ElementTree.parse(target)
    texts = [element.text for element in tree.iter() if element.tag.endswith("text")]
    assert {"first", "second", "loss"} <= set(texts)
    curves = [
        element.get("d", "").count("L")
        for element in tree.iter()
        if element.tag.endswith("path") and "stroke-width: 1.5" in element.get("style", "")
    ]
    assert {2, 4} <= set(curves)


def test_a_folder_without_a_log_is_named(tmp_path: Path) -> None:
    done = plot(str(tmp_path / "curves.svg"), f"a={tmp_path}")
    assert done.returncode == 2
    assert "no log.jsonl in" in done.stderr
    assert not (tmp_path / "curves.svg").exists()
