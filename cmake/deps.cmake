# deps.cmake - one imported target, kdb::<name>, per library that is not ours. A module asks for them with LIBS, and
# cmake/layers.txt says which module may. Their headers count as system headers, so our warnings do not reach them.

set(DUCKDB_ROOT "$ENV{DUCKDB_ROOT}" CACHE PATH "Where DuckDB's lib/ and include/ are; empty: build/deps/duckdb, filled by ./dev")
if(DUCKDB_ROOT)
    set(kdb_duckdb_root ${DUCKDB_ROOT})
else()
    set(kdb_duckdb_root ${PROJECT_SOURCE_DIR}/build/deps/duckdb)
endif()

# kdb_dependency(<name> HEADER <file> [LIBRARY <name>] [ROOT <dir>] [LINKS <target or library>...] [DEFINES <def>...])
# Without LIBRARY only the headers are looked for; with ROOT both are looked for there and nowhere else.
function(kdb_dependency name)
    cmake_parse_arguments(PARSE_ARGV 1 dep "" "HEADER;LIBRARY;ROOT" "LINKS;DEFINES")
    set(in_include)
    set(in_lib)
    if(dep_ROOT)
        # A path kept from an earlier configure may be from another root.
        unset(KDB_${name}_INCLUDE CACHE)
        unset(KDB_${name}_LIBRARY CACHE)
        set(in_include PATHS ${dep_ROOT}/include NO_DEFAULT_PATH)
        set(in_lib PATHS ${dep_ROOT}/lib NO_DEFAULT_PATH)
    endif()
    set(advice "was not found. `./dev build` installs what is missing.")
    find_path(KDB_${name}_INCLUDE ${dep_HEADER} ${in_include})
    mark_as_advanced(KDB_${name}_INCLUDE)
    if(NOT KDB_${name}_INCLUDE)
        message(FATAL_ERROR "${dep_HEADER} (${name}) ${advice}")
    endif()
    add_library(kdb::${name} INTERFACE IMPORTED GLOBAL)
    set_target_properties(kdb::${name} PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES ${KDB_${name}_INCLUDE}
        INTERFACE_COMPILE_DEFINITIONS "${dep_DEFINES}"
        INTERFACE_LINK_LIBRARIES "${dep_LINKS}")
    if(dep_LIBRARY)
        find_library(KDB_${name}_LIBRARY ${dep_LIBRARY} ${in_lib})
        mark_as_advanced(KDB_${name}_LIBRARY)
        if(NOT KDB_${name}_LIBRARY)
            message(FATAL_ERROR "lib${dep_LIBRARY} (${name}) ${advice}")
        endif()
        set_property(TARGET kdb::${name} PROPERTY INTERFACE_LINK_LIBRARIES ${KDB_${name}_LIBRARY} ${dep_LINKS})
    endif()
endfunction()

find_package(Threads REQUIRED)
kdb_dependency(jansson    HEADER jansson.h       LIBRARY jansson)
kdb_dependency(inih       HEADER ini.h           LIBRARY inih)
kdb_dependency(xxhash     HEADER xxhash.h        LIBRARY xxhash)
kdb_dependency(z          HEADER zlib.h          LIBRARY z)
kdb_dependency(curl       HEADER curl/curl.h     LIBRARY curl)
# In what people run, RocksDB is linked statically: its thread-local counters then cost no call, which is a tenth of a scan.
# Elsewhere it stays a library of its own, which is how the sanitisers' suppressions know it.
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    kdb_dependency(rocksdb HEADER rocksdb/c.h LIBRARY librocksdb.a LINKS snappy lz4 zstd bz2 z stdc++ m Threads::Threads)
else()
    kdb_dependency(rocksdb HEADER rocksdb/c.h LIBRARY rocksdb)
endif()
kdb_dependency(duckdb     HEADER duckdb.h        LIBRARY duckdb ROOT ${kdb_duckdb_root})
# libpg_query carries protobuf-c's code; Debian's protobuf-c gives the headers only.
kdb_dependency(protobuf-c HEADER protobuf-c/protobuf-c.h)
kdb_dependency(pg_query   HEADER pg_query.h      LIBRARY pg_query LINKS kdb::protobuf-c)
kdb_dependency(crypt      HEADER crypt.h         LIBRARY crypt)
kdb_dependency(jwt        HEADER jwt.h           LIBRARY jwt)
kdb_dependency(crypto     HEADER openssl/evp.h   LIBRARY crypto)
kdb_dependency(openssl    HEADER openssl/ssl.h   LIBRARY ssl LINKS kdb::crypto)
kdb_dependency(h2o        HEADER h2o.h           LIBRARY h2o-evloop DEFINES H2O_USE_LIBUV=0 LINKS kdb::openssl kdb::z)
if(BUILD_TESTING)
    kdb_dependency(cmocka HEADER cmocka.h        LIBRARY cmocka)
endif()
