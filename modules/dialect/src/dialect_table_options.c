/* dialect_table_options.c - what CREATE TABLE says beside its columns: WITH (..) options (sql.md 8) and the clauses of
 * earlier releases (sql.md 21), which set the same fields. One row per option, one per clause. */
#include "dialect_int.h"

enum { FLUSH_ROWS_END = 1000000, FLUSH_SECONDS_END = 86400 };

/* An option's value, a string, a word or a number. */
typedef struct option_value {
    kdb_sv text;
    int32_t position;
} option_value;

#define FAIL_VALUE(err, value, ...) KDB_FAIL_AT((err), (value)->position, KDB_INVALID_SQL, __VA_ARGS__)

/* ---- durations: 10s, 5 minutes, 7d ---- */

typedef struct time_unit {
    const char *word;
    int64_t seconds;
} time_unit;

static const time_unit time_units[] = {
    { "s", 1 },       { "sec", 1 },      { "secs", 1 },    { "second", 1 },    { "seconds", 1 },
    { "m", 60 },      { "min", 60 },     { "mins", 60 },   { "minute", 60 },   { "minutes", 60 },
    { "h", 3600 },    { "hr", 3600 },    { "hour", 3600 }, { "hours", 3600 },  { "d", 86400 },
    { "day", 86400 }, { "days", 86400 }, { "w", 604800 },  { "week", 604800 }, { "weeks", 604800 },
};

static const time_unit *find_unit(kdb_sv word)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(time_units); i++) {
        if (kdb_sv_ieq(word, kdb_sv_cstr(time_units[i].word))) {
            return &time_units[i];
        }
    }
    return NULL;
}

static bool scale_duration(int64_t count, const time_unit *unit, int64_t *out)
{
    return !__builtin_mul_overflow(count, unit == NULL ? 1 : unit->seconds, out) && *out >= 0;
}

/* Digits, blanks, a unit; seconds without a unit. */
static bool parse_duration(kdb_sv text, int64_t *out)
{
    const kdb_sv trimmed = kdb_sv_trim(text);
    size_t digits = 0;
    while (digits < trimmed.len && trimmed.ptr[digits] >= '0' && trimmed.ptr[digits] <= '9') {
        digits++;
    }
    const kdb_sv word = kdb_sv_trim(kdb_sv_of(trimmed.ptr + digits, trimmed.len - digits));
    const time_unit *unit = find_unit(word);
    int64_t count = 0;
    if ((word.len != 0 && unit == NULL) || kdb_parse_i64(kdb_sv_of(trimmed.ptr, digits), &count, NULL) != KDB_OK) {
        return false;
    }
    return scale_duration(count, unit, out);
}

/* A duration in tokens: '5 minutes', 300s, 300, 10 SECONDS. */
static kdb_status expect_duration(kdbi_cursor *cur, int64_t *out)
{
    const int32_t position = (int32_t)cur->token.offset;
    bool good = false;
    if (cur->token.kind == KDBI_TOKEN_STRING) {
        good = parse_duration(kdbi_token_string(&cur->token, cur->arena), out);
        kdbi_advance(cur);
    } else {
        int64_t count = 0;
        KDB_TRY(kdbi_expect_integer(cur, &count));
        const time_unit *unit = cur->token.kind == KDBI_TOKEN_WORD ? find_unit(cur->token.text) : NULL;
        good = scale_duration(count, unit, out);
        if (unit != NULL) {
            kdbi_advance(cur);
        }
    }
    return good ? KDB_OK : KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "Invalid duration");
}

/* ---- setters: one per property, whichever way it is spelled ---- */

static kdb_status set_flush_rows(kdbi_table_options *opt, int64_t rows, int32_t position, kdb_err *err)
{
    if (rows <= 0) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "Row limit must be greater than 0");
    }
    if (rows >= FLUSH_ROWS_END) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "Row limit must be less than 1,000,000");
    }
    opt->has_flush = true;
    opt->table->flush_rows = rows;
    return KDB_OK;
}

