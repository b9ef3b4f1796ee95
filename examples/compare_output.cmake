# Runs PROGRAM with ARGUMENT, if there is one. Fails unless it exits with 0 and prints exactly the
# content of the file EXPECTED, not counting lines with times or with the name of the kernels in
# use.
execute_process(COMMAND ${PROGRAM} ${ARGUMENT} OUTPUT_VARIABLE printed RESULT_VARIABLE status)
string(REGEX REPLACE "[^\n]*(microseconds|kernels: )[^\n]*\n" "" printed "${printed}")
string(REPLACE "\r" "" printed "${printed}") # Windows
file(READ ${EXPECTED} expected)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "exit status ${status}")
elseif(NOT printed STREQUAL expected)
    message(FATAL_ERROR "printed:\n${printed}\nexpected:\n${expected}")
endif()
