# Compiles the kernels as OpenCL C 1.2 with every extension refused, fp64 first of all, for devices of
# 64 and 32 bits:
#     cmake -DCLANG=clang -DSOURCE=pluck.cl -P opencl_strict.cmake
# A file that uses fp64 must be refused, or the test would show nothing.
cmake_minimum_required(VERSION 3.20)

# compiles(result source arguments...): the compiler's messages go to ${result}_log.
function(compiles result source)
    execute_process(COMMAND "${CLANG}" -x cl -cl-std=CL1.2 -Xclang -cl-ext=-all
                            -Xclang -finclude-default-header -fsyntax-only -Werror -Wall -Wextra
                            -Wno-unused-parameter -pedantic ${ARGN} "${source}"
                    RESULT_VARIABLE code OUTPUT_VARIABLE log ERROR_VARIABLE log)
    set(${result} ${code} PARENT_SCOPE)
    set(${result}_log "${log}" PARENT_SCOPE)
endfunction()

set(probe "${CMAKE_CURRENT_BINARY_DIR}/opencl-probe.cl")
file(WRITE "${probe}" "kernel void probe(global float *x) { *x = *x * 2.0f; }\n")
compiles(code "${probe}" -target spir64-unknown-unknown)
if(NOT code EQUAL 0)
    message("skipped: ${CLANG} does not compile OpenCL C: ${code_log}")
    return()
endif()
foreach(fp64 "double y = *x; *x = y + *x;" "*x = *x * 2.0;")
    file(WRITE "${probe}" "kernel void probe(global float *x) { ${fp64} }\n")
    compiles(code "${probe}" -target spir64-unknown-unknown)
    if(code EQUAL 0)
        message(FATAL_ERROR "${CLANG} does not refuse fp64 in: ${fp64}")
    endif()
endforeach()
file(REMOVE "${probe}")

foreach(target spir64-unknown-unknown spir-unknown-unknown)
    foreach(sizes "-DPLK_WG=256" "-DPLK_WG=64;-DPLK_SMALL_MAX=512;-DPLK_BINS=512;-DPLK_UNROLL")
        compiles(code "${SOURCE}" -target ${target} ${sizes})
        if(NOT code EQUAL 0)
            message(FATAL_ERROR "not strict OpenCL C 1.2 (${target}, ${sizes}):\n${code_log}")
        endif()
    endforeach()
endforeach()
