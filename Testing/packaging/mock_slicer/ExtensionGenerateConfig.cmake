# Slicer's own file writes <Extension>Config.cmake for other extensions; nothing to check here.
