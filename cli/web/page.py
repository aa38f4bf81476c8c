"""The page around the terminal in a browser. Whatever it needs comes from the same server."""

from html import escape
from typing import Final

FONT_SIZE_PX: Final = 15

STYLE: Final = """\
@font-face {
  font-family: "Roboto Mono";
  src: url("static/fonts/RobotoMono-VariableFont_wght.ttf") format("truetype");
  font-weight: 100 700;
}
html, body { margin: 0; height: 100%; overflow: hidden; background: var(--ground); color: var(--ink); }
body { font: 15px "Roboto Mono", monospace; }
#terminal { position: absolute; inset: 0; opacity: 0; }
.-first-byte #terminal { opacity: 1; }
.note { position: absolute; inset: 0; display: none; place-content: center; text-align: center; z-index: 1; }
.opening { display: grid; }
.-first-byte .opening { display: none; }
.-closed .opening { display: none; }
.-closed .closed { display: grid; background: var(--ground); }
a { color: inherit; }
"""

SCRIPT: Final = """\
addEventListener("load", () => document.querySelector(".xterm-helper-textarea")?.focus());
"""
"""Keys reach the dashboard without a click first."""


def page(title: str, socket: str, ground: str = "#0f1318", ink: str = "#d8dee6") -> str:
    """Return the page, in the colours of the dashboard.

    The script of textual-serve fills `.textual-terminal` from the websocket at `socket`.
    """
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static/css/xterm.css">
<link rel="stylesheet" href="page.css">
<script src="static/js/textual.js"></script>
<script src="page.js"></script>
</head>
<body style="--ground: {escape(ground)}; --ink: {escape(ink)}">
<div class="note opening">{escape(title)}</div>
<div class="note closed"><p>This dashboard is closed; jobs go on.</p><p><a href="/">Open it again</a></p></div>
<div id="terminal" class="textual-terminal" data-session-websocket-url="{escape(socket)}"
 data-font-size="{FONT_SIZE_PX}"></div>
</body>
</html>
"""
