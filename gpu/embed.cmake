# Writes a C file that holds the kernels:
#     cmake -DMAIN=pluck.cl -DIMAGE=file -DOUTPUT=kernels.c -P embed.cmake
# Each `#include "file"` line of the source is replaced by that file, so that compiling it at run
# time needs no include path. IMAGE may be an empty file.
cmake_minimum_required(VERSION 3.20)

function(expand file result)
    get_filename_component(folder "${file}" DIRECTORY)
    file(READ "${file}" text)
    set(out "")
    while(text MATCHES "#include \"([^\"]+)\"")
        set(hit "${CMAKE_MATCH_0}")
        set(name "${CMAKE_MATCH_1}")
        string(FIND "${text}" "${hit}" at)
        string(LENGTH "${hit}" length)
        math(EXPR after "${at} + ${length}")
        string(SUBSTRING "${text}" 0 ${at} before)
        string(SUBSTRING "${text}" ${after} -1 text)
        expand("${folder}/${name}" inner)
        string(APPEND out "${before}${inner}")
    endwhile()
    set(${result} "${out}${text}" PARENT_SCOPE)
endfunction()

# The file's bytes as the body of a char array, ended by a zero.
function(bytes_of file result)
    file(READ "${file}" hex HEX)
    string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
    set(${result} "${hex}0x00" PARENT_SCOPE)
endfunction()

# The file's bytes as the body of an array of 64-bit words, ended by a zero: a compiler takes a tenth of
# the time for it that it takes for an array of bytes. The order of bytes is that of all machines that
# have CUDA.
function(words_of file result)
    file(READ "${file}" hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR more "(16 - ${digits} % 16) % 16")
    string(REPEAT "0" ${more} zeros)
    set(byte "([0-9a-f][0-9a-f])")
    string(REGEX REPLACE "${byte}${byte}${byte}${byte}${byte}${byte}${byte}${byte}"
           "0x\\8\\7\\6\\5\\4\\3\\2\\1,\n" words "${hex}${zeros}")
    set(${result} "${words}0" PARENT_SCOPE)
endfunction()

expand("${MAIN}" source)
file(WRITE "${OUTPUT}.cl" "${source}")
bytes_of("${OUTPUT}.cl" source_bytes)
words_of("${IMAGE}" image_words)
file(WRITE "${OUTPUT}"
"/* Made by gpu/embed.cmake of gpu/kernels. */
#include \"device.h\"

const char gpu_kernel_source[] = {
${source_bytes}};

const uint64_t gpu_kernel_image[] = {
${image_words}};
")
