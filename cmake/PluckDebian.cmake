# Called by cpack when each component's files are in a folder of their own: adds what Debian wants
# of every package (copyright, changelog, reasons for what lintian would complain about), compresses
# man pages and strips what CMake does not. The time of all files is SOURCE_DATE_EPOCH's.
cmake_policy(VERSION 3.21)
find_program(GZIP gzip REQUIRED)
find_program(STRIP strip REQUIRED)
get_filename_component(source "${CPACK_RESOURCE_FILE_LICENSE}" DIRECTORY)

file(STRINGS "${CPACK_RESOURCE_FILE_LICENSE}" copyright REGEX "^Copyright")
string(REGEX REPLACE "^Copyright \\(c\\) " "" copyright "${copyright}")
file(READ "${CPACK_RESOURCE_FILE_LICENSE}" licence)
string(REGEX REPLACE "^[^\n]*\n\n[^\n]*\n\n" "" licence "${licence}")
string(REGEX REPLACE "\n+$" "" licence "${licence}")
string(REPLACE "\n\n" "\n.\n" licence "${licence}")
string(REPLACE "\n" "\n " licence "${licence}")
set(copyright_text "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Pluck

Files: *
Copyright: ${copyright}
License: Expat
 ${licence}
")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
    set(root "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}")
    string(TOUPPER ${component} upper)
    set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
    set(doc "${root}/usr/share/doc/${package}")

    file(WRITE "${doc}/copyright" "${copyright_text}")
    file(WRITE "${doc}/changelog" "pluck (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Version ${CPACK_PACKAGE_VERSION}; what has changed is in CHANGELOG.md of the source.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
    file(GLOB pages "${root}/usr/share/man/man*/*.[1-9]")
    foreach(page IN LISTS pages ITEMS "${doc}/changelog")
        execute_process(COMMAND "${GZIP}" -9nf "${page}" COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
    file(GLOB_RECURSE binaries "${root}/*.so" "${root}/*.so.*" "${root}/usr/bin/*")
    foreach(binary IN LISTS binaries)
        if(IS_SYMLINK "${binary}")
            continue()
        endif()
        execute_process(COMMAND "${STRIP}" --remove-section=.comment --remove-section=.note "${binary}"
                        COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
    file(GLOB_RECURSE archives "${root}/*.a")
    foreach(archive IN LISTS archives)
        execute_process(COMMAND "${STRIP}" --strip-debug --remove-section=.comment
                                --enable-deterministic-archives "${archive}" COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
    set(reasons "${source}/cmake/debian/lintian/${component}")
    if(EXISTS "${reasons}")
        file(READ "${reasons}" text)
        string(REPLACE "@PACKAGE@" ${package} text "${text}")
        file(WRITE "${root}/usr/share/lintian/overrides/${package}" "${text}")
    endif()
    # A umask of the one who packs must not show.
    execute_process(COMMAND chmod -R u+rwX,go+rX,go-w "${root}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
