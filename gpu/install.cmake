# What `cmake --install` puts where, for libpluck_gpu: the component `gpu` of find_package(pluck),
# and pluck_gpu.pc. The library is static, so a program that links it must also link the libraries
# it uses.
install(TARGETS pluck_gpu EXPORT pluckGpuTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${PROJECT_SOURCE_DIR}/include/pluck_gpu.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pluck)
install(EXPORT pluckGpuTargets NAMESPACE pluck:: DESTINATION ${package_dir})
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/pluckGpuConfig.cmake" "include(CMakeFindDependencyMacro)
find_dependency(Threads)
")
if(OpenCL_FOUND)
    file(APPEND "${CMAKE_CURRENT_BINARY_DIR}/pluckGpuConfig.cmake" "find_dependency(OpenCL)\n")
endif()
file(APPEND "${CMAKE_CURRENT_BINARY_DIR}/pluckGpuConfig.cmake"
     "include(\"\${CMAKE_CURRENT_LIST_DIR}/pluckGpuTargets.cmake\")\n")
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/pluckGpuConfig.cmake" DESTINATION ${package_dir})

# The paths are those of pluck.pc, relative to it if possible.
file(STRINGS "${PROJECT_BINARY_DIR}/pluck.pc" pc_lines REGEX "^(prefix|libdir|includedir)=")
foreach(line IN LISTS pc_lines)
    string(REGEX MATCH "^([a-z]+)=(.*)$" _ "${line}")
    string(TOUPPER "${CMAKE_MATCH_1}" name)
    set(PLUCK_PC_${name} "${CMAKE_MATCH_2}")
endforeach()
set(PLUCK_GPU_PC_LIBS " -lpthread -lm")
foreach(library IN LISTS CMAKE_DL_LIBS)
    string(APPEND PLUCK_GPU_PC_LIBS " -l${library}")
endforeach()
if(OpenCL_FOUND)
    string(PREPEND PLUCK_GPU_PC_LIBS " -lOpenCL")
endif()
configure_file(pluck_gpu.pc.in "${CMAKE_CURRENT_BINARY_DIR}/pluck_gpu.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/pluck_gpu.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
