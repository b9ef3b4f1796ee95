# pluck_install(): what `cmake --install` puts where, for libpluck. Called by src/CMakeLists.txt
# once the targets `pluck` and `pluck_static` exist. The components are those of the packages
# (PluckPackage.cmake). Other folders add their libraries to the same export set with
#     install(TARGETS name EXPORT pluckTargets ...)
# and their headers to ${CMAKE_INSTALL_INCLUDEDIR}.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# The real target behind a name that may be an alias.
function(pluck_real_target out name)
    get_target_property(aliased ${name} ALIASED_TARGET)
    if(aliased)
        set(${out} ${aliased} PARENT_SCOPE)
    else()
        set(${out} ${name} PARENT_SCOPE)
    endif()
endfunction()

function(pluck_install)
    pluck_real_target(main pluck)
    pluck_real_target(static pluck_static)
    set(targets ${main} ${static})
    list(REMOVE_DUPLICATES targets)
    install(TARGETS ${targets} EXPORT pluckTargets
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
                    COMPONENT runtime NAMELINK_COMPONENT development
            ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
            RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime
            INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(FILES ${PROJECT_SOURCE_DIR}/include/pluck.h
                  ${PROJECT_SOURCE_DIR}/include/pluck.hpp
                  ${PROJECT_SOURCE_DIR}/include/pluck_blocks.h
                  ${PROJECT_SOURCE_DIR}/include/pluck_batch.h
                  ${PROJECT_SOURCE_DIR}/include/pluck_verify.h
                  ${PROJECT_SOURCE_DIR}/include/pluck_banned.h
                  ${PROJECT_SOURCE_DIR}/include/pluck_shard.h
            DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)

    # find_package(pluck): pluck::pluck and pluck::pluck_static.
    set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pluck)
    install(EXPORT pluckTargets NAMESPACE pluck:: DESTINATION ${package_dir} COMPONENT development)
    configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/pluckConfig.cmake.in
                                  ${PROJECT_BINARY_DIR}/pluckConfig.cmake
                                  INSTALL_DESTINATION ${package_dir})
    set(compatibility SameMajorVersion)
    if(PROJECT_VERSION_MAJOR EQUAL 0)
        set(compatibility SameMinorVersion)
    endif()
    write_basic_package_version_file(${PROJECT_BINARY_DIR}/pluckConfigVersion.cmake
                                     COMPATIBILITY ${compatibility})
    install(FILES ${PROJECT_BINARY_DIR}/pluckConfig.cmake
                  ${PROJECT_BINARY_DIR}/pluckConfigVersion.cmake
            DESTINATION ${package_dir} COMPONENT development)

    # pkg-config: the paths are relative to the .pc file if possible, so that the installed tree can
    # be moved.
    file(RELATIVE_PATH pc_to_prefix
         ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
    string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
    set(PLUCK_PC_PREFIX "\${pcfiledir}/${pc_to_prefix}")
    foreach(dir LIB INCLUDE)
        if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}DIR}")
            set(PLUCK_PC_${dir}DIR "${CMAKE_INSTALL_${dir}DIR}")
        else()
            set(PLUCK_PC_${dir}DIR "\${prefix}/${CMAKE_INSTALL_${dir}DIR}")
        endif()
    endforeach()
    configure_file(${PROJECT_SOURCE_DIR}/cmake/pluck.pc.in ${PROJECT_BINARY_DIR}/pluck.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/pluck.pc
            DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endfunction()
