"""Charts as inline SVG without script. Each stands beside the table of its numbers: to screen readers it is hidden."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from oncofed.prepare.checks.findings import Cell

_WIDTH, _HEIGHT, _LABELS, _TOP = 640.0, 180.0, 22.0, 18.0


def columns(cells: Sequence[Cell]) -> Markup:
    """A column chart of ``cells``, with the number above and the label below each column."""
    highest = max((cell.count for cell in cells), default=0) or 1
    pitch = _WIDTH / max(len(cells), 1)
    room = _HEIGHT - _LABELS - _TOP
    parts = [Markup('<line class="axis" x1="0" x2="640" y1="158" y2="158"/>')]
    for place, cell in enumerate(cells):
        height = room * cell.count / highest
        middle = pitch * (place + 0.5)
        width = min(pitch * 0.7, 72)
        top = _HEIGHT - _LABELS - height
        parts.append(
            Markup(
                '<rect class="fill" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
                '<text class="value" x="{:.1f}" y="{:.1f}">{:,}</text><text x="{:.1f}" y="174">{}</text>'
            ).format(middle - width / 2, top, width, height, middle, top - 5, cell.count, middle, escape(cell.label))
        )
    drawn = Markup("").join(parts)
    return Markup('<svg class="columns" viewBox="0 0 640 180" aria-hidden="true" focusable="false">{}</svg>').format(
        drawn
    )
