# pluck_left_out(what why...): notes that a part is not built. The top CMakeLists.txt prints one
# line for each such part at the end, even if CMake's status messages are turned off, so that
# nothing is left out silently.
function(pluck_left_out what)
    string(JOIN " " why ${ARGN})
    set_property(GLOBAL APPEND PROPERTY PLUCK_LEFT_OUT "${what} (${why})")
endfunction()

# pluck_print_left_out(): prints the lines, with the level NOTICE because `make` hides lower levels.
function(pluck_print_left_out)
    get_property(lines GLOBAL PROPERTY PLUCK_LEFT_OUT)
    foreach(line IN LISTS lines)
        message(NOTICE "Left out: ${line}")
    endforeach()
endfunction()
