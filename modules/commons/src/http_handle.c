/* http_handle.c - libcurl's handles, set up alike for everybody. */
#include <pthread.h>

#include "http_int.h"

bool kdbi_http_has_scheme(kdb_sv url, const char *scheme)
{
    const kdb_sv want = kdb_sv_cstr(scheme);
    return url.len > want.len && kdb_sv_ieq(kdb_sv_of(url.ptr, want.len), want);
}

static void init_library(void)
{
    KDB_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

CURL *kdbi_http_handle(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_library);
    return curl_easy_init();
}

bool kdbi_http_prepare(CURL *curl, const char *url, char *why)
{
    const char *scheme = kdbi_http_has_scheme(kdb_sv_cstr(url), "https://") ? "https" : "http";
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, scheme) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && /* threads */
           curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "kalamdb") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why) == CURLE_OK;
}