static kdb_status set_flush_interval(kdbi_table_options *opt, int64_t seconds, int32_t position, kdb_err *err)
{
    if (seconds <= 0) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "Interval must be greater than 0");
    }
    if (seconds >= FLUSH_SECONDS_END) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "Interval must be less than 86400 seconds (24 hours)");
    }
    opt->has_flush = true;
    opt->table->flush_interval_s = seconds;
    return KDB_OK;
}

static kdb_status set_ttl(kdbi_table_options *opt, int64_t seconds, int32_t position, kdb_err *err)
{
    if (seconds <= 0) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "TTL_SECONDS must be greater than 0");
    }
    opt->has_ttl = true;
    opt->table->ttl_seconds = seconds;
    return KDB_OK;
}

static const char *table_type_word(kdb_table_type type)
{
    switch (type) {
    case KDB_TABLE_USER:
        return "USER";
    case KDB_TABLE_SHARED:
        return "SHARED";
    case KDB_TABLE_STREAM:
        return "STREAM";
    case KDB_TABLE_UNSET:
    case KDB_TABLE_SYSTEM:
        break;
    }
    return "";
}

kdb_status kdbi_set_table_type(kdbi_table_options *opt, kdb_table_type type, kdb_err *err)
{
    const kdb_table_type was = opt->table->type;
    if (was != KDB_TABLE_UNSET && was != type) {
        return KDB_FAIL(err, KDB_INVALID_SQL, "Conflicting table types: %s and %s", table_type_word(was),
                        table_type_word(type));
    }
    opt->table->type = type;
    return KDB_OK;
}

static kdb_status set_type(kdbi_table_options *opt, const option_value *value, kdb_err *err)
{
    for (kdb_table_type type = KDB_TABLE_USER; type <= KDB_TABLE_STREAM; type++) {
        if (kdb_sv_ieq(value->text, kdb_sv_cstr(table_type_word(type)))) {
            return kdbi_set_table_type(opt, type, err);
        }
    }
    return FAIL_VALUE(err, value, "Invalid table type '%.*s'. Expected USER, SHARED or STREAM",
                      KDB_SV_ARG(value->text));
}

static kdb_status set_storage(kdbi_table_options *opt, const option_value *value, kdb_err *err)
{
    if (value->text.len == 0) {
        return FAIL_VALUE(err, value, "STORAGE_ID cannot be empty");
    }
    opt->has_storage = true;
    opt->table->storage_id = value->text;
    return KDB_OK;
}

static kdb_status read_bool(const option_value *value, bool *out, kdb_err *err)
{
    const bool yes = kdb_sv_ieq(value->text, KDB_SV("true"));
    if (!yes && !kdb_sv_ieq(value->text, KDB_SV("false"))) {
        return FAIL_VALUE(err, value, "Invalid value '%.*s'. Expected TRUE or FALSE", KDB_SV_ARG(value->text));
    }
    *out = yes;
    return KDB_OK;
}

static kdb_status set_user_storage(kdbi_table_options *opt, const option_value *value, kdb_err *err)
{
    return read_bool(value, &opt->table->use_user_storage, err);
}

/* 'rows:N', 'interval:S', or both with a comma. */
static kdb_status set_flush_policy(kdbi_table_options *opt, const option_value *value, kdb_err *err)
{
    kdb_sv rest = value->text;
    while (rest.len != 0) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        const size_t len = comma == NULL ? rest.len : (size_t)(comma - rest.ptr);
        const kdb_sv part = kdb_sv_trim(kdb_sv_of(rest.ptr, len));
        rest = comma == NULL ? kdb_sv_of("", 0) : kdb_sv_of(comma + 1, rest.len - len - 1);
        const char *colon = part.len == 0 ? NULL : memchr(part.ptr, ':', part.len);
        const size_t word_len = colon == NULL ? part.len : (size_t)(colon - part.ptr);
        const kdb_sv word = kdb_sv_trim(kdb_sv_of(part.ptr, word_len));
        int64_t number = 0;
        const bool trailing = comma != NULL && rest.len == 0;
        const bool good =
            colon != NULL && !trailing &&
            kdb_parse_i64(kdb_sv_trim(kdb_sv_of(colon + 1, part.len - word_len - 1)), &number, NULL) == KDB_OK;
        if (good && kdb_sv_ieq(word, KDB_SV("rows")) && opt->table->flush_rows == 0) {
            KDB_TRY(set_flush_rows(opt, number, value->position, err));
        } else if (good && kdb_sv_ieq(word, KDB_SV("interval")) && opt->table->flush_interval_s == 0) {
            KDB_TRY(set_flush_interval(opt, number, value->position, err));
        } else {
            opt->has_flush = false;
            break;
        }
    }
    if (!opt->has_flush) {
        return FAIL_VALUE(err, value,
                          "Invalid FLUSH_POLICY '%.*s'. Expected 'rows:N', 'interval:S' or 'rows:N,interval:S'",
                          KDB_SV_ARG(value->text));
    }
    return KDB_OK;
}

