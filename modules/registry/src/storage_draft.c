/* storage_draft.c - from what CREATE and ALTER STORAGE say to a checked storage (sql.md 17). No message repeats a string that
 * may be a secret. */
#include "kdb/json.h"
#include "registry_int.h"

enum { TEXT_MAX = 64 << 10 };

/* `scheme` begins a base directory; empty: it is a path of this machine. */
typedef struct storage_type {
    const char *name;
    const char *scheme;
    bool served;
} storage_type;

static const storage_type types[] = {
    { "filesystem", "", true },
    { "s3", "s3://", true },
    { "gcs", "gs://", false },
    { "azure", "az://", false },
};

static bool is_said(const kdb_storage_text *said)
{
    return said->position != 0;
}

/* ---- type and place ---- */

static kdb_status find_type(const kdb_storage_text *said, const storage_type **out, kdb_err *err)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(types); i++) {
        if (!kdb_sv_ieq(said->text, kdb_sv_cstr(types[i].name))) {
            continue;
        }
        if (!types[i].served) {
            return KDB_FAIL_AT(err, said->position, KDB_INVALID_OPERATION,
                               "Storage type '%s' is not supported by this server. Use 'filesystem', or 's3' for "
                               "services that speak its protocol",
                               types[i].name);
        }
        *out = &types[i];
        return KDB_OK;
    }
    return KDB_FAIL_AT(err, said->position, KDB_INVALID_OPERATION,
                       "Invalid storage type '%.*s'. Must be 'filesystem', 's3', 'gcs', or 'azure'",
                       KDB_SV_ARG(said->text));
}

