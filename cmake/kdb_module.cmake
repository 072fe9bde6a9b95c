# kdb_module.cmake - how a module, its tests and a program are declared.
#
#   kdb_module(live
#       SOURCES live_hub.c live_filter.c    # in src/
#       EXPOSES commons tables              # our public headers include theirs
#       USES    registry                    # only our .c files do
#       LIBS    jansson                     # other people's libraries, as cmake/layers.txt allows (kdb::jansson)
#       TESTS   hub filter                  # test/hub_test.c is live_hub_test, run by ctest as live.hub
#       TEST_SUPPORT fake_store.c           # in test/, compiled into each test
#       TEST_USES    store                  # more modules for the tests, of any lower layer
#       TEST_LIBS    jansson)               # more libraries for the tests
#
# makes the static library kdb_live. It sees its own include/ and src/ and the public headers of what it names.
# Each of its public headers is also compiled alone (kdb_live_headers).
#
#   kdb_program(kalamdb-server SOURCES main.c USES server)
#
# makes bin/kalamdb-server from src/main.c of the module in whose CMakeLists.txt it stands.

# Fails at configure time unless `name` is a module of a lower layer than `by`.
function(kdb_check_below by name)
    if(NOT DEFINED KDB_LAYER_${name})
        message(FATAL_ERROR "module ${by} names ${name}, which is not in cmake/layers.txt")
    endif()
    if(NOT KDB_LAYER_${name} LESS KDB_LAYER_${by})
        message(FATAL_ERROR "module ${by} (layer ${KDB_LAYER_${by}}) may not use ${name} (layer ${KDB_LAYER_${name}}): "
            "a module calls only what is below it")
    endif()
endfunction()

function(kdb_prefixed out prefix)
    list(TRANSFORM ARGN PREPEND ${prefix})
    set(${out} ${ARGN} PARENT_SCOPE)
endfunction()

# kdb_test(<ctest name> <executable> [<argument>...]) runs it in an empty directory of its own. The time-out is for one that
# hangs: the longest takes five minutes with ThreadSanitizer on a machine that does other things too.
function(kdb_test name executable)
    add_test(NAME ${name}
        COMMAND ${PROJECT_SOURCE_DIR}/scripts/in-scratch-dir ${PROJECT_BINARY_DIR}/scratch/${name}
                $<TARGET_FILE:${executable}> ${ARGN})
    set_tests_properties(${name} PROPERTIES TIMEOUT 1800)
endfunction()

function(kdb_module_tests name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "TESTS;TEST_SUPPORT;TEST_USES;TEST_LIBS")
    kdb_prefixed(support test/ ${arg_TEST_SUPPORT})
    kdb_prefixed(modules kdb_ ${arg_TEST_USES})
    kdb_prefixed(libs kdb:: ${arg_TEST_LIBS})
    foreach(test IN LISTS arg_TESTS)
        set(target ${name}_${test}_test)
        add_executable(${target} test/${test}_test.c ${support})
        # The module's own headers, private ones included, and whatever its .c files see.
        target_include_directories(${target} PRIVATE src test ${PROJECT_SOURCE_DIR}/tests/support
                                   $<TARGET_PROPERTY:kdb_${name},INCLUDE_DIRECTORIES>)
        target_link_libraries(${target} PRIVATE kdb_${name} ${modules} ${libs} kdb::cmocka kdb_flags)
        set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
        kdb_test(${name}.${test} ${target})
    endforeach()
endfunction()

