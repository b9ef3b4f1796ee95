# Runs PROGRAM with ARGUMENT, if there is one, and fails unless it exits with 0 and prints exactly what
# the file EXPECTED holds. Lines with times, or the name of the kernels in use, are left out first.
execute_process(COMMAND ${PROGRAM} ${ARGUMENT} OUTPUT_VARIABLE printed RESULT_VARIABLE status)
string(REGEX REPLACE "[^\n]*(microseconds|kernels: )[^\n]*\n" "" printed "${printed}")
file(READ ${EXPECTED} expected)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "exit status ${status}")
elseif(NOT printed STREQUAL expected)
    message(FATAL_ERROR "printed:\n${printed}\nexpected:\n${expected}")
endif()
