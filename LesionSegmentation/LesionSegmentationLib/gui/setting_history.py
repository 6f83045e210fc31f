"""Settings that can be taken back and taken up again."""


class SettingHistory:
    """Every setting at which the hand rested, and where among them we are. Settings are compared by ``==``."""

    def __init__(self):
        self.begin(None)

    def begin(self, setting):
        """Forget all, and start from ``setting``."""
        self._settings, self._place = [setting], 0

    def record(self, setting):
        """Add a setting behind the present one; what had been undone is forgotten. The same one again adds nothing."""
        if setting != self._settings[self._place]:
            self._settings[self._place + 1 :] = [setting]
            self._place += 1

    @property
    def canUndo(self):
        return self._place > 0

    @property
    def canRedo(self):
        return self._place + 1 < len(self._settings)

    def undo(self):
        """Return the setting before, the present one where there is none."""
        self._place -= self.canUndo
        return self._settings[self._place]

    def redo(self):
        """Return the setting that was undone last, the present one where there is none."""
        self._place += self.canRedo
        return self._settings[self._place]