static kdb_status read_integer(const option_value *value, const char *option, int64_t *out, kdb_err *err)
{
    if (kdb_parse_i64(value->text, out, NULL) != KDB_OK || *out < 0) {
        return FAIL_VALUE(err, value, "%s must be an integer of at least 0", option);
    }
    return KDB_OK;
}

static kdb_status set_retention_hours(kdbi_table_options *opt, const option_value *value, kdb_err *err)
{
    return read_integer(value, "DELETED_RETENTION_HOURS", &opt->table->deleted_retention_hours, err);
}

static kdb_status set_ttl_seconds(kdbi_table_options *opt, const option_value *value, kdb_err *err)
{
    int64_t seconds = 0;
    KDB_TRY(read_integer(value, "TTL_SECONDS", &seconds, err));
    return set_ttl(opt, seconds, value->position, err);
}

kdb_status kdbi_access_level(kdb_sv text, int32_t position, kdb_access_level *out, kdb_err *err)
{
    static const char *const levels[] = {
        [KDB_ACCESS_PUBLIC] = "PUBLIC",
        [KDB_ACCESS_PRIVATE] = "PRIVATE",
        [KDB_ACCESS_RESTRICTED] = "RESTRICTED",
        [KDB_ACCESS_DBA] = "DBA",
    };
    for (kdb_access_level level = KDB_ACCESS_PUBLIC; level <= KDB_ACCESS_DBA; level++) {
        if (kdb_sv_ieq(text, kdb_sv_cstr(levels[level]))) {
            *out = level;
            return KDB_OK;
        }
    }
    return KDB_FAIL_AT(err, position, KDB_INVALID_SQL,
                       "Invalid ACCESS_LEVEL '%.*s'. Expected PUBLIC, PRIVATE, RESTRICTED or DBA", KDB_SV_ARG(text));
}

static kdb_status set_access(kdbi_table_options *opt, const option_value *value, kdb_err *err)
{
    opt->has_access = true;
    return kdbi_access_level(value->text, value->position, &opt->table->access, err);
}

/* One of `words`, which *out then names. */
static kdb_status set_word(const option_value *value, const char *option, const char *const *words, size_t nwords,
                           kdb_sv *out, kdb_err *err)
{
    for (size_t i = 0; i < nwords; i++) {
        if (kdb_sv_ieq(value->text, kdb_sv_cstr(words[i]))) {
            *out = kdb_sv_cstr(words[i]);
            return KDB_OK;
        }
    }
    return FAIL_VALUE(err, value, "Invalid %s '%.*s'", option, KDB_SV_ARG(value->text));
}

static kdb_status set_compression(kdbi_table_options *opt, const option_value *value, kdb_err *err)
{
    static const char *const words[] = { "none", "snappy", "zstd" };
    opt->has_compression = true;
    return set_word(value, "COMPRESSION", words, KDB_ARRAY_LEN(words), &opt->table->compression, err);
}

static kdb_status set_eviction(kdbi_table_options *opt, const option_value *value, kdb_err *err)
{
    static const char *const words[] = { "time_based", "size_based", "hybrid" };
    opt->has_stream_limit = true;
    return set_word(value, "EVICTION_STRATEGY", words, KDB_ARRAY_LEN(words), &opt->table->eviction_strategy, err);
}

