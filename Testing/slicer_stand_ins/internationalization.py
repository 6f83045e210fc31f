"""``slicer.i18n``: the two functions a module imports, answering the untranslated text.

Without a translation file the application answers the source text too, so tests see what an English user sees.
"""

import sys
import types

import slicer


def tr(text):
    """Translate ``text`` in the context of the calling file (in Slicer); here the text itself."""
    return text


def translate(context, text, disambiguation=None, n=-1):
    """Translate ``text`` in the given context (in Slicer); here the text itself."""
    return text


def install():
    """Publish the module as ``slicer.i18n``."""
    module = types.ModuleType("slicer.i18n", __doc__)
    module.tr = tr
    module.translate = translate
    sys.modules.setdefault("slicer.i18n", module)
    slicer.i18n = sys.modules["slicer.i18n"]
