/* clock.h - wall and monotonic time, and the generators of snowflakes, UUID v7, ULID and random bytes. Any thread. */
#ifndef KDB_CLOCK_H
#define KDB_CLOCK_H

#include "kdb/str.h"

/* 2024-01-01T00:00:00Z, from which snowflakes count (sql.md 24 rule 11). */
#define KDB_SNOWFLAKE_EPOCH_MS INT64_C(1704067200000)

int64_t kdb_now_us(void); /* wall clock, microseconds since 1970 UTC */
int64_t kdb_now_ms(void);
int64_t kdb_monotonic_us(void); /* for durations and deadlines */
/* A time, in microseconds since 1970, of UTC, as strftime's `format` shows it; 63 characters at most. */
kdb_sv kdb_utc_text(int64_t time_us, const char *format, kdb_arena *arena) __attribute__((format(strftime, 2, 0)));

/* Tests freeze or move the wall clock; NULL restores the system's. The function returns microseconds since 1970. */
void kdb_clock_override(int64_t (*now_us)(void));

/* Snowflake source: 41 bits ms since the epoch above, 10 bits node, 12 bits counter. Unique and strictly increasing
 * over all threads; when the counter or the clock would repeat, it runs ahead of the clock rather than wait. */
void kdb_snowflake_setup(uint16_t node_id /* 0-1023 */);
uint64_t kdb_snowflake_next(void);
/* Raises the source so that every later id is greater than `floor`: called at start with the greatest id stored. */
void kdb_snowflake_raise(uint64_t floor);
/* The wall time of an id in microseconds since 1970. */
static inline int64_t kdb_snowflake_us(uint64_t id)
{
    return ((int64_t)(id >> 22) + KDB_SNOWFLAKE_EPOCH_MS) * 1000;
}

/* Cryptographic random bytes from the kernel. */
void kdb_random_bytes(void *out, size_t len);
/* RFC 9562 version 7, 36 characters + NUL; monotonic within a process. */
void kdb_uuid_v7_text(char out[37]);
/* 26 Crockford base-32 characters + NUL; monotonic within a process. */
void kdb_ulid_text(char out[27]);

#endif
