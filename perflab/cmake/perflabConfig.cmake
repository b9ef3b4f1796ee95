# For find_package(perflab): the command, its libraries, and perflab_benchmark() of Perflab.cmake.
include("${CMAKE_CURRENT_LIST_DIR}/perflabTargets.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/Perflab.cmake")
