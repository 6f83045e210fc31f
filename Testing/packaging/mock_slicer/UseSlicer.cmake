# Slicer's own file sets these when the extension has not.
if(NOT DEFINED EXTENSION_NAME)
  set(EXTENSION_NAME ${PROJECT_NAME})
endif()
include(CTest)