/* One of the parts between slashes is `..`. */
static bool climbs(kdb_sv path)
{
    for (size_t at = 0; at < path.len;) {
        const char *slash = memchr(path.ptr + at, '/', path.len - at);
        const size_t end = slash == NULL ? path.len : (size_t)(slash - path.ptr);
        if (kdb_sv_eq(kdb_sv_of(path.ptr + at, end - at), KDB_SV(".."))) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

static kdb_sv without_last_slashes(kdb_sv path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

static kdb_status find_path(const kdb_storage_stmt *spec, kdb_sv *out, kdb_err *err)
{
    if (is_said(&spec->bucket)) {
        return KDB_FAIL_AT(err, spec->bucket.position, KDB_INVALID_OPERATION,
                           "Filesystem storage has a PATH or BASE_DIRECTORY, not a BUCKET");
    }
    const kdb_sv path = without_last_slashes(kdb_sv_trim(spec->path.text));
    const int32_t position = is_said(&spec->path) ? spec->path.position : spec->position;
    if (path.len == 0) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_OPERATION,
                           "Filesystem storage requires a non-empty base directory");
    }
    if (path.ptr[0] != '/') {
        return KDB_FAIL_AT(err, position, KDB_INVALID_OPERATION,
                           "The base directory of a filesystem storage must be an absolute path");
    }
    if (climbs(path)) {
        return KDB_FAIL_AT(err, position, KDB_INVALID_OPERATION, "The base directory of a storage cannot contain '..'");
    }
    *out = path;
    return KDB_OK;
}

static kdb_status find_bucket(const storage_type *type, const kdb_storage_stmt *spec, kdb_arena *arena, kdb_sv *out,
                              kdb_err *err)
{
    if (is_said(&spec->bucket) && spec->bucket.text.len != 0) {
        *out = kdb_sv_printf(arena, "%s%.*s", type->scheme, KDB_SV_ARG(spec->bucket.text));
        return KDB_OK;
    }
    const kdb_sv base = without_last_slashes(kdb_sv_trim(spec->path.text));
    if (!kdb_sv_has_prefix(base, kdb_sv_cstr(type->scheme))) {
        return KDB_FAIL_AT(err, is_said(&spec->path) ? spec->path.position : spec->position, KDB_INVALID_OPERATION,
                           "%s storage requires a BUCKET, or a BASE_DIRECTORY of the form '%sbucket/prefix'",
                           type->name, type->scheme);
    }
    *out = base;
    return KDB_OK;
}

static kdb_status find_place(const kdb_storage_stmt *spec, kdb_arena *arena, kdb_storage *out, kdb_err *err)
{
    const storage_type *type = NULL;
    KDB_TRY(find_type(&spec->type, &type, err));
    out->type = kdb_sv_cstr(type->name);
    return type->scheme[0] == '\0' ? find_path(spec, &out->base_directory, err)
                                   : find_bucket(type, spec, arena, &out->base_directory, err);
}

/* ---- JSON ---- */

static kdb_status read_object(const kdb_storage_text *said, const char *what, kdb_arena *arena, kdb_json **out,
                              kdb_err *err)
{
    if (kdb_json_parse(said->text, arena, out, NULL) != KDB_OK || (*out)->kind != KDB_JSON_OBJECT) {
        return KDB_FAIL_AT(err, said->position, KDB_INVALID_OPERATION, "%s must be a JSON object", what);
    }
    return KDB_OK;
}

/* Names stay, for who looks what is missing. */
static kdb_sv masked(const kdb_json *credentials, kdb_arena *arena)
{
    kdb_buf out;
    kdb_buf_init(&out, 0);
    for (const kdb_json *member = credentials->child; member != NULL; member = member->next) {
        kdb_buf_append_byte(&out, out.len == 0 ? '{' : ',');
        kdb_json_put_string(&out, member->key);
        kdb_buf_append_lit(&out, ":\"***\"");
    }
    kdb_buf_append_byte(&out, '}');
    const kdb_sv text = kdb_sv_dup(arena, kdb_buf_sv(&out));
    kdb_buf_done(&out);
    return text;
}

static kdb_status set_credentials(const kdb_storage_text *said, kdb_arena *arena, kdb_storage_draft *out, kdb_err *err)
{
    kdb_json *json = NULL;
    KDB_TRY(read_object(said, "Credentials", arena, &json, err));
    const bool none = json->count == 0;
    out->credentials_json = none ? (kdb_sv){ NULL, 0 } : said->text;
    out->storage.credentials = none ? (kdb_sv){ NULL, 0 } : masked(json, arena);
    return KDB_OK;
}

/* What is shown to everybody who may see storages must not be a secret. */
static bool names_a_secret(kdb_sv key)
{
    static const char *const words[] = { "secret",     "password",  "token",      "credential",
                                         "access_key", "accesskey", "private_key" };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv lower = kdb_sv_dup_lower(arena, key);
    for (size_t i = 0; i < KDB_ARRAY_LEN(words); i++) {
        if (lower.len != 0 && memmem(lower.ptr, lower.len, words[i], strlen(words[i])) != NULL) {
            return true;
        }
    }
    return false;
}

static kdb_status check_config(const kdb_json *config, int32_t position, kdb_err *err)
{
    for (const kdb_json *member = config->child; member != NULL; member = member->next) {
        if (names_a_secret(member->key)) {
            return KDB_FAIL_AT(err, position, KDB_INVALID_OPERATION,
                               "CONFIG is shown to everybody: '%.*s' belongs in CREDENTIALS", KDB_SV_ARG(member->key));
        }
    }
    return KDB_OK;
}

static kdb_status set_config(const kdb_storage_text *said, kdb_arena *arena, kdb_storage *out, kdb_err *err)
{
    kdb_json *json = NULL;
    KDB_TRY(read_object(said, "CONFIG", arena, &json, err));
    KDB_TRY(check_config(json, said->position, err));
    out->config_json = json->count == 0 ? (kdb_sv){ NULL, 0 } : kdb_sv_trim(said->text);
    return KDB_OK;
}

/* REGION says what CONFIG's member `region` says; CONFIG is the one that counts. */
static kdb_status add_region(const kdb_storage_text *said, kdb_arena *arena, kdb_storage *out, kdb_err *err)
{
    kdb_json *json = NULL;
    if (out->config_json.len != 0) {
        KDB_TRY(kdb_json_parse(out->config_json, arena, &json, err));
    }
    if (said->text.len == 0 || (json != NULL && kdb_json_lookup(json, KDB_SV("region")) != NULL)) {
        return KDB_OK;
    }
    kdb_buf text;
    kdb_buf_init(&text, 0);
    kdb_buf_append_lit(&text, "{\"region\":");
    kdb_json_put_string(&text, said->text);
    kdb_buf_append_byte(&text, json == NULL ? '}' : ',');
    if (json != NULL) { /* an object with members, without blanks around it */
        kdb_buf_append(&text, out->config_json.ptr + 1, out->config_json.len - 1);
    }
    out->config_json = kdb_sv_dup(arena, kdb_buf_sv(&text));
    kdb_buf_done(&text);
    return KDB_OK;
}

/* ---- templates ---- */

static kdb_status set_template(const kdb_storage_text *said, kdb_template_kind kind, kdb_sv fallback, kdb_arena *arena,
                               kdb_sv *out, kdb_err *err)
{
    kdb_err why = { .text = "" };
    if (said->text.len == 0) {
        *out = fallback;
        return KDB_OK;
    }
    if (kdb_template_check(said->text, kind, arena, out, &why) != KDB_OK) {
        return KDB_FAIL_AT(err, said->position, KDB_INVALID_OPERATION, "%s", why.text);
    }
    return KDB_OK;
}

/* ---- drafts ---- */

static kdb_status check_lengths(const kdb_storage_stmt *spec, kdb_err *err)
{
    const kdb_storage_text *const texts[] = { &spec->path,        &spec->bucket,        &spec->region,
                                              &spec->name,        &spec->description,   &spec->shared_template,
                                              &spec->credentials, &spec->user_template, &spec->config };
    for (size_t i = 0; i < KDB_ARRAY_LEN(texts); i++) {
        if (texts[i]->text.len > TEXT_MAX) {
            return KDB_FAIL_AT(err, texts[i]->position, KDB_LIMIT, "A text of a storage has at most %d bytes",
                               TEXT_MAX);
        }
    }
    return KDB_OK;
}

/* What CREATE and ALTER both may say, into a draft that holds what was there before. */
static kdb_status apply(kdb_registry *registry, const kdb_storage_stmt *spec, kdb_arena *arena,
                        kdb_storage_draft *draft, kdb_err *err)
{
    kdb_storage *storage = &draft->storage;
    KDB_TRY(check_lengths(spec, err));
    if (is_said(&spec->name)) {
        storage->name = spec->name.text.len != 0 ? spec->name.text : spec->id;
    }
    if (is_said(&spec->description)) {
        storage->description = spec->description.text;
    }
    if (is_said(&spec->shared_template)) {
        KDB_TRY(set_template(&spec->shared_template, KDB_TEMPLATE_SHARED, registry->shared_template, arena,
                             &storage->shared_template, err));
    }
    if (is_said(&spec->user_template)) {
        KDB_TRY(set_template(&spec->user_template, KDB_TEMPLATE_USER, registry->user_template, arena,
                             &storage->user_template, err));
    }
    if (is_said(&spec->credentials)) {
        KDB_TRY(set_credentials(&spec->credentials, arena, draft, err));
    }
    return is_said(&spec->config) ? set_config(&spec->config, arena, storage, err) : KDB_OK;
}

static kdb_status check_new_id(kdb_registry *registry, const kdb_storage_stmt *spec, kdb_err *err)
{
    const kdb_status status = kdb_registry_check_storage_id(spec->id, err);
    if (status != KDB_OK) {
        kdb_err_at(err, spec->position);
        return status;
    }
    if (kdb_registry_has_storage(registry, spec->id)) {
        return KDB_FAIL_AT(err, spec->position, KDB_INVALID_OPERATION, "Storage '%.*s' already exists",
                           KDB_SV_ARG(spec->id));
    }
    return KDB_OK;
}

kdb_status kdb_registry_draft_storage(kdb_registry *registry, const kdb_storage_stmt *spec, kdb_arena *arena,
                                      kdb_storage_draft *out, kdb_err *err)
{
    const int64_t now = kdb_now_us();
    kdb_storage_draft draft = { .is_new = true,
                                .storage = { .id = spec->id,
                                             .name = spec->id,
                                             .shared_template = registry->shared_template,
                                             .user_template = registry->user_template,
                                             .created_us = now,
                                             .updated_us = now } };
    KDB_TRY(check_new_id(registry, spec, err));
    KDB_TRY(find_place(spec, arena, &draft.storage, err));
    KDB_TRY(apply(registry, spec, arena, &draft, err));
    if (is_said(&spec->region)) {
        KDB_TRY(add_region(&spec->region, arena, &draft.storage, err));
    }
    *out = draft;
    return KDB_OK;
}

kdb_status kdb_registry_draft_altered_storage(kdb_registry *registry, const kdb_storage_stmt *spec, kdb_arena *arena,
                                              kdb_storage_draft *out, kdb_err *err)
{
    kdb_storage_draft draft = { .is_new = false };
    kdb_sv sealed;
    if (!kdbi_registry_copy_storage(registry, spec->id, arena, &draft.storage, &sealed)) {
        return KDB_FAIL_AT(err, spec->position, KDB_INVALID_OPERATION, "Storage '%.*s' not found",
                           KDB_SV_ARG(spec->id));
    }
    if (!is_said(&spec->credentials)) {
        KDB_TRY(kdbi_storage_unseal(registry, spec->id, sealed, arena, &draft.credentials_json, err));
    }
    const int64_t now = kdb_now_us();
    draft.made_of_us = draft.storage.updated_us;
    draft.storage.updated_us = now > draft.made_of_us ? now : draft.made_of_us + 1;
    KDB_TRY(apply(registry, spec, arena, &draft, err));
    *out = draft;
    return KDB_OK;
}
