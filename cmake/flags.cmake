# flags.cmake - how all of our code is compiled: the kdb_flags interface library, and the sanitisers.

# No NDEBUG anywhere: KDB_ASSERT stays on in release.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-Og -g")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)      # for __int128 and __attribute__((cleanup))
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(KDB_CCACHE ccache)
mark_as_advanced(KDB_CCACHE)
if(KDB_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER ${KDB_CCACHE})
endif()

add_library(kdb_flags INTERFACE)
target_compile_definitions(kdb_flags INTERFACE _GNU_SOURCE $<$<NOT:$<CONFIG:Release>>:KDB_DEBUG=1> $<$<NOT:$<CONFIG:Release>>:KDB_FAILPOINTS=1>)
target_compile_options(kdb_flags INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
    $<$<C_COMPILER_ID:Clang>:-Wthread-safety>   # what KDB_REQUIRES and its kin say about locks
    -fno-omit-frame-pointer -fstack-protector-strong)
target_link_libraries(kdb_flags INTERFACE Threads::Threads m)

set(KDB_SANITIZE "" CACHE STRING "address (with undefined), thread, or empty")
set_property(CACHE KDB_SANITIZE PROPERTY STRINGS "" address thread)
option(KDB_COVERAGE "Count executed lines, for ./dev coverage" OFF)
option(KDB_FUZZ "Build fuzz/ with libFuzzer (Clang only) instead of the replay of its saved inputs" OFF)

set(kdb_instrument)
if(KDB_SANITIZE STREQUAL "address")
    list(APPEND kdb_instrument -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(KDB_SANITIZE STREQUAL "thread")
    list(APPEND kdb_instrument -fsanitize=thread)
elseif(KDB_SANITIZE)
    message(FATAL_ERROR "KDB_SANITIZE is address or thread, not ${KDB_SANITIZE}")
endif()
if(KDB_COVERAGE)
    list(APPEND kdb_instrument --coverage -fprofile-update=atomic)
endif()
if(KDB_FUZZ)
    list(APPEND kdb_instrument -fsanitize=fuzzer-no-link)
endif()
target_compile_options(kdb_flags INTERFACE ${kdb_instrument})
target_link_options(kdb_flags INTERFACE ${kdb_instrument})
