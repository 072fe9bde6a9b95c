/* version.c - what is being run. CMake compiles this file again when one of the two changes. */
#include "kdb/server.h"

const char *const kdb_server_version = KDB_VERSION;
const char *const kdb_server_build_date = KDB_BUILD_DATE;
