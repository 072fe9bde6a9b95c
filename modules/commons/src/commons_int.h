/* commons_int.h - what the files of commons share with each other. */
#ifndef KDB_COMMONS_INT_H
#define KDB_COMMONS_INT_H

#include "kdb/json.h"
#include "kdb/option.h"
#include "kdb/value.h"

/* Logs and aborts: the system has no memory left for `size` bytes. */
void kdbi_commons_out_of_memory(size_t size) __attribute__((noreturn, cold));

/* Blocks of KDBI_ARENA_BLOCK bytes, as malloc's; _take is NULL when the system has none. Any thread gives what any took. */
enum { KDBI_ARENA_BLOCK = 8 * 1024 };
void *kdbi_arena_block_take(void);
void kdbi_arena_block_give(void *block);

/* The length of the well-formed UTF-8 sequence that starts `bytes` (len > 0), or 0 when there is none. */
size_t kdbi_utf8_sequence(const unsigned char *bytes, size_t len);

/* Reads JSON as clients usually write it. NULL for anything else, malformed or not. */
kdb_json *kdbi_json_read_plain(kdb_sv text, kdb_arena *arena);

/* Decimal digits of `value` into `out` (20 bytes at least); returns their number. */
size_t kdbi_format_u64(uint64_t value, char *out);

/* The shortest text that reads back equal: "1.0", "0.1", "1e-7", "NaN", "inf"; `out` holds 32 bytes; returns the length.
 * The float form is the shortest for 32 bits. */
size_t kdbi_format_f64(double value, char *out);
size_t kdbi_format_f32(float value, char *out);

enum { KDBI_POWER_MIN = -292, KDBI_POWER_MAX = 324 };

/* The high and low half of a power of ten's first 128 bits. */
typedef struct kdbi_power {
    uint64_t high;
    uint64_t low;
} kdbi_power;

extern const kdbi_power kdbi_powers[KDBI_POWER_MAX - KDBI_POWER_MIN + 1];

/* 10^n; n at most 38. */
extern const kdb_i128 kdbi_pow10_i128[39];
/* Reads "[-+]123.45[e-6]" as a number times 10^scale, rounding half away from zero. KDB_INVALID for other text; KDB_LIMIT
 * when it has more than `precision` digits. */
KDB_NODISCARD kdb_status kdbi_decimal_parse(kdb_sv text, uint8_t precision, uint8_t scale, kdb_i128 *out, kdb_err *err);
/* Moves from one scale to another, rounding half away from zero. KDB_LIMIT over `precision` digits. */
KDB_NODISCARD kdb_status kdbi_decimal_rescale(kdb_i128 value, uint8_t from_scale, uint8_t precision, uint8_t to_scale,
                                              kdb_i128 *out, kdb_err *err);
/* The nearest double. */
double kdbi_decimal_to_f64(kdb_i128 unscaled, uint8_t scale);

/* Reads a JSON array of numbers; the first `dim` go to `out`, `count` says how many there are. KDB_INVALID or KDB_LIMIT. */
KDB_NODISCARD kdb_status kdbi_embedding_parse(kdb_sv text, float *out, size_t dim, size_t *count, kdb_err *err);

/* Microseconds since 1970 as "2026-01-31 10:00:00.5", days as "2026-01-31", microseconds of day as "10:00:00.5". `out`
 * holds 48 bytes; returns the length. Any value has a text; years outside 1-9999 print as they are. */
size_t kdbi_timestamp_format(int64_t us, char *out);
size_t kdbi_date_format(int32_t days, char *out);
size_t kdbi_time_format(int64_t us, char *out);
/* True when the value is in years 0001-9999, the range of DATE, TIMESTAMP and DATETIME. */
bool kdbi_date_in_range(int64_t days);
bool kdbi_timestamp_in_range(int64_t us);
/* Days and microseconds of day, rounding down before 1970. */
void kdbi_timestamp_split(int64_t us, int64_t *days, int64_t *day_us);

enum { KDBI_OPTION_NAME_MAX = 160 };

/* A variable of the environment that sets an option. */
typedef struct kdbi_option_variable {
    char name[KDBI_OPTION_NAME_MAX];
    const char *value; /* borrowed from the environment */
} kdbi_option_variable;

/* "server.port" and "KALAMDB_SERVER_PORT", NUL-terminated in `out`. */
kdb_sv kdbi_option_name(kdb_option_id id, char out[KDBI_OPTION_NAME_MAX]);
kdb_sv kdbi_option_env_name(kdb_option_id id, char out[KDBI_OPTION_NAME_MAX]);
/* The row of "section.key" or of an older name; KDB_OPT_COUNT when there is none. */
kdb_option_id kdbi_option_find(kdb_sv name);
/* KDB_INVALID, naming the nearest option. */
kdb_status kdbi_option_unknown(kdb_sv name, kdb_err *err) __attribute__((cold));
/* The variable that sets `id`; of several the one with the option's own name. */
bool kdbi_option_find_variable(kdb_option_id id, char **environ, kdbi_option_variable *out);

#endif
