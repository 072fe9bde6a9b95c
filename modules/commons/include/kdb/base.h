/* base.h - compiler attributes, ownership helpers and assertions used by every file. Header only; any thread. */
#ifndef KDB_BASE_H
#define KDB_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The caller must look at the result. */
#define KDB_NODISCARD __attribute__((warn_unused_result))
/* Arguments are checked like printf's; `fmt` and `args` are 1-based positions. */
#define KDB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
/* Runs `fn(&local)` when the local goes out of scope, so that every return is safe. */
#define KDB_CLEANUP(fn) __attribute__((cleanup(fn)))
/* 1 in builds with AddressSanitizer, ThreadSanitizer. */
#if defined(__has_feature)
#define KDB_SANITIZES_ADDRESSES __has_feature(address_sanitizer)
#define KDB_SANITIZES_THREADS __has_feature(thread_sanitizer)
#else
#ifdef __SANITIZE_ADDRESS__
#define KDB_SANITIZES_ADDRESSES 1
#else
#define KDB_SANITIZES_ADDRESSES 0
#endif
#ifdef __SANITIZE_THREAD__
#define KDB_SANITIZES_THREADS 1
#else
#define KDB_SANITIZES_THREADS 0
#endif
#endif

#define KDB_UNUSED __attribute__((unused))
#define KDB_LIKELY(x) __builtin_expect(!!(x), 1)
#define KDB_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define KDB_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* The struct of `type` whose field `member` is at `ptr`. */
#define KDB_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Hands an owned local to the caller: yields its value and clears it, so that its cleanup does nothing. */
#define KDB_TAKE(local)                                                                                                \
    __extension__({                                                                                                    \
        __typeof__(local) kdb_taken_ = (local);                                                                        \
        (local) = NULL;                                                                                                \
        kdb_taken_;                                                                                                    \
    })

/* Declares `name##p`, the cleanup function of an owned `type *` local that `free_fn` releases. */
#define KDB_DEFINE_CLEANUP(type, free_fn)                                                                              \
    KDB_UNUSED static inline void free_fn##p(type **ptr)                                                               \
    {                                                                                                                  \
        free_fn(*ptr);                                                                                                 \
    }

/* Prints the place and the condition to stderr and aborts. */
void kdb_assert_fail(const char *file, int line, const char *condition) __attribute__((noreturn, cold));

/* States what our own code guarantees; stays on in release. Never used for input from outside. */
#define KDB_ASSERT(cond) (KDB_LIKELY(cond) ? (void)0 : kdb_assert_fail(__FILE__, __LINE__, #cond))

/* As KDB_ASSERT, for checks too dear for release. */
#ifdef KDB_DEBUG
#define KDB_DASSERT(cond) KDB_ASSERT(cond)
#else
#define KDB_DASSERT(cond) ((void)sizeof(cond))
#endif

#endif
