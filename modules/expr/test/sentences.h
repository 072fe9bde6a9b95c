/* sentences.h - random expressions as SQL text, typed so that most of them mean something. */
#ifndef KDB_TEST_EXPR_SENTENCES_H
#define KDB_TEST_EXPR_SENTENCES_H

#include "rows.h"

enum { SENTENCE_PARAMS = 3 };

typedef struct sentence {
    kdb_buf *out;
    chance *chance;
    kdb_value params[SENTENCE_PARAMS]; /* those used so far */
    uint32_t nparams;
} sentence;

/* Appends one expression of any type. */
void sentence_any(sentence *s);
/* Appends a condition: up to three terms. */
void sentence_truth(sentence *s);

#endif
