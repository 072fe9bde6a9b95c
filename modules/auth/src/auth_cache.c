/* auth_cache.c - tokens that were verified lately, so that a client that sends its token with every request pays for
 * the signature once. Direct-mapped by the token's hash: a newcomer takes the place of what was there. The whole token
 * is compared, in a time that does not depend on where it differs. A change that devalues a user's tokens raises the
 * version of the account, which makes every entry of it old at once without looking for them. */
#include "auth_int.h"

void kdbi_cache_init(kdbi_token_cache *cache)
{
    for (size_t i = 0; i < KDBI_CACHE_SHARDS; i++) {
        kdb_mutex_init(&cache->locks[i], KDB_LOCK_AUTH);
    }
    cache->entries = kdb_alloc_array(KDBI_CACHE_ENTRIES, sizeof(*cache->entries));
}

void kdbi_cache_done(kdbi_token_cache *cache)
{
    for (size_t i = 0; i < KDBI_CACHE_ENTRIES; i++) {
        kdb_free(cache->entries[i].token);
    }
    kdb_free(cache->entries);
    for (size_t i = 0; i < KDBI_CACHE_SHARDS; i++) {
        kdb_mutex_done(&cache->locks[i]);
    }
}

static bool same_bytes(const char *a, const char *b, size_t len)
{
    uint64_t difference = 0;
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        difference |= kdb_get_le64(a + i) ^ kdb_get_le64(b + i);
    }
    for (; i < len; i++) {
        difference |= (uint64_t)(unsigned char)a[i] ^ (uint64_t)(unsigned char)b[i];
    }
    return difference == 0;
}

static bool is_good(const kdbi_cache_entry *entry, kdb_sv token, uint64_t hash, int64_t now_s)
{
    return entry->token != NULL && entry->hash == hash && entry->len == token.len &&
           same_bytes(entry->token, token.ptr, token.len) && entry->version == atomic_load(&entry->account->version) &&
           kdbi_token_in_time(entry->expires_s, now_s);
}

bool kdbi_cache_find(kdbi_token_cache *cache, kdb_sv token, const kdbi_account **account, kdb_role *role)
{
    uint64_t hash = kdb_hash64(token);
    int64_t now_s = kdb_now_us() / 1000000;
    size_t index = hash % KDBI_CACHE_ENTRIES;
    kdb_mutex *lock = &cache->locks[index % KDBI_CACHE_SHARDS];
    kdb_mutex_lock(lock);
    const kdbi_cache_entry *entry = &cache->entries[index];
    bool good = is_good(entry, token, hash, now_s);
    if (good) {
        *account = entry->account;
        *role = entry->role;
    }
    kdb_mutex_unlock(lock);
    return good;
}

void kdbi_cache_put(kdbi_token_cache *cache, kdb_sv token, const kdbi_standing *standing, int64_t expires_s)
{
    kdbi_cache_entry entry = {
        .token = kdb_sv_heap_cstr(token),
        .len = token.len,
        .hash = kdb_hash64(token),
        .account = standing->account,
        .version = standing->version,
        .role = standing->role,
        .expires_s = expires_s,
    };
    size_t index = entry.hash % KDBI_CACHE_ENTRIES;
    kdb_mutex *lock = &cache->locks[index % KDBI_CACHE_SHARDS];
    kdb_mutex_lock(lock);
    char *old = cache->entries[index].token;
    cache->entries[index] = entry;
    kdb_mutex_unlock(lock);
    kdb_free(old);
}
