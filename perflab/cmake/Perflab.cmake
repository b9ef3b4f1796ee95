# perflab_benchmark(NAME SOURCES... [LIBS target...] [HASH file...] [INCLUDES folder...]
#                   [DEFINES def...] [FLAGS flag...])
#
# Builds a benchmark (a file and further sources, in C or C++) twice, with -O3 -march=native and with
# portable -O3, each into
#   - a module for perflab, in ${CMAKE_BINARY_DIR}/perflab-modules (NAME-native.so, NAME-portable.so),
#   - a program of its own, bench-NAME or bench-NAME-portable, in the current binary folder.
#
# HASH names the files besides SOURCES that decide what runs, such as the sources of the library that
# a candidate calls. The source hash covers their contents, and all headers that they and SOURCES
# include. perflab adds the linked code and the libraries that it loads: if one of these changes, the
# statuses that were derived from it no longer count. What LIBS links statically must be
# position-independent code.
function(perflab_benchmark name)
    get_property(others GLOBAL PROPERTY PERFLAB_MODULE_NAMES)
    if(NOT others)
        cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL perflab_forget_modules)
    endif()
    set_property(GLOBAL APPEND PROPERTY PERFLAB_MODULE_NAMES "${name}-native.so"
                                                             "${name}-portable.so")
    cmake_parse_arguments(PB "" "" "LIBS;HASH;INCLUDES;DEFINES;FLAGS" ${ARGN})
    set(sources ${PB_UNPARSED_ARGUMENTS})
    list(LENGTH sources n_sources)
    set(absolute "")
    foreach(file IN LISTS sources PB_HASH)
        get_filename_component(whole "${file}" ABSOLUTE)
        list(APPEND absolute "${whole}")
    endforeach()
    set(link_language C)
    foreach(file IN LISTS sources)
        if(file MATCHES "\\.(cc|cpp|cxx)$")
            set(link_language CXX)
        endif()
    endforeach()
    foreach(variant native portable)
        set(flags -O3)
        set(suffix "-portable")
        if(variant STREQUAL native)
            set(flags -O3 -march=native)
            set(suffix "")
        endif()
        list(APPEND flags ${PB_FLAGS})
        string(REPLACE ";" " " flag_text "${flags}")
        set(info "${CMAKE_CURRENT_BINARY_DIR}/${name}-${variant}.build.c")
        set(module bench_${name}_${variant}_module)
        set(program bench_${name}_${variant})
        set(folders "$<TARGET_PROPERTY:${module},INCLUDE_DIRECTORIES>")
        add_custom_command(
            OUTPUT "${info}"
            COMMAND perflab::command hash ${absolute} --sources ${n_sources} --output "${info}"
                    --depfile "${info}.d" "--includes=$<JOIN:${folders},:>"
                    --variant ${variant} "--flags=${flag_text}"
                    "--compiler=${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}"
            DEPENDS ${absolute} $<TARGET_FILE:perflab::command>
            DEPFILE "${info}.d"
            COMMENT "Hashing the sources of ${name} (${variant})"
            VERBATIM)
        add_library(${module} MODULE ${sources} "${info}")
        add_executable(${program} ${sources} "${info}")
        set_target_properties(${module} PROPERTIES
            PREFIX "" OUTPUT_NAME "${name}-${variant}" SUFFIX ".so"
            LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/perflab-modules")
        set_target_properties(${program} PROPERTIES OUTPUT_NAME "bench-${name}${suffix}")
        target_link_libraries(${program} PRIVATE perflab::main)
        foreach(target ${module} ${program})
            set_target_properties(${target} PROPERTIES LINKER_LANGUAGE ${link_language})
            target_compile_options(${target} PRIVATE ${flags})
            target_compile_definitions(${target} PRIVATE ${PB_DEFINES})
            target_include_directories(${target} PRIVATE ${PB_INCLUDES})
            target_link_libraries(${target} PRIVATE perflab::bench ${PB_LIBS} m)
            if(COMMAND pluck_warnings)
                pluck_warnings(${target})
            endif()
        endforeach()
    endforeach()
endfunction()

# Removes the modules of benchmarks that are no longer registered. Called at the end of the
# configuration.
function(perflab_forget_modules)
    get_property(known GLOBAL PROPERTY PERFLAB_MODULE_NAMES)
    file(GLOB found RELATIVE "${CMAKE_BINARY_DIR}/perflab-modules"
         "${CMAKE_BINARY_DIR}/perflab-modules/*.so")
    foreach(module IN LISTS found)
        if(NOT module IN_LIST known)
            message(STATUS "perflab: ${module} is no longer registered: removed")
            file(REMOVE "${CMAKE_BINARY_DIR}/perflab-modules/${module}")
        endif()
    endforeach()
endfunction()
