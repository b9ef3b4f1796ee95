# The version matrix: the drop-in's tests compiled and run with the older libllamas that
# scripts/get-llama has fetched, against the headers of their own or of the nearest version whose
# structs are the same. NAME HEADERS GENERATION TESTS; the generation is the number of functions in
# llama_sampler_i (see preload/real.h). If a version's own headers were not fetched and its structs
# differ, the tests that load a model are left out.
set(matrix
    "b7347|b7347|6|arrays life cases model"
    "b8179|b8390|10|arrays life cases model"
    "b8390|b8390|10|arrays life cases model"
    "b10068|b8390|10|arrays life"
    "b10361|0.5.0|12|arrays life copy"
    "0.4.0|0.5.0|12|arrays life copy cases model")
if(PLUCK_SANITIZE) # one of each older generation
    set(matrix "b7347|b7347|6|arrays life" "b8390|b8390|10|arrays life")
endif()
# In these versions top_n_sigma ends with a softmax.
set(sigma_sorts b7347 b8179 b8390)

function(pluck_version_folder name out)
    if(name STREQUAL "0.5.0")
        set(folder ${PROJECT_SOURCE_DIR}/third_party/llama)
    else()
        set(folder ${PROJECT_SOURCE_DIR}/third_party/llama-versions/${name})
    endif()
    set(${out} ${folder} PARENT_SCOPE)
endfunction()

# Tests that every sampler is taken over, which the tests above cannot tell.
function(pluck_version_is_taken name program)
    add_test(NAME llama_on_${name}_taken
             COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_version.sh "${preloads}"
                     $<TARGET_FILE:${program}> ${name})
    set_tests_properties(llama_on_${name}_taken PROPERTIES LABELS "llama;versions" TIMEOUT 900)
endfunction()

# Tests two generations in one process, in plugins that are loaded privately.
function(pluck_two_libllamas)
    pluck_version_folder(b7347 old)
    if(NOT EXISTS ${old}/.complete)
        return()
    endif()
    foreach(plugin text_plugin_0.5.0 text_plugin_b7347)
        add_library(${plugin} MODULE text_plugin.c ../commands/model.c)
        target_include_directories(${plugin} PRIVATE ${PROJECT_SOURCE_DIR}/llama)
        pluck_warnings(${plugin})
        set_target_properties(${plugin} PROPERTIES C_VISIBILITY_PRESET default)
    endforeach()
    target_link_libraries(text_plugin_0.5.0 PRIVATE pluck_libllama)
    target_include_directories(text_plugin_b7347 SYSTEM PRIVATE ${old}/include)
    file(GLOB libraries ${old}/lib/libllama.*.so ${old}/lib/libggml.*.so ${old}/lib/libggml-base.so)
    target_link_libraries(text_plugin_b7347 PRIVATE ${libraries})
    add_executable(two_libllamas two_libllamas.c)
    target_link_libraries(two_libllamas PRIVATE ${CMAKE_DL_LIBS})
    pluck_warnings(two_libllamas)
    add_test(NAME llama_test_two
             COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_two.sh $<TARGET_FILE:pluck_llama_preload>
                     $<TARGET_FILE:two_libllamas> ${model} $<TARGET_FILE:text_plugin_0.5.0>
                     $<TARGET_FILE:text_plugin_b7347>)
    set_tests_properties(llama_test_two PROPERTIES LABELS "llama;versions" TIMEOUT 600)
endfunction()

# Tests `pluck llama-dir` with third_party's libllama and with an older one.
function(pluck_llama_dir_test)
    pluck_version_folder(0.5.0 new)
    pluck_version_folder(b7347 old)
    if(NOT EXISTS ${new}/lib/libllama.so OR NOT PLUCK_BUILD_TOOLS)
        return()
    endif()
    set(older)
    if(EXISTS ${old}/.complete)
        set(older ${old}/lib)
    endif()
    add_test(NAME llama_test_llama_dir
             COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_llama_dir.sh
                     $<TARGET_FILE:pluck_llama_command> ${new}/lib $<TARGET_FILE:generate_text>
                     $<TARGET_FILE:dlopen_generate> ${model} $<TARGET_FILE:pluck_llama_preload>
                     ${older})
    set_tests_properties(llama_test_llama_dir PROPERTIES LABELS llama TIMEOUT 900)
endfunction()

# pluck_version_tests(NAME HEADERS GENERATION TESTS...): targets and tests for one version.
function(pluck_version_tests name headers generation)
    pluck_version_folder(${name} folder)
    pluck_version_folder(${headers} header_folder)
    if(NOT EXISTS ${folder}/.complete OR NOT EXISTS ${header_folder}/include/llama.h)
        message(STATUS "drop-in tests with libllama ${name}: skipped (run scripts/get-llama)")
        return()
    endif()
    file(GLOB libraries ${folder}/lib/libllama.*.so ${folder}/lib/libggml.*.so
        ${folder}/lib/libggml-base.so)
    set(common llama_version_${name})
    add_library(${common} STATIC twin.c twin_pair.c ../commands/model.c)
    target_include_directories(${common} PUBLIC ${PROJECT_SOURCE_DIR}/include
        ${PROJECT_SOURCE_DIR}/llama)
    target_include_directories(${common} SYSTEM PUBLIC ${header_folder}/include)
    target_compile_definitions(${common} PUBLIC TWIN_GENERATION=${generation}
        $<$<IN_LIST:${name},${sigma_sorts}>:TWIN_SIGMA_SORTS>)
    target_link_libraries(${common} PUBLIC pluck_rows ${libraries} ${CMOCKA_LIBRARY}
        ${CMAKE_DL_LIBS} m)
    pluck_warnings(${common})
    foreach(test ${ARGN})
        set(target test_dropin_${test}_${name})
        add_executable(${target} test_dropin_${test}.c)
        target_link_libraries(${target} PRIVATE ${common})
        pluck_warnings(${target})
        set(arguments)
        if(test MATCHES "cases|model")
            set(arguments ${model})
        endif()
        add_test(NAME llama_on_${name}_${test} COMMAND ${target} ${arguments})
        set_tests_properties(llama_on_${name}_${test} PROPERTIES LABELS "llama;versions" TIMEOUT 900
            ENVIRONMENT "LD_PRELOAD=${preloads}")
    endforeach()
    if(NOT PLUCK_SANITIZE)
        pluck_version_is_taken(${name} test_dropin_life_${name})
    endif()
endfunction()

foreach(entry IN LISTS matrix)
    string(REPLACE "|" ";" fields "${entry}")
    list(GET fields 3 tests)
    list(REMOVE_AT fields 3)
    separate_arguments(tests)
    pluck_version_tests(${fields} ${tests})
endforeach()
if(NOT PLUCK_SANITIZE)
    pluck_version_is_taken(0.5.0 test_dropin_life)
endif()
