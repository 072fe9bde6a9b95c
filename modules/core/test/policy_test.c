/* policy_test.c - row policies against an oracle: the same statement by an admin with the conditions written out. Random
 * policies, roles and statements, natively, in a lane and by the engine; then what a single rule says. */
#include "core_fixture.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

enum { SETS = 40, READS_PER_SET = 16, WRITES_PER_SET = 10, TEXT_MAX = 16384, POLICIES_MAX = 5, AGAIN = 3 };

static fixture f;
static uint64_t state_of_random;

static size_t below(size_t bound)
{
    state_of_random += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = state_of_random;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (size_t)((z ^ (z >> 31)) % bound);
}

/* ---- text with places: @T the table or what of it may be seen, @U and @R the user and the role ---- */

typedef struct places {
    const char *table, *user, *role;
} places;

static void append(char *out, const char *text)
{
    const size_t at = strlen(out);
    const size_t len = strlen(text);
    assert_true(at + len < TEXT_MAX);
    memcpy(out + at, text, len + 1);
}

static void fill_in(const char *text, const places *p, char *out)
{
    *out = '\0';
    for (; *text != '\0'; text++) {
        const bool place = text[0] == '@' && text[1] != '\0';
        char one[2] = { *text, '\0' };
        append(out, !place ? one : text[1] == 'T' ? p->table : text[1] == 'U' ? p->user : p->role);
        text += place;
    }
}

static char *written(const char *text, const places *p)
{
    char *out = kdb_alloc(TEXT_MAX);
    fill_in(text, p, out);
    return out;
}

static void must(const char *user, const char *sql)
{
    answer a = run(&f, user, sql);
    if (a.status != KDB_OK) {
        print_error("%s: %s\n%s", user, sql, a.text);
    }
    assert_int_equal(a.status, KDB_OK);
    answer_done(&a);
}

/* ---- policies ---- */

static const char *const conditions[] = {
    "owner = @U",
    "owner IS NULL OR owner <> @U",
    "n > 3",
    "n % 2 = 0",
    "n BETWEEN 2 AND 6",
    "coalesce(n, 4) < 5",
    "body LIKE 'a%'",
    "length(body) > 2 AND NOT flag",
    "flag",
    "flag IS NOT TRUE",
    "owner IN ('alice', 'svc', @U)",
    "@R = 'service'",
    "@R IN ('user', 'anonymous') AND n IS NOT NULL",
    "CASE WHEN flag THEN n < 4 ELSE n > 4 END",
    "app.docs.id < 14",
    "docs.d >= 2.5",
    "day < '2026-02-01'",
    "day >= DATE '2026-01-20'",
    "day BETWEEN DATE '2026-01-18' AND CAST('2026-01-30' AS DATE)",
    "true",
    "false",
    "CAST(NULL AS BOOLEAN)",
    "upper(owner) = upper(@U) OR id = 7",
    "id = 5",
    "7 = id AND owner IS DISTINCT FROM @U",
    "owner = @U AND n > 1 AND app.docs.id = 4",
    "id = NULL",
};

typedef struct policy {
    bool restrictive;
    kdb_policy_command command;
    unsigned roles;
    const char *using_rows, *check_rows; /* NULL: none */
} policy;
typedef struct policy_set {
    policy policies[POLICIES_MAX];
    size_t count;
} policy_set;

static const char *some_condition(void)
{
    return conditions[below(KDB_ARRAY_LEN(conditions))];
}

static policy some_policy(void)
{
    policy p = { .restrictive = below(3) == 0, .command = (kdb_policy_command)below(KDB_POLICY_COMMAND_COUNT) };
    static const unsigned roles[] = { KDB_POLICY_TO_PUBLIC, KDB_POLICY_TO_USER, KDB_POLICY_TO_SERVICE,
                                      KDB_POLICY_TO_USER | KDB_POLICY_TO_SERVICE,
                                      KDB_POLICY_TO_ANONYMOUS | KDB_POLICY_TO_USER };
    p.roles = roles[below(KDB_ARRAY_LEN(roles))];
    const bool both = p.command == KDB_POLICY_ALL || p.command == KDB_POLICY_UPDATE;
    p.using_rows = p.command == KDB_POLICY_INSERT ? NULL : some_condition();
    p.check_rows = p.command == KDB_POLICY_INSERT || (both && below(2) == 0) ? some_condition() : NULL;
    if (both && p.check_rows != NULL && below(4) == 0) {
        p.using_rows = NULL;
    }
    return p;
}

