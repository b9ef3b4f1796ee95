# Compiles the kernels to PTX with nvcc, else with clang, else not at all; says which.
set(PLUCK_GPU_PTX_ARCH "80" CACHE STRING "Oldest compute capability the PTX runs on")
set(PLUCK_GPU_PTX "${CMAKE_CURRENT_BINARY_DIR}/pluck.ptx")
set(ptx_source "${CMAKE_CURRENT_SOURCE_DIR}/kernels/pluck.cl")
file(GLOB ptx_depends CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/kernels/*")

find_program(PLUCK_NVCC nvcc PATHS /usr/local/cuda/bin /opt/cuda/bin)
find_program(PLUCK_CLANG NAMES clang clang-14 clang-15 clang-16 clang-17 clang-18 clang-19)

set(ptx_nvcc ${PLUCK_NVCC} -x cu -ptx -arch=compute_${PLUCK_GPU_PTX_ARCH} -fmad=false)
set(ptx_clang ${PLUCK_CLANG} -x cuda --cuda-device-only --cuda-gpu-arch=sm_${PLUCK_GPU_PTX_ARCH}
    -nocudainc -nocudalib -Xclang -target-feature -Xclang +ptx74 -ffp-contract=off -O3 -S
    -Wno-unknown-cuda-version)

# Does the compiler work? (An nvcc without a host compiler it knows does not.)
function(ptx_works result)
    if(NOT ARGV1)
        set(${result} FALSE PARENT_SCOPE)
        return()
    endif()
    file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/ptx_probe.cl"
         "extern \"C\" __attribute__((global)) void probe(float *x) { *x = 1.0f; }\n")
    execute_process(COMMAND ${ARGN} -o "${CMAKE_CURRENT_BINARY_DIR}/ptx_probe.ptx"
                            "${CMAKE_CURRENT_BINARY_DIR}/ptx_probe.cl"
                    RESULT_VARIABLE code OUTPUT_QUIET ERROR_QUIET)
    if(code EQUAL 0)
        set(${result} TRUE PARENT_SCOPE)
    else()
        set(${result} FALSE PARENT_SCOPE)
    endif()
endfunction()

set(PLUCK_GPU_PTX_BY "")
foreach(compiler nvcc clang)
    if(PLUCK_GPU_PTX_BY STREQUAL "")
        ptx_works(works ${ptx_${compiler}})
        if(works)
            set(PLUCK_GPU_PTX_BY ${compiler})
        endif()
    endif()
endforeach()

if(PLUCK_GPU_PTX_BY STREQUAL "")
    message(STATUS "No nvcc and no clang that makes PTX: the CUDA kernels are compiled at run time")
    file(WRITE "${PLUCK_GPU_PTX}" "")
else()
    message(STATUS "CUDA kernels: PTX for compute capability ${PLUCK_GPU_PTX_ARCH} by ${PLUCK_GPU_PTX_BY}")
    add_custom_command(OUTPUT "${PLUCK_GPU_PTX}"
                       COMMAND ${ptx_${PLUCK_GPU_PTX_BY}} -o "${PLUCK_GPU_PTX}" "${ptx_source}"
                       DEPENDS ${ptx_depends}
                       COMMENT "Compiling the GPU kernels to PTX (${PLUCK_GPU_PTX_BY})")
endif()
