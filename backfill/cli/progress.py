"""Live progress while a run works: a panel on a terminal, a line now and then elsewhere. All on stderr."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager

import anyio
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from backfill.cli.output import duration, say
from backfill.cli.tally import RATE_WINDOW_S, Tally
from backfill.jobs.beside import beside
from backfill.store.owners import owner_in_words

_REFRESH_S = 0.25
_LINE_MIN_S, _LINE_MAX_S = 5.0, 60.0
_LINE_SHARE = 0.1
"""Where stderr is no terminal it is a log: a line after each tenth of the time so far, within these bounds. Ten hours
are 600 lines."""


class Progress:
    """Draws a tally. `allowed_per_window` is what one realm may send in one of the tally's windows."""

    def __init__(self, tally: Tally, *, title: str, allowed_per_window: int) -> None:
        self._tally = tally
        self._title = title
        self._allowed = allowed_per_window
        self._started_at = tally.clock()

    def shown(self) -> AbstractAsyncContextManager[None]:
        """Show progress while the block runs, and its last state when it ends."""
        return beside(self._draw if sys.stderr.isatty() else self._write, name="progress")

    async def _draw(self) -> None:
        console = Console(stderr=True)
        with Live(self.panel(), console=console, auto_refresh=False, transient=False) as live:
            try:
                while True:
                    await anyio.sleep(_REFRESH_S)
                    live.update(self.panel(), refresh=True)
            finally:
                live.update(self.panel(), refresh=True)

    async def _write(self) -> None:
        try:
            while True:
                elapsed_s = self._tally.clock() - self._started_at
                await anyio.sleep(min(max(elapsed_s * _LINE_SHARE, _LINE_MIN_S), _LINE_MAX_S))
                say(self.line())
        finally:
            say(self.line())

    def line(self) -> str:
        """The state in one line."""
        tally = self._tally
        parts = [
            f"{tally.finished}/{tally.realms_total} realms done, {len(tally.running)} running",
            f"{self._rows():,} rows",
            f"{tally.requests_in_window():,} requests/{self._window('min')} of {self._allowed_now():,} allowed",
        ]
        if tally.waiting_for:
            parts.append(self._waiting())
        if tally.throttled:
            parts.append(f"{tally.throttled} throttled")
        if tally.quarantined:
            parts.append(f"{tally.quarantined} rows quarantined")
        if tally.rejected:
            parts.append(f"{tally.rejected:,} rows rejected")
        left = self._left()
        return "  ".join([*parts, left] if left else parts)

    def panel(self) -> Panel:
        """The state as a panel of a few lines."""
        tally = self._tally
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", justify="right")
        table.add_column()
        done = Text(f"{tally.finished} done, {len(tally.running)} running, {tally.realms_total} in all")
        if tally.parked:
            done.append(f"   {tally.parked} parked", style="red")
        if tally.unproven:
            done.append(f"   {tally.unproven} unproven", style="yellow")
        table.add_row("", self._bar())
        table.add_row("realms", done)
        table.add_row("rows", f"{tally.landed:,} landed   {tally.unchanged:,} unchanged   {tally.deleted:,} deleted")
        if tally.written or tally.rejected:
            words = f"{tally.written:,} written   {tally.rejected:,} rejected   {tally.in_doubt:,} looked for"
            table.add_row("writes", words)
        used, allowed = tally.requests_in_window(), self._allowed_now()
        table.add_row("rate", f"{used:,} requests in the last {self._window('minute')}, {allowed:,} allowed")
        if self._tally.waiting_for:
            table.add_row("waiting", self._waiting())
        table.add_row("faults", self._faults())
        table.add_row("time", f"{duration(tally.clock() - self._started_at)} so far   {self._left()}")
        return Panel(table, title=self._title, title_align="left", border_style="cyan")

    def _rows(self) -> int:
        return self._tally.landed + self._tally.unchanged + self._tally.written

    def _bar(self) -> ProgressBar:
        """By rows, where it is known how many come; else by realms."""
        left, rows = self._tally.rows_left(), self._rows()
        if left is None:
            return ProgressBar(total=self._tally.realms_total, completed=self._tally.finished)
        return ProgressBar(total=max(1, rows + left), completed=rows)

    def _allowed_now(self) -> int:
        return self._allowed * max(1, self._tally.realms_in_window())

    def _window(self, minute: str) -> str:
        """What the rates are counted in: a minute, unless the limits are scaled."""
        window_s = self._tally.window_s
        return minute if window_s == RATE_WINDOW_S else f"{window_s:.3g} s"

    def _waiting(self) -> str:
        """For whom: a realm has one owner at a time."""
        realm_id, owner = next(iter(self._tally.waiting_for.items()))
        more = f" and {len(self._tally.waiting_for) - 1} more" if len(self._tally.waiting_for) > 1 else ""
        return f"realm {realm_id}{more} waits for {owner_in_words(owner)}"

    def _faults(self) -> Text:
        tally = self._tally
        if not tally.faults and not tally.quarantined:
            return Text("none", style="green")
        words = [f"{count} x {code}" for code, count in tally.faults.most_common(4)]
        if tally.quarantined:
            words.append(f"{tally.quarantined} rows quarantined")
        if tally.retries:
            words.append(f"{tally.retries} retries")
        return Text(", ".join(words), style="yellow")

    def _left(self) -> str:
        """How long the rest takes at the mean rate so far; nothing while too little is known, and at the end."""
        elapsed_s = self._tally.clock() - self._started_at
        left = self._tally.rows_left()
        rows = self._rows()
        if not left or not rows or elapsed_s < 1:
            return ""
        return f"about {duration(left * elapsed_s / rows)} left"