static void create_policies(const policy_set *set)
{
    static const places own = { "", "CURRENT_USER", "CURRENT_ROLE" };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    for (size_t i = 0; i < set->count; i++) {
        const policy *p = &set->policies[i];
        char *sql = kdb_alloc(TEXT_MAX);
        (void)snprintf(sql, TEXT_MAX, "CREATE POLICY p%zu ON app.docs AS %s FOR %s TO %.*s", i,
                       p->restrictive ? "RESTRICTIVE" : "PERMISSIVE", kdb_policy_command_name(p->command),
                       KDB_SV_ARG(kdb_policy_roles_text(p->roles, arena)));
        const char *clauses[] = { " USING (", p->using_rows, " WITH CHECK (", p->check_rows };
        for (size_t c = 0; c < 4; c += 2) {
            if (clauses[c + 1] != NULL) {
                char *text = written(clauses[c + 1], &own);
                append(sql, clauses[c]);
                append(sql, text);
                append(sql, ")");
                kdb_free(text);
            }
        }
        must("root", sql);
        kdb_free(sql);
    }
}

static void drop_policies(const policy_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        char sql[64];
        (void)snprintf(sql, sizeof(sql), "DROP POLICY p%zu ON app.docs", i);
        must("root", sql);
    }
}

/* ---- the oracle: the conditions that count, as one ---- */

typedef struct caller {
    const char *user;
    kdb_role role;
    unsigned bit;
} caller;

static const caller callers[] = {
    { "alice", KDB_ROLE_USER, KDB_POLICY_TO_USER },
    { "bob", KDB_ROLE_USER, KDB_POLICY_TO_USER },
    { "svc", KDB_ROLE_SERVICE, KDB_POLICY_TO_SERVICE },
    { "nobody", KDB_ROLE_ANONYMOUS, KDB_POLICY_TO_ANONYMOUS },
};

static const char *condition_for(const policy *p, const caller *who, kdb_policy_command command, bool check)
{
    const bool counts =
        (p->roles & (who->bit | KDB_POLICY_TO_PUBLIC)) != 0 && (p->command == KDB_POLICY_ALL || p->command == command);
    if (!counts) {
        return NULL;
    }
    return check && p->check_rows != NULL ? p->check_rows : p->using_rows;
}

static void append_condition(char *out, const char *condition, const caller *who)
{
    char user[32], role[32];
    (void)snprintf(user, sizeof(user), "'%s'", who->user);
    (void)snprintf(role, sizeof(role), "'%s'", kdb_role_name(who->role));
    const places values = { "", user, role };
    char *text = written(condition, &values);
    append(out, "coalesce((");
    append(out, text);
    append(out, "), false)");
    kdb_free(text);
}

/* "(c OR d) AND e" over the columns of a table called docs. */
static void append_policies(char *out, const policy_set *set, const caller *who, kdb_policy_command command, bool check)
{
    append(out, "(false");
    for (size_t i = 0; i < set->count; i++) {
        const char *condition = condition_for(&set->policies[i], who, command, check);
        if (condition != NULL && !set->policies[i].restrictive) {
            append(out, " OR ");
            append_condition(out, condition, who);
        }
    }
    append(out, ")");
    for (size_t i = 0; i < set->count; i++) {
        const char *condition = condition_for(&set->policies[i], who, command, check);
        if (condition != NULL && set->policies[i].restrictive) {
            append(out, " AND ");
            append_condition(out, condition, who);
        }
    }
}

/* ---- reading ---- */

/* `fails_when`: a count over @T that says whether the statement divides by zero. */
static const struct {
    const char *sql;
    const char *as_oracle; /* NULL: the same */
    const char *fails_when;
} reads[] = {
    { "SELECT * FROM @T ORDER BY t.id", NULL, NULL },
    { "SELECT count(*) AS c FROM @T", NULL, NULL },
    { "SELECT t.id FROM @T WHERE t.id = 5", NULL, NULL },
    { "SELECT t.id FROM @T WHERE t.id IN (1, 2, 3, 5, 8, 13) ORDER BY t.id DESC", NULL, NULL },
    { "SELECT t.id, t.n FROM @T WHERE t.id > 3 AND t.id <= 15 ORDER BY t.id LIMIT 4 OFFSET 1", NULL, NULL },
    { "SELECT t.body FROM @T WHERE t.n > 2 ORDER BY t.n DESC, t.id LIMIT 5", NULL, NULL },
    { "SELECT t.id, t._seq FROM @T WHERE t.n < 7 ORDER BY t._seq", NULL, NULL },
    { "SELECT t.owner, count(*) AS c, sum(t.n) AS s, max(t.body) AS m FROM @T GROUP BY t.owner ORDER BY t.owner NULLS "
      "FIRST",
      NULL, NULL },
    { "SELECT a.id, (SELECT count(*) FROM @T WHERE t.n = a.n) AS c FROM app.other a ORDER BY a.id", NULL, NULL },
    { "SELECT a.id FROM app.other a WHERE a.id IN (SELECT t.id FROM @T) ORDER BY 1", NULL, NULL },
    { "SELECT a.id FROM app.other a WHERE NOT EXISTS (SELECT 1 FROM @T WHERE t.id = a.id) ORDER BY 1", NULL, NULL },
    { "SELECT a.id, t.id AS tid FROM app.other a LEFT JOIN @T ON t.n = a.n ORDER BY 1, 2 NULLS FIRST", NULL, NULL },
    { "WITH x AS (SELECT t.id, t.n FROM @T) SELECT p.id, q.id AS other FROM x p JOIN x q ON p.n = q.n AND p.id < q.id "
      "ORDER BY 1, 2",
      NULL, NULL },
    { "SELECT t.id FROM @T UNION SELECT t.n FROM @T ORDER BY 1 NULLS FIRST", NULL, NULL },
    { "SELECT t.id, row_number() OVER (ORDER BY t.id) AS r FROM @T ORDER BY t.id", NULL, NULL },
    { "SELECT t.id FROM @T WHERE 1 / (t.n - 3) > -100 ORDER BY t.id",
      "SELECT t.id FROM @T WHERE t.n IS NOT NULL ORDER BY t.id", "SELECT count(*) FROM @T WHERE t.n = 3" },
    { "SELECT sum(1 / (t.n - 5)) IS NULL AS s FROM @T", "SELECT count(t.n) = 0 AS s FROM @T",
      "SELECT count(*) FROM @T WHERE t.n = 5" },
    { "SELECT t.id FROM @T WHERE t.id < 10 AND 10 % (t.n - 4) >= -10 ORDER BY t.body, t.id LIMIT 20",
      "SELECT t.id FROM @T WHERE t.id < 10 AND t.n IS NOT NULL ORDER BY t.body, t.id LIMIT 20",
      "SELECT count(*) FROM @T WHERE t.id < 10 AND t.n = 4" },
};

