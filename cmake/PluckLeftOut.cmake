# pluck_left_out(what why...): notes that a part is not built here. The top CMakeLists.txt prints one line
# for each such part at the end, also where CMake's own chatter is turned off: nothing is absent silently.
function(pluck_left_out what)
    string(JOIN " " why ${ARGN})
    set_property(GLOBAL APPEND PROPERTY PLUCK_LEFT_OUT "${what} (${why})")
endfunction()

# pluck_print_left_out(): the lines. `make` hides what is below the level NOTICE.
function(pluck_print_left_out)
    get_property(lines GLOBAL PROPERTY PLUCK_LEFT_OUT)
    foreach(line IN LISTS lines)
        message(NOTICE "Left out: ${line}")
    endforeach()
endfunction()