# A line of C per public header that includes only that header.
function(kdb_module_headers name)
    file(GLOB headers RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/include CONFIGURE_DEPENDS include/kdb/*.h)
    set(units)
    foreach(header IN LISTS headers)
        string(MAKE_C_IDENTIFIER ${header} unit)
        file(CONFIGURE OUTPUT headers/${unit}.c CONTENT "#include \"${header}\"\n")
        list(APPEND units ${CMAKE_CURRENT_BINARY_DIR}/headers/${unit}.c)
    endforeach()
    if(units)
        add_library(kdb_${name}_headers OBJECT ${units})
        target_link_libraries(kdb_${name}_headers PRIVATE kdb_${name} kdb_flags)
    endif()
endfunction()

function(kdb_module name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;EXPOSES;USES;LIBS;TESTS;TEST_SUPPORT;TEST_USES;TEST_LIBS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "kdb_module(${name}): what is ${arg_UNPARSED_ARGUMENTS}?")
    endif()
    if(NOT DEFINED KDB_LAYER_${name})
        message(FATAL_ERROR "module ${name} is not in cmake/layers.txt")
    endif()
    foreach(other IN LISTS arg_EXPOSES arg_USES arg_TEST_USES)
        kdb_check_below(${name} ${other})
        if(NOT TARGET kdb_${other})
            message(WARNING "module ${name} is left out: it uses ${other}, which is not being built")
            return()
        endif()
    endforeach()
    foreach(lib IN LISTS arg_LIBS)
        if(NOT lib IN_LIST KDB_LIBS_${name})
            message(FATAL_ERROR "module ${name} may not use ${lib}: cmake/layers.txt gives it ${KDB_LIBS_${name}}")
        endif()
    endforeach()

    kdb_prefixed(sources src/ ${arg_SOURCES})
    kdb_prefixed(exposes kdb_ ${arg_EXPOSES})
    kdb_prefixed(uses kdb_ ${arg_USES})
    kdb_prefixed(libs kdb:: ${arg_LIBS})
    add_library(kdb_${name} STATIC ${sources})
    target_include_directories(kdb_${name} PUBLIC include PRIVATE src)
    target_link_libraries(kdb_${name} PUBLIC ${exposes} PRIVATE ${uses} ${libs} kdb_flags)
    set_property(GLOBAL APPEND PROPERTY KDB_BUILT_MODULES ${name})
    kdb_module_headers(${name})
    if(BUILD_TESTING)
        kdb_module_tests(${name} TESTS ${arg_TESTS} TEST_SUPPORT ${arg_TEST_SUPPORT} TEST_USES ${arg_TEST_USES}
            TEST_LIBS ${arg_TEST_LIBS})
    endif()
endfunction()

function(kdb_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES")
    foreach(other IN LISTS arg_USES)
        if(NOT TARGET kdb_${other})
            message(WARNING "program ${name} is left out: it uses ${other}, which is not being built")
            return()
        endif()
    endforeach()
    kdb_prefixed(sources src/ ${arg_SOURCES})
    kdb_prefixed(modules kdb_ ${arg_USES})
    add_executable(${name} ${sources})
    target_include_directories(${name} PRIVATE src)
    target_link_libraries(${name} PRIVATE ${modules} kdb_flags)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# kdb_fuzz(sql USES dialect) makes sql_fuzz from fuzz/sql_fuzz.c, which defines LLVMFuzzerTestOneInput. With KDB_FUZZ it
# is a fuzzer; otherwise it replays the saved inputs of fuzz/corpus/sql, and ctest runs it as fuzz.sql.
function(kdb_fuzz name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "USES")
    kdb_prefixed(modules kdb_ ${arg_USES})
    add_executable(${name}_fuzz ${name}_fuzz.c)
    target_link_libraries(${name}_fuzz PRIVATE ${modules} kdb_flags)
    set_target_properties(${name}_fuzz PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    if(KDB_FUZZ)
        target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(${name}_fuzz PRIVATE replay_main.c)
        kdb_test(fuzz.${name} ${name}_fuzz ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
    endif()
endfunction()

# kdb_bench(scan USES store) makes scan_bench from bench/scan_bench.c; `./dev bench scan` runs it.
function(kdb_bench name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "USES;LIBS")
    kdb_prefixed(modules kdb_ ${arg_USES})
    kdb_prefixed(libs kdb:: ${arg_LIBS})
    add_executable(${name}_bench EXCLUDE_FROM_ALL ${name}_bench.c)
    target_link_libraries(${name}_bench PRIVATE ${modules} ${libs} kdb_flags)
    set_target_properties(${name}_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
    add_dependencies(bench ${name}_bench)
endfunction()