static char *oracle_table(const policy_set *set, const caller *who)
{
    char *out = kdb_alloc(TEXT_MAX);
    (void)snprintf(out, TEXT_MAX, "(SELECT * FROM app.docs docs WHERE ");
    append_policies(out, set, who, KDB_POLICY_SELECT, false);
    append(out, ") t");
    /* `app.docs.id` names the table without an alias */
    for (char *at = out; (at = strstr(at, "app.docs.id")) != NULL;) {
        memset(at, ' ', 4);
    }
    return out;
}

static answer ask_oracle(const char *sql, const char *table)
{
    const places p = { table, "", "" };
    char *text = written(sql, &p);
    answer a = run(&f, "root", text);
    if (a.status != KDB_OK) {
        print_error("oracle: %s\n%s", text, a.text);
    }
    assert_int_equal(a.status, KDB_OK);
    kdb_free(text);
    return a;
}

/* Of an answer with one count: whether it is zero. */
static bool is_zero(const char *text)
{
    const size_t len = strlen(text);
    return len >= 3 && strcmp(text + len - 3, "\n0\n") == 0;
}

static bool is_some(const char *sql, const char *table)
{
    if (sql == NULL) {
        return false;
    }
    answer a = ask_oracle(sql, table);
    const bool some = !is_zero(a.text);
    answer_done(&a);
    return some;
}

static void compare(const caller *who, const char *sql, const char *how, const answer *got, const answer *expected,
                    bool fails)
{
    const bool same =
        fails ? got->status == KDB_ARITHMETIC : got->status == KDB_OK && strcmp(got->text, expected->text) == 0;
    if (!same) {
        answer shown = run(&f, "root", "SHOW POLICIES");
        print_error("%s as %s, %s:\n%s-- expected%s\n%s-- policies\n%s", sql, who->user, how, got->text,
                    fails ? " a division by zero, not" : "", expected->text, shown.text);
        answer_done(&shown);
    }
    assert_true(same);
}

/* By a worker natively and by the engine, more than once so that rows kept in memory come into it, and in a lane. */
static void run_everywhere(kdb_core_lane *lane, const caller *who, const char *sql, const answer *expected, bool fails)
{
    for (int i = 0; i < 2 * AGAIN; i++) {
        f.core->use_native = i % 2 == 0;
        answer got = run_as(&f, who->user, who->role, sql, NULL, 0);
        compare(who, sql, i % 2 == 0 ? "natively" : "in the engine", &got, expected, fails);
        answer_done(&got);
    }
    f.core->use_native = true;
    if (who->role == KDB_ROLE_USER) { /* whom run_in_lane runs it as */
        bool in_lane = false;
        answer got = run_in_lane(&f, lane, who->user, sql, NULL, 0, &in_lane);
        compare(who, sql, "in a lane", &got, expected, fails);
        answer_done(&got);
    }
}

static void compare_read(kdb_core_lane *lane, const policy_set *set, const caller *who)
{
    static const places own = { "app.docs t", "", "" };
    const size_t which = below(KDB_ARRAY_LEN(reads));
    char *table = oracle_table(set, who);
    char *sql = written(reads[which].sql, &own);
    const bool fails = is_some(reads[which].fails_when, table);
    answer expected = ask_oracle(reads[which].as_oracle != NULL ? reads[which].as_oracle : reads[which].sql, table);
    run_everywhere(lane, who, sql, &expected, fails);
    answer_done(&expected);
    kdb_free(sql);
    kdb_free(table);
}

