"""Makes the README's picture: a real demo run on a terminal, one frame of its progress and its last words, as SVG.

python benchmarks/picture.py .github/demo.svg
"""

from __future__ import annotations

import io
import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 112
_REDRAWN = re.compile(r"(?:\r?\x1b\[2K|\x1b\[1A|\r)+")
"""What the live display writes before it draws a frame anew."""


def main() -> None:
    """Run the demo under a terminal of its own and draw what it showed."""
    frames = _REDRAWN.split(_recorded([sys.executable, "-m", "backfill", "demo"]))
    panels = [frame for frame in frames if "╭" in frame and "landed" in frame]
    busy = panels[len(panels) * 6 // 10]
    last_words = frames[-1].split("╯\x1b[0m")[-1] if "╯" in frames[-1] else frames[-1]
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi("$ backfill demo\n\n" + busy.strip("\n")))
    console.print(Text.from_ansi(last_words.split("Look at it")[0].rstrip()))
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    picture = console.export_svg(title="backfill demo")
    # The fonts would be loaded from elsewhere; any monospaced one does.
    target.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))


def _recorded(command: list[str]) -> str:
    """Everything the command writes to a terminal of COLUMNS columns."""
    written = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 65_536)
        written.extend(data)
        return data

    os.environ |= {"COLUMNS": str(COLUMNS), "LINES": "40", "TERM": "xterm-256color"}
    pty.spawn(command, read)
    return written.decode(errors="replace").replace("\r\n", "\n")


if __name__ == "__main__":
    main()
