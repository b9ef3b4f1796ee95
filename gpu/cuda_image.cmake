# Compiles the kernels for CUDA: with nvcc to a fat binary (code for Ampere and Hopper, PTX for
# later devices), else with nvcc or clang to PTX, else not at all; prints which. Each way is tried
# on a small kernel first, because an older nvcc does not know Hopper, and nvcc fails without a host
# compiler that it supports. What ptxas says of each kernel goes to pluck.image.log, for scripts/gpu-code.
set(PLUCK_GPU_ARCH "80" CACHE STRING "Oldest compute capability that the CUDA kernels run on")
set(PLUCK_GPU_IMAGE "${CMAKE_CURRENT_BINARY_DIR}/pluck.image")
set(PLUCK_GPU_IMAGE_MADE "" CACHE FILEPATH "An image that another build has made of these kernels")
set(image_source "${CMAKE_CURRENT_SOURCE_DIR}/kernels/pluck.cl")
file(GLOB image_depends CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/kernels/*")

find_program(PLUCK_NVCC nvcc PATHS /usr/local/cuda/bin /opt/cuda/bin)
find_program(PLUCK_CLANG NAMES clang clang-14 clang-15 clang-16 clang-17 clang-18 clang-19)

set(a ${PLUCK_GPU_ARCH})
set(image_fat ${PLUCK_NVCC} -x cu -fmad=false -Xptxas -v -fatbin "-gencode=arch=compute_${a},code=[sm_${a},compute_${a}]"
    -gencode=arch=compute_90,code=sm_90)
set(image_nvcc ${PLUCK_NVCC} -x cu -fmad=false -ptx -arch=compute_${a})
set(image_clang ${PLUCK_CLANG} -x cuda --cuda-device-only --cuda-gpu-arch=sm_${a} -nocudainc -nocudalib
    -Xclang -target-feature -Xclang +ptx74 -ffp-contract=off -O3 -S -Wno-unknown-cuda-version)
set(image_fat_is "code for compute capabilities ${a} and 90 and PTX, by nvcc")
set(image_nvcc_is "PTX for compute capability ${a}, by nvcc")
set(image_clang_is "PTX for compute capability ${a}, by clang")

# image_works(result compiler arguments...): does the compiler work?
function(image_works result)
    set(${result} FALSE PARENT_SCOPE)
    if(NOT ARGV1)
        return()
    endif()
    set(probe "${CMAKE_CURRENT_BINARY_DIR}/probe")
    file(WRITE "${probe}.cl"
         "extern \"C\" __attribute__((global)) void probe(float *x) { *x = 1.0f; }\n")
    execute_process(COMMAND ${ARGN} -o "${probe}.image" "${probe}.cl"
                    RESULT_VARIABLE code OUTPUT_QUIET ERROR_QUIET)
    if(code EQUAL 0)
        set(${result} TRUE PARENT_SCOPE)
    endif()
endfunction()

# Configuring again tries the compilers again only if the tools or the architecture changed.
set(image_key "${PLUCK_NVCC};${PLUCK_CLANG};${a}")
if(NOT "${PLUCK_GPU_IMAGE_KEY}" STREQUAL "${image_key}")
    set(found none)
    foreach(way fat nvcc clang)
        if(found STREQUAL none)
            image_works(works ${image_${way}})
            if(works)
                set(found ${way})
            endif()
        endif()
    endforeach()
    set(PLUCK_GPU_IMAGE_BY ${found} CACHE INTERNAL "How the CUDA kernels are compiled")
    set(PLUCK_GPU_IMAGE_KEY "${image_key}" CACHE INTERNAL "What that was found out for")
endif()

if(PLUCK_GPU_IMAGE_MADE)
    message(STATUS "CUDA kernels: those of ${PLUCK_GPU_IMAGE_MADE}")
    set(PLUCK_GPU_IMAGE "${PLUCK_GPU_IMAGE_MADE}")
elseif(PLUCK_GPU_IMAGE_BY STREQUAL none)
    message(STATUS "No nvcc and no clang that makes PTX: the CUDA kernels are compiled at run time")
    file(WRITE "${PLUCK_GPU_IMAGE}" "")
else()
    message(STATUS "CUDA kernels: ${image_${PLUCK_GPU_IMAGE_BY}_is}")
    add_custom_command(OUTPUT "${PLUCK_GPU_IMAGE}"
                       COMMAND ${CMAKE_COMMAND} "-DLOG=${PLUCK_GPU_IMAGE}.log"
                               -P "${CMAKE_CURRENT_SOURCE_DIR}/logged.cmake" --
                               ${image_${PLUCK_GPU_IMAGE_BY}} -o "${PLUCK_GPU_IMAGE}" "${image_source}"
                       DEPENDS ${image_depends} "${CMAKE_CURRENT_SOURCE_DIR}/logged.cmake"
                       COMMENT "Compiling the GPU kernels: ${image_${PLUCK_GPU_IMAGE_BY}_is}"
                       VERBATIM)
endif()