/* ---- writing ---- */

#define ALL_COLUMNS "id, owner, n, body, flag, d, day"

/* What rows become: an expression for each column, of the old ones. */
static const struct {
    const char *where;
    const char *set;     /* NULL: they are deleted */
    const char *becomes; /* the columns with SET's expressions */
} changes[] = {
    { "id = 4", NULL, NULL },
    { "id > 10", NULL, NULL },
    { "n % 3 = 1", NULL, NULL },
    { "id IN (2, 4, 6)", "body = 'x'", "id, owner, n, 'x' AS body, flag, d, day" },
    { "true", "n = n + 1", "id, owner, n + 1 AS n, body, flag, d, day" },
    { "id = 7", "owner = 'bob'", "id, 'bob' AS owner, n, body, flag, d, day" },
    { "owner = 'alice'", "owner = 'bob', flag = NOT flag", "id, 'bob' AS owner, n, body, NOT flag AS flag, d, day" },
    { "id < 9", "n = id % 5, d = 9.99", "id, owner, id % 5 AS n, body, flag, CAST(9.99 AS DECIMAL(10,2)) AS d, day" },
};

static char *dump(const char *sql)
{
    answer a = run(&f, "root", sql);
    assert_int_equal(a.status, KDB_OK);
    char *text = kdb_alloc(strlen(a.text) + 1);
    memcpy(text, a.text, strlen(a.text) + 1);
    answer_done(&a);
    return text;
}

static void strip_namespace(char *sql)
{
    for (char *at = sql; (at = strstr(at, "app.docs.id")) != NULL;) {
        memset(at, ' ', 4);
    }
}

/* The rows that the change may touch, as a condition. */
static void append_touched(char *out, const policy_set *set, const caller *who, size_t which)
{
    append(out, "(");
    append(out, changes[which].where);
    append(out, ") AND ");
    append_policies(out, set, who, KDB_POLICY_SELECT, false);
    append(out, " AND ");
    append_policies(out, set, who, changes[which].set == NULL ? KDB_POLICY_DELETE : KDB_POLICY_UPDATE, false);
}

/* Whether a row as it is to be does not pass. */
static bool is_refused(const policy_set *set, const caller *who, size_t which)
{
    if (changes[which].set == NULL) {
        return false;
    }
    char *sql = kdb_alloc(TEXT_MAX);
    (void)snprintf(sql, TEXT_MAX, "SELECT count(*) FROM (SELECT %s FROM app.docs WHERE ", changes[which].becomes);
    append_touched(sql, set, who, which);
    append(sql, ") docs WHERE NOT (");
    append_policies(sql, set, who, KDB_POLICY_UPDATE, true);
    append(sql, " AND ");
    append_policies(sql, set, who, KDB_POLICY_SELECT, false);
    append(sql, ")");
    strip_namespace(sql);
    char *count = dump(sql);
    const bool refused = !is_zero(count);
    kdb_free(count);
    kdb_free(sql);
    return refused;
}

/* The table as it is to be after the change. */
static char *expected_rows(const policy_set *set, const caller *who, size_t which)
{
    char *sql = kdb_alloc(TEXT_MAX);
    (void)snprintf(sql, TEXT_MAX, "SELECT " ALL_COLUMNS " FROM app.docs WHERE NOT coalesce(");
    append_touched(sql, set, who, which);
    append(sql, ", false)");
    if (changes[which].set != NULL) {
        append(sql, " UNION ALL SELECT ");
        append(sql, changes[which].becomes);
        append(sql, " FROM app.docs WHERE ");
        append_touched(sql, set, who, which);
    }
    append(sql, " ORDER BY 1");
    strip_namespace(sql);
    char *rows = dump(sql);
    kdb_free(sql);
    return rows;
}

static void check_rows(const char *sql, const caller *who, const char *expected)
{
    char *rows = dump("SELECT " ALL_COLUMNS " FROM app.docs ORDER BY id");
    if (strcmp(rows, expected) != 0) {
        answer shown = run(&f, "root", "SHOW POLICIES");
        print_error("%s as %s:\n%s-- expected\n%s-- policies\n%s", sql, who->user, rows, expected, shown.text);
        answer_done(&shown);
    }
    assert_string_equal(rows, expected);
    kdb_free(rows);
}

static void fill_docs(void)
{
    must("root", "DELETE FROM app.docs WHERE true");
    must(
        "root",
        "INSERT INTO app.docs SELECT i, CASE i % 4 WHEN 0 THEN 'alice' WHEN 1 THEN 'bob' WHEN 2 THEN 'svc' END, "
        "CASE WHEN i % 9 <> 8 THEN i % 9 END, CASE i % 3 WHEN 0 THEN 'abc' WHEN 1 THEN 'b' ELSE NULL END, "
        "CASE WHEN i % 5 <> 0 THEN i % 2 = 0 END, i * 0.5, DATE '2026-01-15' + CAST(i AS INT) FROM generate_series(1, 20) AS "
        "g(i)");
}