static kdb_status set_stream_bytes(kdbi_table_options *opt, const option_value *value, kdb_err *err)
{
    opt->has_stream_limit = true;
    return read_integer(value, "MAX_STREAM_SIZE_BYTES", &opt->table->max_stream_bytes, err);
}

/* ---- WITH ( .. ) ---- */

typedef struct table_option {
    const char *name;
    kdb_status (*set)(kdbi_table_options *opt, const option_value *value, kdb_err *err);
} table_option;

static const table_option table_options[] = {
    { "TYPE", set_type },
    { "STORAGE_ID", set_storage },
    { "USE_USER_STORAGE", set_user_storage },
    { "FLUSH_POLICY", set_flush_policy },
    { "DELETED_RETENTION_HOURS", set_retention_hours },
    { "TTL_SECONDS", set_ttl_seconds },
    { "ACCESS_LEVEL", set_access },
    { "COMPRESSION", set_compression },
    { "EVICTION_STRATEGY", set_eviction },
    { "MAX_STREAM_SIZE_BYTES", set_stream_bytes },
};

static kdb_status expect_value(kdbi_cursor *cur, option_value *out)
{
    *out = (option_value){ .text = cur->token.text, .position = (int32_t)cur->token.offset };
    switch (cur->token.kind) {
    case KDBI_TOKEN_STRING:
        out->text = kdbi_token_string(&cur->token, cur->arena);
        break;
    case KDBI_TOKEN_NUMBER:
    case KDBI_TOKEN_WORD:
        break;
    case KDBI_TOKEN_QUOTED:
        out->text = kdbi_token_name(&cur->token, cur->arena);
        break;
    case KDBI_TOKEN_END:
    case KDBI_TOKEN_PREFIXED_STRING:
    case KDBI_TOKEN_DOLLAR_STRING:
    case KDBI_TOKEN_PARAM:
    case KDBI_TOKEN_OPERATOR:
    case KDBI_TOKEN_SYMBOL:
    case KDBI_TOKEN_OPEN_STRING:
    case KDBI_TOKEN_OPEN_COMMENT:
        return kdbi_syntax_error(cur);
    }
    kdbi_advance(cur);
    return KDB_OK;
}

static const table_option *find_option(kdb_sv name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(table_options); i++) {
        if (kdb_sv_ieq(name, kdb_sv_cstr(table_options[i].name))) {
            return &table_options[i];
        }
    }
    return NULL;
}

/* Each once: which of two would count is nothing to guess. */
static kdb_status parse_option(kdbi_cursor *cur, kdbi_table_options *opt, bool *given)
{
    const kdbi_token name = cur->token;
    kdb_sv ignored;
    KDB_TRY(kdbi_expect_name(cur, &ignored));
    const table_option *option = find_option(name.text);
    if (option == NULL) {
        return KDB_FAIL_AT(cur->err, (int32_t)name.offset, KDB_INVALID_SQL, "Unknown table option '%.*s'",
                           KDB_SV_ARG(name.text));
    }
    if (given[option - table_options]) {
        return KDB_FAIL_AT(cur->err, (int32_t)name.offset, KDB_INVALID_SQL, "Table option '%s' is given twice",
                           option->name);
    }
    given[option - table_options] = true;
    (void)kdbi_accept_symbol(cur, '=');
    option_value value;
    KDB_TRY(expect_value(cur, &value));
    return option->set(opt, &value, cur->err);
}

kdb_status kdbi_parse_with_options(kdbi_cursor *cur, kdbi_table_options *opt)
{
    bool given[KDB_ARRAY_LEN(table_options)] = { false };
    KDB_TRY(kdbi_expect_symbol(cur, '('));
    while (!kdbi_at_symbol(cur, ')')) {
        KDB_TRY(parse_option(cur, opt, given));
        if (!kdbi_accept_symbol(cur, ',')) {
            break;
        }
    }
    return kdbi_expect_symbol(cur, ')');
}

