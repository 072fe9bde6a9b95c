/* common_passwords.h - the table of common passwords, for its test; private to auth. */
#ifndef KDB_COMMON_PASSWORDS_H
#define KDB_COMMON_PASSWORDS_H

#include <stddef.h>

extern const char *const kdbi_common_passwords[];
extern const size_t kdbi_common_passwords_count;

#endif