static void compare_change(const policy_set *set, const caller *who)
{
    const size_t which = below(KDB_ARRAY_LEN(changes));
    char *sql = kdb_alloc(TEXT_MAX);
    if (changes[which].set == NULL) {
        (void)snprintf(sql, TEXT_MAX, "DELETE FROM app.docs WHERE %s", changes[which].where);
    } else {
        (void)snprintf(sql, TEXT_MAX, "UPDATE app.docs SET %s WHERE %s", changes[which].set, changes[which].where);
    }
    const bool refused = is_refused(set, who, which);
    char *expected =
        refused ? dump("SELECT " ALL_COLUMNS " FROM app.docs ORDER BY id") : expected_rows(set, who, which);
    f.core->use_native = below(2) == 0;
    answer got = run_as(&f, who->user, who->role, sql, NULL, 0);
    f.core->use_native = true;
    if (got.status != (refused ? KDB_PERMISSION_DENIED : KDB_OK)) {
        print_error("%s as %s: %s", sql, who->user, got.text);
    }
    assert_int_equal(got.status, refused ? KDB_PERMISSION_DENIED : KDB_OK);
    check_rows(sql, who, expected);
    answer_done(&got);
    kdb_free(expected);
    kdb_free(sql);
}

static const char *const new_rows[] = {
    "100 AS id, 'alice' AS owner, 2 AS n, 'abc' AS body, true AS flag, 1.5 AS d, DATE '2026-01-01' AS day",
    "101 AS id, 'bob' AS owner, 5 AS n, 'b' AS body, false AS flag, 9.5 AS d, DATE '2026-03-01' AS day",
    "102 AS id, 'svc' AS owner, NULL AS n, NULL AS body, NULL AS flag, NULL AS d, NULL AS day",
};

static void compare_insert(const policy_set *set, const caller *who)
{
    const char *row = new_rows[below(KDB_ARRAY_LEN(new_rows))];
    const bool shown = below(2) == 0;
    char *sql = kdb_alloc(TEXT_MAX);
    (void)snprintf(sql, TEXT_MAX, "SELECT count(*) FROM (SELECT %s) docs WHERE ", row);
    append_policies(sql, set, who, KDB_POLICY_INSERT, true);
    if (shown) {
        append(sql, " AND ");
        append_policies(sql, set, who, KDB_POLICY_SELECT, false);
    }
    strip_namespace(sql);
    char *count = dump(sql);
    const bool passes = !is_zero(count);
    (void)snprintf(sql, TEXT_MAX, "INSERT INTO app.docs SELECT %s%s", row, shown ? " RETURNING id" : "");
    answer got = run_as(&f, who->user, who->role, sql, NULL, 0);
    if (got.status != (passes ? KDB_OK : KDB_PERMISSION_DENIED)) {
        answer policies = run(&f, "root", "SHOW POLICIES");
        print_error("%s as %s: %s%s", sql, who->user, got.text, policies.text);
        answer_done(&policies);
    }
    assert_int_equal(got.status, passes ? KDB_OK : KDB_PERMISSION_DENIED);
    answer_done(&got);
    must("root", "DELETE FROM app.docs WHERE id >= 100");
    kdb_free(count);
    kdb_free(sql);
}

/* Whether any row of the FROM item passes what is asked for the command(s); `second` may be KDB_POLICY_COMMAND_COUNT. */
static bool passes(const policy_set *set, const caller *who, const char *from, kdb_policy_command first, bool check,
                   kdb_policy_command second)
{
    char *sql = kdb_alloc(TEXT_MAX);
    (void)snprintf(sql, TEXT_MAX, "SELECT count(*) FROM %s docs WHERE ", from);
    append_policies(sql, set, who, first, check);
    if (second != KDB_POLICY_COMMAND_COUNT) {
        append(sql, " AND ");
        append_policies(sql, set, who, second, false);
    }
    strip_namespace(sql);
    char *count = dump(sql);
    const bool some = !is_zero(count);
    kdb_free(count);
    kdb_free(sql);
    return some;
}

