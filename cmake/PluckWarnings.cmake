# pluck_warnings(target): the warnings and sanitizers every target of this project is built with.
function(pluck_warnings target)
    target_compile_options(${target} PRIVATE
        $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wstrict-prototypes
                                -Wmissing-prototypes -Wconversion>
        $<$<BOOL:${PLUCK_WERROR}>:-Werror>)
    if(MINGW)
        # C's own formats, %zu among them, instead of those of Windows. The headers' isnan and
        # isinf narrow what they are given.
        target_compile_definitions(${target} PRIVATE __USE_MINGW_ANSI_STDIO=1)
        target_compile_options(${target} PRIVATE -Wno-float-conversion)
    endif()
    if(PLUCK_SANITIZE)
        target_compile_options(${target} PRIVATE -fsanitize=${PLUCK_SANITIZE}
                               -fno-omit-frame-pointer -fno-sanitize-recover=all)
        target_link_options(${target} PRIVATE -fsanitize=${PLUCK_SANITIZE})
    endif()
endfunction()
