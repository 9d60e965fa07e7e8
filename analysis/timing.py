"""Where the processor time of a run goes, and how much of a run is done.

A thread looks at what the program is doing every few milliseconds and books the processor time
since its last look there. Nothing that is timed knows of it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from types import FrameType

COARSE = ("", "write report and ledger", "import analysis")
"""What gives way to what is done inside it."""

EVERY = 0.005
"""Seconds between two looks."""

ROOMS = {
    "analysis.measurement_error": "study noise",
    "analysis.multiverse": "study multiverse",
    "analysis.tipping": "study tipping",
    "analysis.data": "reading and selecting rows",
    "analysis.plan": "reading the plan",
    "analysis.models": "study increment",
    "analysis.out_of_core": "beyond memory",
    "analysis.results.figure": "write figures",
    "analysis.results.data_figure": "write figures",
    "analysis.results.relation_figure": "write figures",
    "analysis.results.effect_figure": "write figures",
    "analysis.results.table": "write tables",
    "analysis.report": "write report and ledger",
}
"""What the first of these rooms below the command is doing; a study is called by its folder."""


class Step(str):
    """What is being done, as progress is told of it, with the share of the work that is done.

    Examples
    --------
    >>> step = Step("Drawing", 0.7)
    >>> step, step.done
    ('Drawing', 0.7)
    """

    done: float

    def __new__(cls, text: str, done: float) -> Step:
        step = super().__new__(cls, text)
        step.done = done
        return step


class ProcessorTime:
    """Seconds of processor time by what they went to, while the block runs."""

    def __enter__(self) -> ProcessorTime:
        self.seconds: Counter[str] = Counter()
        self._done, self._last = threading.Event(), 0.0
        self._of = threading.get_ident()
        self.seconds["import analysis and what it stands on"] = time.process_time()
        self._last = time.process_time()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(EVERY):
            frame, now = sys._current_frames().get(self._of), time.process_time()
            self.seconds[_doing(frame)] += now - self._last
            self._last = now

    def lines(self) -> list[str]:
        """Return a table as lines: the total, and what took at least a hundredth of a second."""
        total = sum(self.seconds.values())
        shown = [(name, spent) for name, spent in self.seconds.most_common() if spent >= 0.01]
        return [f"{spent:8.2f} s  {name}" for name, spent in [("processor time", total), *shown]]


def _doing(frame: FrameType | None) -> str:
    """Return what a stack of calls is doing: the import nearest to the command that is none of this
    package, else the study or room nearest to it.
    """
    doing = ""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    for one in reversed(frames):
        module = str(one.f_globals.get("__name__", ""))
        if module == "importlib._bootstrap" and one.f_code.co_name == "_find_and_load":
            name = str(one.f_locals.get("name", "")).partition(".")[0]
            if name != "analysis":
                return f"import {name}"
            doing = doing or "import analysis"
        if module.startswith("analysis.studies.") and module.count(".") > 2:
            doing = doing or f"study {module.split('.')[2]}"
        room = next((said for start, said in ROOMS.items() if module.startswith(start)), "")
        if doing in COARSE:
            doing = room or doing
    return doing or "everything else"
