# Runs a program on the test driver once for each call of the driver, in which that call fails
# (driver/calls.c):
#     cmake -DPROGRAM=program -P fail_each_call.cmake
# The program must say what went wrong and end with status 1 or, if it can do without the call, print
# the right tokens and end with 0. It must never crash.
cmake_minimum_required(VERSION 3.20)

set(ENV{ASAN_OPTIONS} "detect_leaks=0:$ENV{ASAN_OPTIONS}") # a program that gives up frees nothing
set(refused 0)
foreach(call RANGE 1 2000)
    set(ENV{PLK_TEST_CUDA_FAIL} ${call})
    execute_process(COMMAND "${PROGRAM}" RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE log)
    if(status EQUAL 1 AND NOT out MATCHES "row 0: token" AND out MATCHES "[a-z]")
        math(EXPR refused "${refused} + 1")
    elseif(NOT status EQUAL 0 OR NOT out STREQUAL "row 0: token 123\nrow 1: token 456\n")
        message(FATAL_ERROR "With call ${call} failing: status ${status}\n${out}${log}")
    endif()
    set(calls ${call})
    if(NOT log MATCHES "test driver: call ${call}, [A-Za-z0-9_]+, fails")
        break() # there are no more calls
    endif()
endforeach()
if(refused LESS 50 OR NOT status EQUAL 0)
    message(FATAL_ERROR "${refused} of ${calls} calls: the last run must not fail, most of the others must")
endif()
message("${calls} calls; ${refused} failures ended the program")
