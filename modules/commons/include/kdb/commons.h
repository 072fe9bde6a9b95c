/* commons.h - the whole of commons: memory, strings, errors, log, options, clocks and ids, values, JSON, threads. */
#ifndef KDB_COMMONS_H
#define KDB_COMMONS_H

#include "kdb/array.h"
#include "kdb/base.h"
#include "kdb/clock.h"
#include "kdb/err.h"
#include "kdb/failpoint.h"
#include "kdb/json.h"
#include "kdb/log.h"
#include "kdb/mem.h"
#include "kdb/option.h"
#include "kdb/record.h"
#include "kdb/str.h"
#include "kdb/thread.h"
#include "kdb/value.h"

#endif
