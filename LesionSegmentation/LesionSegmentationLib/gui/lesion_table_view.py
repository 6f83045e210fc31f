"""The list of lesions as a table widget that follows the slider.

A QTableWidget and no model of our own: a model in Python would be asked for every cell through the binding on every
repaint, and virtual methods in Python are where PythonQt is weakest. The items are kept; a move of the slider writes
the texts that changed in the rows that can be seen, and the others once the hand rests.
"""

import qt
from slicer.i18n import tr as _

from . import lesion_text

REST_MS = 120
LARGEST_FIRST = 2, True  # the column of the volume, falling


class LesionTableView:
    """Shows engine Lesions in ``table``, sorted by the column whose title was clicked.

    The chosen lesion is known by its peak, so it stays chosen while the slider moves and lesions merge and split.
    ``chosen``: called without arguments when the user chooses a row, also the same one again.
    """

    def __init__(self, table, chosen):
        self.table = table
        self.rows = []  # the engine's Lesions in the order of the rows
        self._chosen = chosen
        self._lesions = None
        self._sides = lambda lesion: ""
        self._peak = None  # of the chosen lesion
        self._texts = []  # what each row shows, None for a row not written yet
        self._sortColumn, self._falling = LARGEST_FIRST
        self._fillTimer = qt.QTimer()
        self._fillTimer.setSingleShot(True)
        self._fillTimer.setInterval(REST_MS)
        self._fillTimer.timeout.connect(self._fillAll)
        self._makeHeader()
        table.currentCellChanged.connect(self._onCurrentCellChanged)
        table.cellClicked.connect(self._onCellClicked)
        table.verticalScrollBar().valueChanged.connect(self._fillVisible)

    @property
    def current(self):
        """The chosen lesion, None where none is chosen or it is not listed at this setting."""
        return None if self._lesions is None or self._peak is None else self._lesions.holding(self._peak)

    def show(self, lesions, side):
        """Show engine Lesions (None for none); ``side``: Lesion -> side of the patient or None."""
        self._lesions, self._sides = lesions, side
        self.rows = self._sorted(lesions)
        if lesions is None:
            self._peak = None
        wasBlocked = self.table.blockSignals(True)
        if self.table.rowCount != len(self.rows):
            self.table.setRowCount(len(self.rows))
            self._texts = (self._texts + [None] * len(self.rows))[: len(self.rows)]
        self._select(scroll=False)
        self.table.blockSignals(wasBlocked)
        self._fillVisible()
        self._fillTimer.start()

    def choose(self, lesion):
        """Choose a listed lesion, as if the user had done so."""
        self._peak = lesion.peak
        wasBlocked = self.table.blockSignals(True)
        self._select(scroll=True)
        self.table.blockSignals(wasBlocked)
        self._fillVisible()
        self._chosen()

    def undecided(self, step):
        """Return the next (``step`` 1) or previous (-1) undecided lesion from the chosen one on, None without any."""
        rows = self.rows[:]
        count = len(rows)
        start = self._rowOf(self.current)
        if start is None:
            start = -1 if step > 0 else count
        for offset in range(1, count + 1):
            lesion = rows[(start + step * offset) % count]
            if self._lesions.states[lesion.id].startswith("undecided"):
                return lesion
        return None

    def _makeHeader(self):
        titles = [title for title, _tip in self._columns()]
        self.table.setColumnCount(len(titles))
        self.table.setHorizontalHeaderLabels(titles)
        for column, (_title, tip) in enumerate(self._columns()):
            self.table.horizontalHeaderItem(column).setToolTip(tip)
        header = self.table.horizontalHeader()
        header.setStretchLastSection(True)
        metrics = self.table.fontMetrics()
        for column, sample in enumerate((_("rejected"), "000", "00.000", "00.0", "0.00", "0.00", _("middle"), "0.00")):
            width = max(metrics.boundingRect(text).width() for text in (sample, titles[column]))
            self.table.setColumnWidth(column, width + 8)
        header.setSortIndicatorShown(True)
        self._showSorting()
        header.sectionClicked.connect(self._onTitleClicked)

    def _columns(self):
        """Titles and what they mean."""
        return (
            (_("Decision"), _("Kept, rejected, or merged?: a decided lesion that grew together with another one.")),
            (_("No."), _("Number of the lesion: 1 has the highest probability. The same at every setting.")),
            (_("ml"), _("Volume in millilitres.")),
            (_("mm"), _("Longest diameter within a slice, in millimetres.")),
            (_("Mean"), _("Mean lesion probability of its voxels.")),
            (_("Max"), _("Highest lesion probability of its voxels.")),
            (_("Side"), _("Side of the patient, where the image tells it; middle: less than 5 mm from the midline.")),
            (_("Beta"), _("The setting at which it appears: beta, with alpha = 1 - beta.")),
            (_("Note"), _("Your note.")),
        )

    def _sorted(self, lesions):
        if lesions is None:
            return []
        if (self._sortColumn, self._falling) == LARGEST_FIRST:
            return lesions.listed  # as the engine has them: only those that are looked at are measured
        return sorted(lesions.listed, key=self._sortKey, reverse=self._falling)

    def _sortKey(self, lesion):
        beta = 2.0 if lesion.appears_at_beta is None else lesion.appears_at_beta
        values = (
            lambda: self._lesions.states[lesion.id],
            lambda: lesion.id,
            lambda: lesion.voxels,
            lambda: lesion.diameter_mm,
            lambda: lesion.mean_probability,
            lambda: lesion.highest_probability,
            lambda: self._sides(lesion) or "",
            lambda: beta,
            lambda: self._lesions.notes.get(lesion.id, ""),
        )
        return values[self._sortColumn](), -lesion.id if self._falling else lesion.id

    def _textsOf(self, lesion):
        return (
            lesion_text.stateText(self._lesions.states[lesion.id]),
            str(lesion.id),
            f"{lesion.volume_ml:.3f}",
            f"{lesion.diameter_mm:.1f}",
            f"{lesion.mean_probability:.2f}",
            f"{lesion.highest_probability:.2f}",
            lesion_text.sideText(self._sides(lesion)),
            lesion_text.betaText(lesion.appears_at_beta),
            self._lesions.notes.get(lesion.id, "").replace("\n", " "),
        )

    def _fillVisible(self):
        first, last = self.table.rowAt(0), self.table.rowAt(self.table.viewport().height - 1)
        if first >= 0:
            self._fill(range(first, (last if last >= 0 else len(self.rows) - 1) + 1))

    def _fillAll(self):
        self._fill(range(len(self.rows)))

    def _fill(self, rows):
        for row, lesion in zip(rows, self.rows[rows.start : rows.stop]):
            texts, shown = self._textsOf(lesion), self._texts[row]
            if texts == shown:
                continue
            if shown is None:
                self._addItems(row)
            rejected = texts[0] == lesion_text.stateText("rejected")
            for column, text in enumerate(texts):
                if shown is None or shown[column] != text:
                    self.table.item(row, column).setText(text)
            if shown is None or rejected != (shown[0] == lesion_text.stateText("rejected")):
                self._strikeOut(row, rejected)
            self._texts[row] = texts

    def _addItems(self, row):
        for column in range(self.table.columnCount):
            item = qt.QTableWidgetItem()
            if 1 <= column <= 5 or column == 7:
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            self.table.setItem(row, column, item)

    def _strikeOut(self, row, rejected):
        for column in range(1, self.table.columnCount - 1):
            font = self.table.item(row, column).font()
            font.setStrikeOut(rejected)
            self.table.item(row, column).setFont(font)

    def _rowOf(self, lesion):
        return None if lesion is None else self.rows.index(lesion)

    def _select(self, scroll):
        row = self._rowOf(self.current)
        if row is None:
            self.table.clearSelection()
            self.table.setCurrentCell(-1, -1)
        elif row != self.table.currentRow() or not self.table.selectedItems():
            keep = self.table.verticalScrollBar().value
            self.table.setCurrentCell(row, 0)
            self.table.selectRow(row)
            if not scroll:
                self.table.verticalScrollBar().value = keep

    def _onCurrentCellChanged(self, row):
        if 0 <= row < len(self.rows):
            self._peak = self.rows[row].peak
            self._chosen()

    def _onCellClicked(self, row):
        if 0 <= row < len(self.rows) and self._peak == self.rows[row].peak:
            self._chosen()

    def _onTitleClicked(self, column):
        # Text from A on, numbers from the largest on; again: the other way round.
        textual = column in (0, 1, 6, 7, 8)
        self._falling = not self._falling if column == self._sortColumn else not textual
        self._sortColumn = column
        self._showSorting()
        if self._lesions is not None:
            self.show(self._lesions, self._sides)

    def _showSorting(self):
        order = qt.Qt.DescendingOrder if self._falling else qt.Qt.AscendingOrder
        self.table.horizontalHeader().setSortIndicator(self._sortColumn, order)
