/* filestore.h - the server's own use of the file system: the data directory, its lock and small durable files.
 * Any thread. The only module that opens, renames, syncs or removes files (RocksDB and DuckDB open what it names). */
#ifndef KDB_FILESTORE_H
#define KDB_FILESTORE_H

#include "kdb/commons.h"

/* The data directory of one running server, locked against a second process. */
typedef struct kdb_datadir kdb_datadir;

/* Makes `path` (and parents, mode 0700) when missing, takes the lock on <path>/LOCK (flock: gone with the process,
 * however it ends), then checks <path>/FORMAT. KDB_CONFLICT when another process holds the lock, naming its pid.
 * KDB_CORRUPT when the directory was written by an unknown format version, naming both versions; nothing is changed
 * then. A directory that is not empty and has no FORMAT file is refused too, unless it holds only what we make. */
KDB_NODISCARD kdb_status kdb_datadir_open(kdb_sv path, kdb_datadir **out, kdb_err *err);
void kdb_datadir_close(kdb_datadir *dir); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_datadir, kdb_datadir_close)

/* "<path>/rocksdb", NUL-terminated; made when missing. The string lives as long as `dir`. */
const char *kdb_datadir_rocksdb(const kdb_datadir *dir);
/* "<path>/storages", where each storage is a symlink (design section 6); made when missing. */
const char *kdb_datadir_storages(const kdb_datadir *dir);
/* "<path>/tmp": engine spill files; emptied at open. */
const char *kdb_datadir_tmp(const kdb_datadir *dir);

/* "<path>/server.key": not made here. */
const char *kdb_datadir_key(const kdb_datadir *dir);

/* "<path>/exports": what users have asked for of their data; made with the first. */
const char *kdb_datadir_exports(const kdb_datadir *dir);
/* Those of one user, whose name is escaped as in path templates; and one of them, NULL when nothing can be called so. In `arena`. */
kdb_sv kdb_datadir_exports_of(const kdb_datadir *dir, kdb_sv user, kdb_arena *arena);
const char *kdb_datadir_export(const kdb_datadir *dir, kdb_sv user, kdb_sv id, kdb_arena *arena);

/* "<path>/restore": where a restore puts (tree.h) what is to take the place of the data. A data directory that is opened with a whole
 * one does that first: what was there moves to "<path>/replaced-<time>", and the files of storages that come with it lie
 * below "<path>/restored" then, by storage id, for somebody to put them back. */
const char *kdb_datadir_restore(const kdb_datadir *dir);
const char *kdb_datadir_restored(const kdb_datadir *dir);

/* Whether `path`, be there something or not, is the data directory or lies in it. */
bool kdb_datadir_holds(const kdb_datadir *dir, const char *path);

/* A small file read whole into `arena`, at most `limit` bytes. KDB_NOT_FOUND when absent. */
KDB_NODISCARD kdb_status kdb_file_read(const char *path, size_t limit, kdb_arena *arena, kdb_sv *out, kdb_err *err);
/* The same for a file of secrets: KDB_PERMISSION_DENIED when it belongs to, or can be read or written by, anybody but this
 * process's user. */
KDB_NODISCARD kdb_status kdb_file_read_secret(const char *path, size_t limit, kdb_arena *arena, kdb_sv *out,
                                              kdb_err *err);
/* Replaces `path` atomically and durably (temporary file, fsync, rename, directory fsync), mode `mode`. */
KDB_NODISCARD kdb_status kdb_file_write(const char *path, kdb_sv content, uint32_t mode, kdb_err *err);

/* On-disk format of the data directory as a whole, bumped when any module's encoding changes incompatibly. */
enum { KDB_FORMAT_VERSION = 1 };

#endif
