"""Numbers as people read them."""

from __future__ import annotations

SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def count(n: float) -> str:
    """`33.7 M`; small whole numbers as they are, with commas."""
    if abs(n) < 1_000_000:
        return f"{round(n):,}"
    step, unit = next((step, unit) for step, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")) if abs(n) >= step)
    return f"{_three(n / step)} {unit}"


def size(n_bytes: float) -> str:
    """`1.9 GB`, in powers of 1,000."""
    for step, unit in SIZES:
        if n_bytes >= step:
            return f"{_three(n_bytes / step)} {unit}"
    return f"{round(n_bytes)} B"


def size_of(part: float, whole: float) -> str:
    """`0.9/2.0 GB`."""
    step, unit = next(((step, unit) for step, unit in SIZES if whole >= step), (1.0, "B"))
    return f"{part / step:.1f}/{_three(whole / step)} {unit}"


def duration(seconds: float) -> str:
    """`12 s`, `3 min 20 s`, `2 h 05 min`; below ten seconds with a decimal, below one in ms."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def percent(share: float) -> str:
    """`62 %`."""
    return f"{round(100 * share)} %"


def plural(n: int, noun: str, many: str = "") -> str:
    """`1 round`, `9 rounds`, `2 passes`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {many or noun + 's'}"


def figure(value: float) -> str:
    """A loss or a gradient: four significant places."""
    return f"{value:.4g}"


def _three(x: float) -> str:
    return f"{x:.0f}" if abs(x) >= 99.95 else f"{x:.1f}"