/* DO UPDATE: the row proposed is checked as inserted, the one that is there as updated, before and after. */
static bool may_upsert(const policy_set *set, const caller *who, unsigned id, const char *owner, unsigned n)
{
    char proposed[512], there[128], made[512];
    (void)snprintf(
        proposed, sizeof(proposed),
        "(SELECT %u AS id, '%s' AS owner, %u AS n, CAST(NULL AS TEXT) AS body, CAST(NULL AS BOOLEAN) AS flag, "
        "CAST(NULL AS DECIMAL(10,2)) AS d, CAST(NULL AS DATE) AS day)",
        id, owner, n);
    (void)snprintf(there, sizeof(there), "(SELECT * FROM app.docs WHERE id = %u)", id);
    (void)snprintf(made, sizeof(made),
                   "(SELECT id, '%s' AS owner, %u AS n, body, flag, d, day FROM app.docs WHERE id = %u)", owner, n, id);
    char exists[160];
    (void)snprintf(exists, sizeof(exists), "SELECT count(*) FROM app.docs WHERE id = %u", id);
    char *count = dump(exists);
    const bool fresh = is_zero(count);
    kdb_free(count);
    return passes(set, who, proposed, KDB_POLICY_INSERT, true, KDB_POLICY_COMMAND_COUNT) &&
           (fresh || (passes(set, who, there, KDB_POLICY_UPDATE, false, KDB_POLICY_SELECT) &&
                      passes(set, who, made, KDB_POLICY_UPDATE, true, KDB_POLICY_SELECT)));
}

static void compare_upsert(const policy_set *set, const caller *who)
{
    static const char *const owners[] = { "alice", "bob", "svc" };
    const unsigned id = below(3) == 0 ? 100 : (unsigned)below(20) + 1;
    const char *owner = owners[below(KDB_ARRAY_LEN(owners))];
    const unsigned n = (unsigned)below(9);
    const bool may = may_upsert(set, who, id, owner, n);
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO app.docs (id, owner, n) VALUES (%u, '%s', %u) ON CONFLICT (id) DO UPDATE SET owner = "
                   "EXCLUDED.owner, n = EXCLUDED.n",
                   id, owner, n);
    answer got = run_as(&f, who->user, who->role, sql, NULL, 0);
    if (got.status != (may ? KDB_OK : KDB_PERMISSION_DENIED)) {
        answer policies = run(&f, "root", "SHOW POLICIES");
        print_error("%s as %s: %s%s", sql, who->user, got.text, policies.text);
        answer_done(&policies);
    }
    assert_int_equal(got.status, may ? KDB_OK : KDB_PERMISSION_DENIED);
    answer_done(&got);
    must("root", "DELETE FROM app.docs WHERE id >= 100");
}

static void compare_write(const policy_set *set)
{
    const caller *who = &callers[below(3)]; /* who is not signed in writes nothing */
    switch (below(4)) {
    case 0:
        compare_insert(set, who);
        break;
    case 1:
        compare_upsert(set, who);
        break;
    default:
        compare_change(set, who);
        break;
    }
}

/* ---- the whole ---- */

static void make_tables(void)
{
    must("root", "CREATE NAMESPACE app");
    must("root", "CREATE SHARED TABLE app.docs (id INT PRIMARY KEY, owner TEXT, n INT, body TEXT, flag BOOLEAN, d "
                 "DECIMAL(10,2), day DATE) WITH (ACCESS_LEVEL = 'PUBLIC')");
    must("root", "CREATE SHARED TABLE app.other (id INT PRIMARY KEY, n INT) WITH (ACCESS_LEVEL = 'PUBLIC')");
    must("root", "INSERT INTO app.other SELECT i * 2, i FROM generate_series(1, 8) AS g(i)");
}

static void random_policies_agree_with_conditions_written_out(void **unused)
{
    (void)unused;
    static const char *const settings[] = { "server.workers=1", NULL };
    state_of_random = test_seed();
    fixture_open(&f, settings, NULL, 0);
    make_tables();
    kdb_core_lane *lane = kdb_core_lane_new(f.core);
    for (size_t i = 0; i < SETS; i++) {
        policy_set set = { .count = 1 + below(POLICIES_MAX) };
        for (size_t p = 0; p < set.count; p++) {
            set.policies[p] = some_policy();
        }
        fill_docs();
        create_policies(&set);
        for (size_t r = 0; r < READS_PER_SET; r++) {
            compare_read(lane, &set, &callers[below(KDB_ARRAY_LEN(callers))]);
        }
        for (size_t w = 0; w < WRITES_PER_SET; w++) {
            compare_write(&set);
        }
        drop_policies(&set);
    }
    print_message("%d sets of policies, %d reads of each in %d ways, %d writes of each\n", SETS, READS_PER_SET,
                  2 * AGAIN + 1, WRITES_PER_SET);
    kdb_core_lane_free(lane);
    fixture_close(&f);
}

/* ---- single rules ---- */

static void open_with_docs(void)
{
    fixture_open(&f, NULL, NULL, 0);
    make_tables();
    fill_docs();
    must("root", "CREATE POLICY own ON app.docs TO user USING (owner = CURRENT_USER)");
}

static void expect_line(const char *user, const char *sql, const char *line)
{
    answer a = run(&f, user, sql);
    if (strstr(a.text, line) == NULL) {
        print_error("%s: %s\n%s", user, sql, a.text);
    }
    assert_non_null(strstr(a.text, line));
    answer_done(&a);
}

