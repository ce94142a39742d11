"""The help window: the pages of the documentation and the keys, opened by the "?" of a dock. It needs no network."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from typing import Any

import napari
from qtpy.QtCore import QSize, Qt, QTimer, QUrl
from qtpy.QtGui import (
    QColor,
    QDesktopServices,
    QImage,
    QKeySequence,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextLength,
    QTextOption,
    QTextTable,
)
from qtpy.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QShortcut,
    QStackedWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from napari_advseg.gui.help import pages
from napari_advseg.gui.help.keys import KeyTable
from napari_advseg.gui.kit.panel import colour_of
from napari_advseg.gui.kit.ring import watch_focus
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.viewer import window

NAME = "napari-advseg help"
KEYS = "Shortcuts"
SIZE = QSize(900, 640)
LIST_PX = 210
FILE = Qt.ItemDataRole.UserRole
MARGIN_PX = 24
REFIT_MS = 150


def open_help(viewer: Any, page: str) -> HelpWindow:
    """Show a page in the viewer's help window: "docks.md#train", or "Shortcuts" for the keys."""
    host = window.main_window(viewer)
    shown = host.findChild(HelpWindow, NAME) or HelpWindow(viewer)
    shown.go_to(page)
    shown.show()
    shown.raise_()
    shown.activateWindow()
    return shown


