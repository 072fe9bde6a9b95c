/* common_passwords.h - the tables behind "Password is too common", for password_guess.c and its test; private to auth. */
#ifndef KDB_COMMON_PASSWORDS_H
#define KDB_COMMON_PASSWORDS_H

#include "kdb/str.h"

/* Whole passwords; all arguments are in lower case. */
extern const char *const kdbi_common_passwords[];
extern const size_t kdbi_common_passwords_count;
bool kdbi_password_is_listed(kdb_sv lower);

/* What passwords are made of, separated by spaces. */
kdb_sv kdbi_common_words(void);
bool kdbi_word_is_common(kdb_sv lower);

#endif
