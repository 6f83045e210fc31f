"""The Tab key goes through the panel as the eye does, though its sections are loaded from files of their own."""

import qt


def orderTabs(sections):
    """Let Tab go through ``sections``, widgets of one window, in this order; within each in the order of its file.

    Without it all headers of the sections come first, and the sections in the order in which they were loaded.
    """
    chain = [sections[0]]
    while (following := chain[-1].nextInFocusChain()) != sections[0]:
        chain.append(following)
    takers = [widget for widget in chain if widget.focusPolicy != qt.Qt.NoFocus and not _isInner(widget)]
    ordered = []
    for section in sections:
        ordered += [widget for widget in takers if widget == section]
        ordered += [widget for widget in takers if section.isAncestorOf(widget) and widget != section]
    for one, following in zip(ordered, ordered[1:]):
        qt.QWidget.setTabOrder(one, following)


def _isInner(widget):
    """Whether a widget is the line of a spin box or combo box, which takes the keyboard itself and hands it on."""
    outer = widget.parentWidget()
    return outer is not None and (outer.inherits("QAbstractSpinBox") or outer.inherits("QComboBox"))
