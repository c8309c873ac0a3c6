"""Copy a benchmark's numbers to where people read them: README.md and the model card, between their result marks.

    python recipes/publish_results.py docs/results/world-test

reads FOLDER/results.json, which `smartedit bench world --out FOLDER` wrote. Nothing is typed by hand, and
`tests/test_readme.py` checks that both pages still equal the file.
"""

import json
import sys
from pathlib import Path

from smartedit.bench.tables import headline

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "src/smartedit/weights/tiny/README.md")
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


def publish(folder: Path) -> None:
    """Put the headline table of FOLDER/results.json into every page."""
    table = headline(json.loads((folder / "results.json").read_text()))
    for page in PAGES:
        text = page.read_text()
        before, rest = text.split(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
