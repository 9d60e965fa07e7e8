"""What a score is made of, in one look: inputs, weights, window, sources, free choices, and what it
cannot see.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Card:
    """The description of one computed score.

    Attributes
    ----------
    name : str
        With its style: "Klout-style", never "the Klout score".
    says : str
        One sentence.
    inputs : tuple of (str, str, str)
        Column, weight, and how it enters.
    window : str
    scale : str
    cannot_see : tuple of str
    free : tuple of str
        Choices that nobody published.
    sources : tuple of str
        Addresses of what is published.
    """

    name: str
    says: str
    inputs: tuple[tuple[str, str, str], ...]
    window: str
    scale: str
    cannot_see: tuple[str, ...]
    free: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def _sections(self) -> list[tuple[str, tuple[str, ...]]]:
        return [
            ("Window", (self.window,)),
            ("Scale", (self.scale,)),
            ("It cannot see", self.cannot_see),
            ("Free choices", self.free),
            ("Published at", self.sources),
        ]

    def __str__(self) -> str:
        lines = [f"{self.name} score: {self.says}", "", "Inputs"]
        lines += [f"  {column} ({weight}): {how}" for column, weight, how in self.inputs]
        for title, texts in self._sections():
            lines += ["", title, *(f"  {text}" for text in texts)] if texts else []
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        left = ' style="text-align:left;vertical-align:top"'
        head = "".join(
            f'<th scope="col"{left}>{name}</th>' for name in ("Input", "Weight", "How it enters")
        )
        rows = "".join(
            "<tr>" + "".join(f"<td{left}>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.inputs
        )
        more = "".join(
            f'<tr><th scope="row"{left}>{title}</th><td'
            f' colspan="2"{left}>{"<br>".join(map(escape, texts))}</td></tr>'
            for title, texts in self._sections()
            if texts
        )
        caption = (
            f'<caption style="caption-side:top;text-align:left"><strong>{escape(self.name)}'
            " score.</strong> "
        )
        caption += f"{escape(self.says)}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}{more}</tbody></table>"
