/* tls.c - the certificate, and what TLS may be spoken: 1.2 with forward secrecy and authenticated ciphers, or 1.3. H2O speaks
 * it; only HTTP/1.1 is offered on top. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net_int.h"

#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

static kdb_status fail_file(kdb_option_id id, const kdb_options *options, kdb_err *err)
{
    char why[256];
    ERR_error_string_n(ERR_peek_last_error(), why, sizeof(why));
    ERR_clear_error();
    return KDB_FAIL(err, KDB_INVALID, "server.%s `%.*s` cannot be used: %s", kdb_option_defs[id].key,
                    KDB_SV_ARG(kdb_opt_text(options, id)), why);
}

/* A client that names protocols and not ours would read our answers as something else. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in,
                           unsigned inlen, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl;
    (void)arg;
    const int found =
        SSL_select_next_proto((unsigned char **)(uintptr_t)out, outlen, ours, sizeof(ours) - 1, in, inlen);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A key under a passphrase cannot be used: nobody is there to type it. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static bool restrict_protocol(SSL_CTX *tls, kdb_sv oldest)
{
    const int version = kdb_sv_eq(oldest, KDB_SV("1.3")) ? TLS1_3_VERSION : TLS1_2_VERSION;
    (void)SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF); /* clients keep theirs, as tickets */
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
    return SSL_CTX_set_min_proto_version(tls, version) == 1 && SSL_CTX_set_cipher_list(tls, CIPHERS_1_2) == 1;
}

static kdb_status load_files(SSL_CTX *tls, const kdb_options *options, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const char *cert = kdb_sv_dup_cstr(arena, kdb_opt_text(options, KDB_OPT_SERVER_TLS_CERT));
    const char *key = kdb_sv_dup_cstr(arena, kdb_opt_text(options, KDB_OPT_SERVER_TLS_KEY));
    if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1) {
        return fail_file(KDB_OPT_SERVER_TLS_CERT, options, err);
    }
    if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(tls) != 1) {
        return fail_file(KDB_OPT_SERVER_TLS_KEY, options, err);
    }
    return KDB_OK;
}

kdb_status kdbi_tls_load(const kdb_options *options, SSL_CTX **out, kdb_err *err)
{
    const bool cert = kdb_opt_text(options, KDB_OPT_SERVER_TLS_CERT).len > 0;
    const bool key = kdb_opt_text(options, KDB_OPT_SERVER_TLS_KEY).len > 0;
    *out = NULL;
    if (cert != key) {
        return KDB_FAIL(err, KDB_INVALID, "server.tls_cert_file and server.tls_key_file go together: %s is not set",
                        cert ? "the key" : "the certificate");
    }
    if (!cert) {
        return KDB_OK;
    }
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    KDB_ASSERT(tls != NULL && restrict_protocol(tls, kdb_opt_text(options, KDB_OPT_SERVER_TLS_MIN)));
    const kdb_status status = load_files(tls, options, err);
    if (status != KDB_OK) {
        SSL_CTX_free(tls);
        return status;
    }
    *out = tls;
    return KDB_OK;
}