/* ---- clauses of earlier releases ---- */

static kdb_status legacy_rows(kdbi_cursor *cur, kdbi_table_options *opt)
{
    const int32_t position = (int32_t)cur->token.offset;
    int64_t rows = 0;
    KDB_TRY(kdbi_expect_integer(cur, &rows));
    return set_flush_rows(opt, rows, position, cur->err);
}

static kdb_status legacy_interval(kdbi_cursor *cur, kdbi_table_options *opt)
{
    const int32_t position = (int32_t)cur->token.offset;
    int64_t seconds = 0;
    KDB_TRY(expect_duration(cur, &seconds));
    return set_flush_interval(opt, seconds, position, cur->err);
}

static kdb_status skip_integer(kdbi_cursor *cur, kdbi_table_options *opt)
{
    (void)opt;
    int64_t ignored = 0;
    return kdbi_expect_integer(cur, &ignored);
}

static kdb_status skip_bool(kdbi_cursor *cur, kdbi_table_options *opt)
{
    (void)opt;
    option_value value;
    bool ignored = false;
    KDB_TRY(expect_value(cur, &value));
    return read_bool(&value, &ignored, cur->err);
}

static kdb_status legacy_storage(kdbi_cursor *cur, kdbi_table_options *opt)
{
    option_value value;
    KDB_TRY(expect_value(cur, &value));
    return set_storage(opt, &value, cur->err);
}

static kdb_status legacy_user_storage(kdbi_cursor *cur, kdbi_table_options *opt)
{
    opt->table->use_user_storage = true;
    if (!kdbi_at_word(cur, "TRUE") && !kdbi_at_word(cur, "FALSE")) {
        return KDB_OK;
    }
    option_value value;
    KDB_TRY(expect_value(cur, &value));
    return set_user_storage(opt, &value, cur->err);
}

static kdb_status legacy_type(kdbi_cursor *cur, kdbi_table_options *opt)
{
    option_value value;
    KDB_TRY(expect_value(cur, &value));
    return set_type(opt, &value, cur->err);
}

static kdb_status legacy_access(kdbi_cursor *cur, kdbi_table_options *opt)
{
    option_value value;
    KDB_TRY(expect_value(cur, &value));
    return set_access(opt, &value, cur->err);
}

/* A TTL makes the table a STREAM. */
static kdb_status legacy_ttl(kdbi_cursor *cur, kdbi_table_options *opt)
{
    const int32_t position = (int32_t)cur->token.offset;
    int64_t seconds = 0;
    KDB_TRY(expect_duration(cur, &seconds));
    KDB_TRY(set_ttl(opt, seconds, position, cur->err));
    if (opt->table->type == KDB_TABLE_UNSET) {
        opt->table->type = KDB_TABLE_STREAM;
    }
    return KDB_OK;
}

static kdb_status legacy_deleted_retention(kdbi_cursor *cur, kdbi_table_options *opt)
{
    const int32_t position = (int32_t)cur->token.offset;
    kdb_sv text;
    int64_t seconds = 0;
    KDB_TRY(kdbi_expect_string(cur, &text));
    if (!kdb_sv_ieq(text, KDB_SV("off")) && !parse_duration(text, &seconds)) {
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "Invalid duration");
    }
    opt->table->deleted_retention_hours = (seconds + 3599) / 3600;
    return KDB_OK;
}

/* The path template lives in the storage now, so the path only tells that tables are per user. */
static kdb_status legacy_location(kdbi_cursor *cur, kdbi_table_options *opt)
{
    if (kdbi_accept_word(cur, "REFERENCE")) {
        return legacy_storage(cur, opt);
    }
    static const char user_part[] = "${user_id}";
    kdb_sv path;
    KDB_TRY(kdbi_expect_string(cur, &path));
    const bool per_user = path.len != 0 && memmem(path.ptr, path.len, user_part, sizeof user_part - 1) != NULL;
    return per_user ? kdbi_set_table_type(opt, KDB_TABLE_USER, cur->err) : KDB_OK;
}