/* 5 of the 20 rows are alice's. */
static void explain_counts_only_rows_that_are_there(void **unused)
{
    (void)unused;
    open_with_docs();
    for (int i = 0; i < 2 * AGAIN; i++) {
        f.core->use_native = i % 2 == 0;
        expect_line("alice", "EXPLAIN ANALYZE SELECT id FROM app.docs", "\nrows_read|5\n");
        expect_line("alice", "EXPLAIN ANALYZE SELECT id FROM app.docs WHERE n > 100", "\nrows_read|5\n");
        expect_line("root", "EXPLAIN ANALYZE SELECT id FROM app.docs", "\nrows_read|20\n");
    }
    expect_line("alice", "SHOW STATS FOR TABLE app.docs", "docs|app|2|5|");
    fixture_close(&f);
}

/* Plans are kept; what they let through is not. */
static void a_change_of_policies_counts_at_once(void **unused)
{
    (void)unused;
    static const char *const query = "SELECT count(*) AS c FROM app.docs";
    open_with_docs();
    kdb_core_lane *lane = kdb_core_lane_new(f.core);
    static const struct {
        const char *sql, *count;
    } steps[] = {
        { "SELECT 1", "c\n5\n" },
        { "ALTER POLICY own ON app.docs USING (id <= 7)", "c\n7\n" },
        { "CREATE POLICY less ON app.docs AS RESTRICTIVE USING (id > 5)", "c\n2\n" },
        { "ALTER POLICY own ON app.docs TO service", "c\n0\n" },
        { "DROP POLICY own ON app.docs", "c\n0\n" },
        { "DROP POLICY less ON app.docs", "c\n20\n" }, /* a PUBLIC table without policies */
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(steps); i++) {
        must("root", steps[i].sql);
        for (int again = 0; again < 2 * AGAIN; again++) {
            bool in_lane = false;
            f.core->use_native = again % 2 == 0;
            expect(&f, "alice", query, steps[i].count);
            answer a = run_in_lane(&f, lane, "alice", query, NULL, 0, &in_lane);
            assert_string_equal(a.text, steps[i].count);
            answer_done(&a);
        }
    }
    kdb_core_lane_free(lane);
    fixture_close(&f);
}

/* A policy on the key reads the caller's part of the table only. */
static void a_condition_on_the_key_narrows_what_is_read(void **unused)
{
    (void)unused;
    static const char *const settings[] = { "execution.hot_rows_cache_bytes=0", NULL };
    fixture_open(&f, settings, NULL, 0);
    must("root",
         "CREATE NAMESPACE app; CREATE SHARED TABLE app.own (owner TEXT, id INT, n INT, PRIMARY KEY (owner, id)); "
         "INSERT INTO app.own SELECT CASE i % 10 WHEN 0 THEN 'alice' WHEN 1 THEN 'al' ELSE 'bob' END, i, i FROM "
         "generate_series(1, 200) AS g(i); CREATE POLICY own ON app.own TO user USING (owner = CURRENT_USER)");
    for (int i = 0; i < 2; i++) {
        f.core->use_native = i == 0;
        expect(&f, "alice", "SELECT count(*) AS c, min(owner) AS o FROM app.own", "c|o\n20|alice\n");
        expect(&f, "al", "SELECT count(*) AS c, max(owner) AS o FROM app.own", "c|o\n20|al\n");
        expect(&f, "carol", "SELECT id FROM app.own", "id\n");
        expect(&f, "alice", "SELECT id FROM app.own WHERE id = 50", "id\n50\n");
        expect(&f, "alice", "SELECT id FROM app.own WHERE owner = 'bob'", "id\n");
        expect(&f, "alice", "UPDATE app.own SET n = n + 1 WHERE true", "[20 Updated 20 row(s)]\n");
    }
    expect_line("alice", "EXPLAIN SELECT id FROM app.own", "\nkey_range|app.own: a range of the key\n");
    expect_line("alice", "EXPLAIN SELECT id FROM app.own WHERE id = 50", "\nkey_range|app.own: 1 key\n");
    expect_line("alice", "EXPLAIN SELECT id FROM app.own WHERE owner = 'bob'",
                "\nkey_range|app.own: no key can match\n");
    expect_line("root", "EXPLAIN SELECT id FROM app.own", "\nkey_range|app.own: all rows\n");
    fixture_close(&f);
}

/* The row that a condition fails on may be one that the caller must not see. */
static void a_condition_that_fails_tells_no_value(void **unused)
{
    (void)unused;
    open_with_docs();
    must("root", "UPDATE app.docs SET body = 'HIDDEN-MARK' WHERE id = 5");
    must("root", "ALTER POLICY own ON app.docs USING (10 / (n - 5) > 100)");
    for (int i = 0; i < 2 * AGAIN; i++) {
        f.core->use_native = i % 2 == 0;
        answer a = run(&f, "alice", "SELECT id, body FROM app.docs ORDER BY body LIMIT 3");
        assert_int_equal(a.status, KDB_EXECUTION); /* whose text is for admins */
        assert_string_equal(a.text, "! EXECUTION A condition of a row policy of table 'app.docs' failed on a row\n");
        answer_done(&a);
    }
    f.core->use_native = true;
    expect_failure(&f, "carol", "INSERT INTO app.docs (id, n) VALUES (100, 5)", KDB_EXECUTION, "failed on a row");
    fixture_close(&f);
}