class HelpWindow(QWidget):
    """A list of pages, the page, and a way back."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        host = window.main_window(napari_viewer)
        super().__init__(host, Qt.WindowType.Window)
        self.setObjectName(NAME)
        self.setWindowTitle("Help on adversarial segmentation")
        self._session = session_of(napari_viewer)
        self._history: list[str] = []
        self.page = ""
        self.list = QListWidget()
        self.list.setFixedWidth(LIST_PX)
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("Pages")
        self.list.setToolTip("Choose a page")
        self.back = QPushButton("Back")
        self.back.setToolTip("The page that was shown before (Alt+Left)")
        self.text = Reader()
        self.keys = KeyTable(napari_viewer)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.text)
        self.stack.addWidget(self.keys)
        self._lay_out()
        self._fill_list()
        self.list.currentItemChanged.connect(self._choose)
        self.text.anchorClicked.connect(self._follow)
        self.back.clicked.connect(self.go_back)
        QShortcut(QKeySequence("Alt+Left"), self).activated.connect(self.go_back)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self).activated.connect(self.hide)
        watch_focus(napari_viewer, self)
        self.resize(SIZE)

    def go_to(self, page: str) -> None:
        """Show another page, at the heading behind "#"."""
        if self.page and page != self.page:
            self._history.append(self.page)
        self._show(page)

    def go_back(self) -> None:
        """Show the page before this one."""
        if self._history:
            self._show(self._history.pop())

    def _show(self, page: str) -> None:
        self.page = page
        self.back.setEnabled(bool(self._history))
        file, _, anchor = page.partition("#")
        self._mark(file)
        self.keys.setVisible(file == KEYS)
        self.stack.setCurrentWidget(self.keys if file == KEYS else self.text)
        if file == KEYS:
            return
        task = self._session.background(partial(pages.read_page, file))
        task.done.connect(lambda found: self._take(page, found, anchor))
        task.failed.connect(self.text.setPlainText)

    def _take(self, page: str, found: pages.Page, anchor: str) -> None:
        if page == self.page:
            self.text.show_page(found, anchor)

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.addWidget(self.list, stretch=1)
        left.addWidget(self.back)
        row = QHBoxLayout(self)
        row.addLayout(left)
        row.addWidget(self.stack, stretch=1)

    def _fill_list(self) -> None:
        for file in (KEYS, *pages.files()):
            item = QListWidgetItem(file if file == KEYS else pages.title_of(file))
            item.setData(FILE, file)
            item.setToolTip(item.text())
            self.list.addItem(item)

    def _mark(self, file: str) -> None:
        """Mark the page in the list, without choosing it anew."""
        self.list.blockSignals(True)  # noqa: FBT003 - Qt's interface
        rows = range(self.list.count())
        row = next((k for k in rows if self.list.item(k).data(FILE) == file), -1)
        self.list.setCurrentRow(row)
        self.list.blockSignals(False)  # noqa: FBT003

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.go_to(item.data(FILE))

    def _follow(self, link: QUrl) -> None:
        """A page of ours is shown here, anything else by the system."""
        words = link.toString()
        if words.startswith("#"):
            self.go_to(self.page.partition("#")[0] + words)
        elif link.isRelative():
            self.go_to(words)
        else:
            QDesktopServices.openUrl(link)


class Reader(QTextBrowser):
    """Shows a page; pictures are made to fit its width."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.setAccessibleName("Page")
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._shown: tuple[pages.Page, str] | None = None
        self._width = 0
        self._document: QTextDocument | None = None
        self._refit = QTimer(self)  # not while Qt lays out: the document is replaced
        self._refit.setSingleShot(True)
        self._refit.setInterval(REFIT_MS)
        self._refit.timeout.connect(self._fit)

    def show_page(self, page: pages.Page, anchor: str) -> None:
        """Show it, at the heading of an anchor or from its beginning."""
        self._shown = page, anchor
        self._width = self.viewport().width()
        document = QTextDocument(self)
        document.setDefaultFont(self.font())
        document.setBaseUrl(QUrl.fromLocalFile(f"{pages.folder()}/"))
        document.setMarkdown(page.text, QTextDocument.MarkdownFeature.MarkdownDialectGitHub)
        _fit_tables(document)
        _dye_links(document, QColor(colour_of("guide", self)))
        self.setDocument(document)
        if self._document is not None:
            self._document.deleteLater()
        self._document = document
        if anchor:
            self._turn_to(page.headings.get(anchor, ""))

    def loadResource(self, kind: int, name: QUrl) -> Any:  # noqa: N802 - Qt's name
        """A picture beside the pages, no wider than the window; nothing from elsewhere."""
        if kind != int(QTextDocument.ResourceType.ImageResource.value):
            return None
        image = QImage(str(pages.folder() / "images" / name.fileName()))
        room = self.viewport().width() - MARGIN_PX
        fits = image.isNull() or image.width() <= room
        smooth = Qt.TransformationMode.SmoothTransformation
        return image if fits else image.scaledToWidth(room, smooth)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Fit the pictures to another width, soon."""
        super().resizeEvent(event)
        self._refit.start()

    def _fit(self) -> None:
        if self._shown is not None and self.viewport().width() != self._width:
            self.show_page(*self._shown)

    def _turn_to(self, heading: str) -> None:
        block = self.document().begin()
        while block.isValid():
            if block.blockFormat().headingLevel() and block.text() == heading:
                top = self.document().documentLayout().blockBoundingRect(block).top()
                self.verticalScrollBar().setValue(round(top))
                return
            block = block.next()


def _fit_tables(document: QTextDocument) -> None:
    """Make tables as wide as the page and no wider."""
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            shape = frame.format()
            shape.setWidth(QTextLength(QTextLength.Type.PercentageLength, 99))
            frame.setFormat(shape)


def _dye_links(document: QTextDocument, colour: QColor) -> None:
    """Write links in a colour that can be read on the theme; Qt's blue cannot on a dark one."""
    for first, last in _links(document):
        cursor = QTextCursor(document)
        cursor.setPosition(first)
        cursor.setPosition(last, QTextCursor.MoveMode.KeepAnchor)
        look = QTextCharFormat()
        look.setForeground(colour)
        cursor.mergeCharFormat(look)


def _links(document: QTextDocument) -> list[tuple[int, int]]:
    """From where to where each link reaches."""
    found, block = [], document.begin()
    while block.isValid():
        for run in block.textFormats():
            if run.format.isAnchor():
                start = block.position() + run.start
                found.append((start, start + run.length))
        block = block.next()
    return found