typedef struct legacy_clause {
    const char *words;
    kdb_status (*parse)(kdbi_cursor *cur, kdbi_table_options *opt);
} legacy_clause;

/* Longer spellings first. The parts of a FLUSH clause may follow one another: `FLUSH INTERVAL 300s ROW_THRESHOLD 9`. */
static const legacy_clause legacy_clauses[] = {
    { "FLUSH POLICY ROWS", legacy_rows },
    { "FLUSH POLICY ROW_LIMIT", legacy_rows },
    { "FLUSH POLICY ROW_THRESHOLD", legacy_rows },
    { "FLUSH POLICY INTERVAL", legacy_interval },
    { "FLUSH POLICY SECONDS", legacy_interval },
    { "FLUSH ROWS", legacy_rows },
    { "FLUSH ROW_LIMIT", legacy_rows },
    { "FLUSH ROW_THRESHOLD", legacy_rows },
    { "FLUSH SECONDS", legacy_interval },
    { "FLUSH INTERVAL", legacy_interval },
    { "FLUSH BYTES", skip_integer },
    { "ROWS", legacy_rows },
    { "ROW_LIMIT", legacy_rows },
    { "ROW_THRESHOLD", legacy_rows },
    { "INTERVAL", legacy_interval },
    { "STORAGE", legacy_storage },
    { "USE_USER_STORAGE", legacy_user_storage },
    { "TABLE_TYPE", legacy_type },
    { "TYPE", legacy_type },
    { "ACCESS LEVEL", legacy_access },
    { "TTL", legacy_ttl },
    { "RETENTION", legacy_ttl },
    { "DELETED_RETENTION", legacy_deleted_retention },
    { "BUFFER_SIZE", skip_integer },
    { "MAX_BUFFER", skip_integer },
    { "EPHEMERAL", skip_bool },
    { "LOCATION", legacy_location },
};

kdb_status kdbi_parse_legacy_option(kdbi_cursor *cur, kdbi_table_options *opt, bool *out_found)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(legacy_clauses); i++) {
        if (kdbi_accept_words(cur, legacy_clauses[i].words)) {
            *out_found = true;
            return legacy_clauses[i].parse(cur, opt);
        }
    }
    *out_found = false;
    return KDB_OK;
}

/* ---- what only all of them together can tell ---- */

static kdb_status only_for(kdb_err *err, const char *option, const char *kinds)
{
    return KDB_FAIL(err, KDB_INVALID_SQL, "%s is only supported for %s tables", option, kinds);
}

static kdb_status check_stream(const kdbi_table_options *opt, kdb_err *err)
{
    if (!opt->has_ttl) {
        return KDB_FAIL(err, KDB_INVALID_SQL, "STREAM tables must specify 'TTL_SECONDS'");
    }
    if (opt->has_storage) {
        return only_for(err, "STORAGE_ID", "USER and SHARED");
    }
    if (opt->has_flush) {
        return only_for(err, "FLUSH_POLICY", "USER and SHARED");
    }
    return opt->has_compression ? only_for(err, "COMPRESSION", "USER and SHARED") : KDB_OK;
}

kdb_status kdbi_check_table_options(kdbi_table_options *opt, kdb_err *err)
{
    kdb_create_table *table = opt->table;
    if (table->type == KDB_TABLE_UNSET) {
        table->type = KDB_TABLE_SHARED;
    }
    if (opt->has_ttl && table->type != KDB_TABLE_STREAM) {
        return only_for(err, "TTL_SECONDS", "STREAM");
    }
    if (opt->has_stream_limit && table->type != KDB_TABLE_STREAM) {
        return only_for(err, "Stream eviction", "STREAM");
    }
    if (opt->has_access && table->type != KDB_TABLE_SHARED) {
        return only_for(err, "ACCESS_LEVEL", "SHARED");
    }
    if (table->use_user_storage && table->type != KDB_TABLE_USER) {
        return only_for(err, "USE_USER_STORAGE", "USER");
    }
    return table->type == KDB_TABLE_STREAM ? check_stream(opt, err) : KDB_OK;
}