static void change_policy(void *unused)
{
    (void)unused;
    must("root", "ALTER POLICY own ON app.docs USING (owner = CURRENT_USER AND id < 3)");
}

/* A transaction that began under other policies does not write by them. */
static void a_transaction_does_not_outlive_its_policies(void **unused)
{
    (void)unused;
    open_with_docs();
    answer a =
        run_between(&f, "alice",
                    "BEGIN; UPDATE app.docs SET body = 'late' WHERE id = 4; SELECT id FROM app.docs WHERE id = 4; "
                    "COMMIT",
                    change_policy, NULL);
    assert_int_equal(a.status, KDB_CONFLICT);
    answer_done(&a);
    expect(&f, "root", "SELECT count(*) AS c FROM app.docs WHERE body = 'late'", "c\n0\n");
    fixture_close(&f);
}

/* Once the change of a policy is answered, no write comes through that it forbids, however long that has been under way. */
static void writes_under_way_meet_the_policy_as_it_is_when_they_are_made(void **unused)
{
    (void)unused;
    enum { ROUNDS = 60, WRITES = 24 };
    static const char *const settings[] = { "server.workers=4", NULL };
    size_t made = 0, refused = 0;
    fixture_open(&f, settings, NULL, 0);
    make_tables();
    must("root", "CREATE POLICY p ON app.docs TO user USING (true) WITH CHECK (true)");
    for (int round = 0; round < ROUNDS; round++) {
        pending_request *writes[WRITES];
        pending_request *alter = NULL;
        char sql[WRITES][128];
        for (int i = 0; i < WRITES; i++) {
            if (i == WRITES / 4) {
                alter = start(&f, "root", "ALTER POLICY p ON app.docs WITH CHECK (owner = CURRENT_USER)");
            }
            (void)snprintf(sql[i], sizeof(sql[i]), "INSERT INTO app.docs (id, owner) VALUES (%d, 'bob')",
                           round * WRITES + i);
            writes[i] = start(&f, "alice", sql[i]);
        }
        answer altered = wait_for(alter);
        assert_int_equal(altered.status, KDB_OK);
        answer_done(&altered);
        answer before = run(&f, "root", "SELECT count(*) AS c FROM app.docs");
        for (int i = 0; i < WRITES; i++) {
            answer a = wait_for(writes[i]);
            assert_true(a.status == KDB_OK || a.status == KDB_PERMISSION_DENIED);
            made += a.status == KDB_OK;
            refused += a.status == KDB_PERMISSION_DENIED;
            answer_done(&a);
        }
        expect(&f, "root", "SELECT count(*) AS c FROM app.docs", before.text);
        answer_done(&before);
        must("root", "ALTER POLICY p ON app.docs WITH CHECK (true)");
    }
    print_message("%zu writes made before the change, %zu refused after it\n", made, refused);
    fixture_close(&f);
}

/* Each of the rows that a scan's readers share passes the filter by itself. */
static void many_rows_read_by_several_threads(void **unused)
{
    (void)unused;
    static const char *const settings[] = { "server.workers=2", "execution.hot_rows_cache_bytes=0", NULL };
    fixture_open(&f, settings, NULL, 0);
    make_tables();
    must("root", "INSERT INTO app.docs (id, owner, n) SELECT i, CASE WHEN i % 1000 = 7 THEN 'alice' ELSE 'bob' END, i "
                 "FROM generate_series(1, 60000) AS g(i)");
    must("root", "CREATE POLICY own ON app.docs TO user USING (owner = CURRENT_USER)");
    for (int i = 0; i < 4; i++) {
        f.core->use_native = i % 2 == 0;
        expect(&f, "alice", "SELECT count(*) AS c, sum(n) AS s, min(n) AS lo, max(n) AS hi FROM app.docs",
               "c|s|lo|hi\n60|1770420|7|59007\n");
        expect(&f, "carol", "SELECT count(*) AS c FROM app.docs", "c\n0\n");
    }
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_policies_agree_with_conditions_written_out),
        cmocka_unit_test(explain_counts_only_rows_that_are_there),
        cmocka_unit_test(a_change_of_policies_counts_at_once),
        cmocka_unit_test(a_condition_that_fails_tells_no_value),
        cmocka_unit_test(a_condition_on_the_key_narrows_what_is_read),
        cmocka_unit_test(a_transaction_does_not_outlive_its_policies),
        cmocka_unit_test(writes_under_way_meet_the_policy_as_it_is_when_they_are_made),
        cmocka_unit_test(many_rows_read_by_several_threads),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
