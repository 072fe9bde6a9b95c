/* log.h - structured log: one line per event, `key=value` pairs in the message. Any thread; a line is one write. */
#ifndef KDB_LOG_H
#define KDB_LOG_H

#include "kdb/str.h"

typedef enum kdb_log_level { KDB_LOG_ERROR, KDB_LOG_WARN, KDB_LOG_INFO, KDB_LOG_DEBUG, KDB_LOG_TRACE } kdb_log_level;
typedef enum kdb_log_format { KDB_LOG_COMPACT, KDB_LOG_JSON } kdb_log_format;

/* Set once at start, before threads. `fd` receives the lines (2: stderr); -1 silences. */
void kdb_log_setup(kdb_log_level level, kdb_log_format format, int fd);
/* "error".."trace"; KDB_INVALID otherwise. */
KDB_NODISCARD kdb_status kdb_log_level_parse(kdb_sv text, kdb_log_level *out, kdb_err *err);
bool kdb_log_enabled(kdb_log_level level);
/* Messages read "verb object key=value ..": keys mean the same everywhere and hold no secrets or row data. */
void kdb_log_write(kdb_log_level level, const char *file, int line, const char *fmt, ...) KDB_PRINTF(4, 5);

/* One of the latest lines, for system.server_logs. */
typedef struct kdb_log_line {
    int64_t at_us;
    kdb_log_level level;
    char thread[16];
    const char *file; /* a literal: where in our code */
    int line;
    char message[480]; /* cut when longer */
} kdb_log_line;
enum { KDB_LOG_LINES_KEPT = 256 };
const char *kdb_log_level_name(kdb_log_level level); /* "ERROR" */
/* Copies the latest lines that were written, the oldest first; returns how many. Any thread. */
size_t kdb_log_recent(kdb_log_line out[KDB_LOG_LINES_KEPT]);

#define kdb_log_at(level, ...)                                                                                         \
    (kdb_log_enabled(level) ? kdb_log_write((level), __FILE__, __LINE__, __VA_ARGS__) : (void)0)
#define kdb_log_error(...) kdb_log_at(KDB_LOG_ERROR, __VA_ARGS__)
#define kdb_log_warn(...) kdb_log_at(KDB_LOG_WARN, __VA_ARGS__)
#define kdb_log_info(...) kdb_log_at(KDB_LOG_INFO, __VA_ARGS__)
#define kdb_log_debug(...) kdb_log_at(KDB_LOG_DEBUG, __VA_ARGS__)

#endif
