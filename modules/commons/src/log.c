/* log.c - one line per event, built in a fixed buffer on the stack and sent by one write, so that lines of different
 * threads never mix and running out of memory can be logged. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "commons_int.h"
#include "kdb/clock.h"
#include "kdb/json.h"
#include "kdb/log.h"

enum {
    MESSAGE_MAX = 2048,
    LINE_MAX_BYTES = 16 * 1024 /* a message of control characters grows sixfold as JSON */
};

static const char *const level_names[] = { "ERROR", "WARN", "INFO", "DEBUG", "TRACE" };

/* The latest lines. The lock is a leaf below all ranks, held while one line is copied, for anybody may log while holding any
 * lock. */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static kdb_log_line kept[KDB_LOG_LINES_KEPT];
static size_t kept_count; /* ever */

/* Set before threads start. */
static kdb_log_level log_level = KDB_LOG_INFO;
static kdb_log_format log_format = KDB_LOG_COMPACT;
static int log_fd = STDERR_FILENO;

void kdb_log_setup(kdb_log_level level, kdb_log_format format, int fd)
{
    log_level = level;
    log_format = format;
    log_fd = fd;
}

kdb_status kdb_log_level_parse(kdb_sv text, kdb_log_level *out, kdb_err *err)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(level_names); i++) {
        if (kdb_sv_ieq(text, kdb_sv_cstr(level_names[i]))) {
            *out = (kdb_log_level)i;
            return KDB_OK;
        }
    }
    kdb_sv shown = kdb_utf8_cut(text, 64);
    return KDB_FAIL(err, KDB_INVALID, "unknown log level '%.*s': use error, warn, info, debug or trace",
                    KDB_SV_ARG(shown));
}

bool kdb_log_enabled(kdb_log_level level)
{
    return level <= log_level && log_fd >= 0;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static void put_time(kdb_buf *line)
{
    char text[48];
    int64_t days;
    int64_t day_us;
    kdbi_timestamp_split(kdb_now_us(), &days, &day_us);
    kdb_buf_append(line, text, kdbi_date_format((int32_t)days, text));
    kdb_buf_printf(line, "T%02d:%02d:%02d.%06dZ", (int)(day_us / 3600000000), (int)(day_us / 60000000 % 60),
                   (int)(day_us / 1000000 % 60), (int)(day_us % 1000000));
}

/* An event stays one line, and a terminal is not steered by what somebody else wrote. */
static void put_compact_message(kdb_buf *line, const char *message)
{
    for (; *message != '\0'; message++) {
        unsigned char c = (unsigned char)*message;
        if (c == '\n') {
            kdb_buf_append_lit(line, "\\n");
        } else if (c < 0x20 || c == 0x7F) {
            kdb_buf_printf(line, "\\x%02x", c);
        } else {
            kdb_buf_append_byte(line, c);
        }
    }
}

static void put_compact(kdb_buf *line, kdb_log_level level, const char *file, int number, const char *message)
{
    put_time(line);
    kdb_buf_printf(line, " %-5s %s:%d ", level_names[level], file_name(file), number);
    put_compact_message(line, message);
}

static void put_json(kdb_buf *line, kdb_log_level level, const char *file, int number, const char *message)
{
    kdb_buf_append_lit(line, "{\"ts\":\"");
    put_time(line);
    kdb_buf_printf(line, "\",\"level\":\"%s\",\"src\":\"%s:%d\",\"msg\":", level_names[level], file_name(file), number);
    kdb_json_put_string(line, kdb_sv_cstr(message));
    kdb_buf_append_lit(line, "}");
}

static void format_line(kdb_buf *line, kdb_log_level level, const char *file, int number, const char *message)
{
    switch (log_format) {
    case KDB_LOG_COMPACT:
        put_compact(line, level, file, number, message);
        break;
    case KDB_LOG_JSON:
        put_json(line, level, file, number, message);
        break;
    }
    kdb_buf_append_byte(line, '\n');
}

const char *kdb_log_level_name(kdb_log_level level)
{
    return level_names[level];
}

static void keep_line(kdb_log_level level, const char *file, int line_number, const char *message)
{
    const kdb_sv cut = kdb_utf8_cut(kdb_sv_cstr(message), sizeof(kept[0].message) - 1);
    (void)pthread_mutex_lock(&kept_lock);
    kdb_log_line *line = &kept[kept_count++ % KDB_LOG_LINES_KEPT];
    *line = (kdb_log_line){ .at_us = kdb_now_us(), .level = level, .file = file_name(file), .line = line_number };
    memcpy(line->message, cut.ptr, cut.len);
    if (pthread_getname_np(pthread_self(), line->thread, sizeof(line->thread)) != 0) {
        line->thread[0] = '\0';
    }
    (void)pthread_mutex_unlock(&kept_lock);
}

size_t kdb_log_recent(kdb_log_line out[KDB_LOG_LINES_KEPT])
{
    (void)pthread_mutex_lock(&kept_lock);
    const size_t count = kept_count < KDB_LOG_LINES_KEPT ? kept_count : KDB_LOG_LINES_KEPT;
    for (size_t i = 0; i < count; i++) {
        out[i] = kept[(kept_count - count + i) % KDB_LOG_LINES_KEPT];
    }
    (void)pthread_mutex_unlock(&kept_lock);
    return count;
}

void kdb_log_write(kdb_log_level level, const char *file, int line_number, const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    keep_line(level, file, line_number, message);
    char storage[LINE_MAX_BYTES];
    /* Full from the start, so it never asks the heap for more. */
    kdb_buf line = { .ptr = storage, .cap = sizeof(storage), .limit = sizeof(storage) };
    format_line(&line, level, file, line_number, message);
    ssize_t written = write(log_fd, line.ptr, line.len);
    (void)written; /* a log that cannot be written has nowhere to say so */
}
