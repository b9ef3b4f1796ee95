/*
 * ledger.c - the SQLite file.
 *
 * It uses SQLite's rollback journal with synchronous=FULL. A ledger is one file, which people copy,
 * commit and mount read-only. A write-ahead log would keep part of it in other files, which a copy
 * misses, and needs shared memory, which network folders lack. perflab writes at most a few rows
 * per second, so the log's concurrency would not help. Writers wait for each other (busy timeout)
 * and take the lock at the start (BEGIN IMMEDIATE).
 */
#include "ledger.h"
#include "util.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x50464C42, /* "PFLB" */
    SCHEMA_VERSION = 4,
    BUSY_MS = 60000,
    HEADER = 100 /* bytes of a SQLite header */
};

struct ledger {
    sqlite3 *db;
    char *path;
};

const char *const ledger_tables[] = {"build",       "run",      "process", "gate", "profile",
                                     "integration", "selftest", "machine", NULL};

/* Names that people gave to machines; the latest of a key counts. */
#define MACHINE_TABLE                                                                              \
    "CREATE TABLE machine("                                                                        \
    " uuid TEXT PRIMARY KEY CHECK(length(uuid) = 32), key TEXT NOT NULL, name TEXT NOT NULL,"      \
    " at TEXT NOT NULL) STRICT;"

static const char schema[] =
    "CREATE TABLE build("
    " uuid TEXT PRIMARY KEY CHECK(length(uuid) = 32), id TEXT NOT NULL, component TEXT NOT NULL,"
    " title TEXT NOT NULL, notes TEXT NOT NULL, device TEXT NOT NULL, source_hash TEXT NOT NULL,"
    " variant TEXT NOT NULL, compiler TEXT NOT NULL, flags TEXT NOT NULL, sources TEXT NOT NULL,"
    " inputs TEXT NOT NULL, size INTEGER NOT NULL, has_baseline INTEGER NOT NULL,"
    " has_candidate INTEGER NOT NULL, first_seen TEXT NOT NULL,"
    /* The digest of the module as linked, and of what it loads; '' if it was not recorded. */
    " linked TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE INDEX build_by_id ON build(id, source_hash, variant);"

    "CREATE TABLE run("
    " uuid TEXT PRIMARY KEY CHECK(length(uuid) = 32), build TEXT NOT NULL REFERENCES build(uuid),"
    " started TEXT NOT NULL, input TEXT NOT NULL, size INTEGER NOT NULL, cache TEXT NOT NULL"
    " CHECK(cache IN ('hot','l2','evicted')), seed INTEGER NOT NULL, seconds REAL NOT NULL"
    " CHECK(seconds > 0), quick INTEGER NOT NULL, device_kind TEXT NOT NULL, device TEXT NOT NULL,"
    " machine TEXT NOT NULL, commit_id TEXT NOT NULL, environment TEXT NOT NULL,"
    " min_bytes REAL NOT NULL, min_ops REAL NOT NULL, working_set REAL NOT NULL,"
    /* The run of the other build that this one was interleaved with; NULL in the usual case. */
    " partner TEXT,"
    /* How many threads the benchmark was given. */
    " threads INTEGER NOT NULL DEFAULT 1) STRICT;"
    "CREATE INDEX run_by_build ON run(build);"

    "CREATE TABLE process("
    " uuid TEXT PRIMARY KEY CHECK(length(uuid) = 32), run TEXT NOT NULL REFERENCES run(uuid),"
    " position INTEGER NOT NULL, outcome TEXT NOT NULL CHECK(outcome IN (" PERFLAB_OUTCOMES_SQL
    ")),"
    " why TEXT, baseline_us REAL CHECK(baseline_us > 0), candidate_us REAL CHECK(candidate_us > 0),"
    " ratio REAL CHECK(ratio > 0), baseline_calls INTEGER, candidate_calls INTEGER, timed_s REAL,"
    " clock_overhead_ns REAL, clock_resolution_ns REAL, clock_share REAL, rounds TEXT,"
    /* Which of the module's placements ran; NULL for the placement of the build. */
    " placement INTEGER,"
    " CHECK(outcome = 'passed' OR (ratio IS NULL AND candidate_us IS NULL))) STRICT;"
    "CREATE INDEX process_by_run ON process(run);"

    "CREATE TABLE gate("
    " uuid TEXT PRIMARY KEY CHECK(length(uuid) = 32), build TEXT NOT NULL REFERENCES build(uuid),"
    " at TEXT NOT NULL, machine TEXT NOT NULL, device_kind TEXT NOT NULL, device TEXT NOT NULL,"
    " input TEXT NOT NULL, first_seed INTEGER NOT NULL, seeds INTEGER NOT NULL, whole INTEGER NOT "
    "NULL,"
    " outcome TEXT NOT NULL CHECK(outcome IN (" PERFLAB_OUTCOMES_SQL ")),"
    " why TEXT, cases INTEGER NOT NULL,"
    " skipped INTEGER NOT NULL, compared INTEGER NOT NULL, baseline_error REAL,"
    " candidate_error REAL) STRICT;"
    "CREATE INDEX gate_by_build ON gate(build);"

    "CREATE TABLE profile("
    " uuid TEXT PRIMARY KEY CHECK(length(uuid) = 32), build TEXT NOT NULL REFERENCES build(uuid),"
    " at TEXT NOT NULL, machine TEXT NOT NULL, input TEXT NOT NULL, size INTEGER NOT NULL,"
    " data TEXT NOT NULL) STRICT;"

    "CREATE TABLE integration("
    " uuid TEXT PRIMARY KEY CHECK(length(uuid) = 32), at TEXT NOT NULL, name TEXT NOT NULL,"
    " device TEXT NOT NULL, machine TEXT NOT NULL, commit_id TEXT NOT NULL, before_ms TEXT NOT "
    "NULL,"
    " after_ms TEXT NOT NULL, covers TEXT NOT NULL, notes TEXT NOT NULL) STRICT;"

    "CREATE TABLE selftest("
    " uuid TEXT PRIMARY KEY CHECK(length(uuid) = 32), at TEXT NOT NULL, machine TEXT NOT NULL,"
    " passed INTEGER NOT NULL, data TEXT NOT NULL) STRICT;"

    MACHINE_TABLE

    /* The files that tables were written to; only true here, so it is not exported. */
    "CREATE TABLE written(uuid TEXT PRIMARY KEY, path TEXT NOT NULL, at TEXT NOT NULL) STRICT;";

const char *ledger_choice(const char *given) {
    if (given == NULL) given = getenv("PERFLAB_LEDGER");
    return given != NULL ? given : "perflab.ledger";
}

static bool fail(const ledger *l, const char *doing) {
    const int code = sqlite3_extended_errcode(l->db);
    const char *why = sqlite3_errmsg(l->db);
    switch (code & 0xff) {
    case SQLITE_FULL:
        why = "the disk is full";
        break;
    case SQLITE_READONLY:
        why = "the ledger or its folder is read-only";
        break;
    case SQLITE_BUSY:
        why = "another perflab held it for a minute";
        break;
    case SQLITE_CANTOPEN:
        why = "it or its folder cannot be opened for writing";
        break;
    case SQLITE_CORRUPT:
        why = "the ledger is damaged";
        break;
    case SQLITE_IOERR:
        if (sqlite3_system_errno(l->db) != 0) why = strerror(sqlite3_system_errno(l->db));
        break;
    default:
        break;
    }
    complain("cannot %s %s: %s", doing, l->path, why);
    return false;
}

static bool execute(ledger *l, const char *sql) {
    return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static int64_t pragma(const ledger *l, const char *sql) {
    sqlite3_stmt *s = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        value = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return value;
}

/*
 * Why the file is not a ledger, by its raw header, before SQLite may change anything; NULL if
 * nothing is wrong. A file with a journal beside it is left to SQLite, which repairs it first.
 */
static const char *foreign(const char *path, bool *empty) {
    unsigned char header[HEADER] = {0};
    struct stat s;
    *empty = false;
    if (stat(path, &s) != 0) return errno == ENOENT ? NULL : strerror(errno);
    if (!S_ISREG(s.st_mode)) return "not a file";
    *empty = s.st_size == 0;
    char *journal = text_format("%s-journal", path);
    const bool recovering = file_exists(journal);
    free(journal);
    if (*empty || recovering) return NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL) return strerror(errno);
    const size_t n = fread(header, 1, HEADER, file);
    fclose(file);
    if (n < HEADER || memcmp(header, "SQLite format 3", 16) != 0) return "not a perflab ledger";
    const uint32_t id = (uint32_t)header[68] << 24 | (uint32_t)header[69] << 16 |
                        (uint32_t)header[70] << 8 | header[71];
    return id == APPLICATION_ID ? NULL : "a SQLite file of another program";
}

static bool sound(const ledger *l) {
    sqlite3_stmt *s = NULL;
    bool good = sqlite3_prepare_v2(l->db, "PRAGMA quick_check(1)", -1, &s, NULL) == SQLITE_OK &&
                sqlite3_step(s) == SQLITE_ROW &&
                strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
    sqlite3_finalize(s);
    return good;
}

/* Creates the tables, unless another process has just done so. */
static bool make_schema(ledger *l) {
    char *ids = text_format("PRAGMA application_id = %d; PRAGMA user_version = %d;", APPLICATION_ID,
                            SCHEMA_VERSION);
    bool good = execute(l, "BEGIN IMMEDIATE");
    if (good && pragma(l, "PRAGMA user_version") == 0) {
        good = execute(l, schema) && execute(l, ids);
    }
    good = good && execute(l, "COMMIT");
    free(ids);
    if (!good) fail(l, "make");
    return good;
}

/*
 * Updates an older ledger: schema 1 had no partners, schema 2 no linked code and no placements,
 * schema 3 no threads and no names of machines.
 */
static bool renew_schema(ledger *l) {
    if (sqlite3_db_readonly(l->db, "main") == 1) {
        complain("%s: refused: an older perflab wrote it, and it is read-only; copy it", l->path);
        return false;
    }
    bool good = execute(l, "BEGIN IMMEDIATE");
    if (good && pragma(l, "PRAGMA user_version") == 1) {
        good = execute(l, "ALTER TABLE run ADD COLUMN partner TEXT; PRAGMA user_version = 2");
    }
    if (good && pragma(l, "PRAGMA user_version") == 2) {
        good = execute(l, "ALTER TABLE build ADD COLUMN linked TEXT NOT NULL DEFAULT '';"
                          "ALTER TABLE process ADD COLUMN placement INTEGER;"
                          "PRAGMA user_version = 3");
    }
    if (good && pragma(l, "PRAGMA user_version") == 3) {
        good = execute(
            l, "ALTER TABLE run ADD COLUMN threads INTEGER NOT NULL DEFAULT 1;" MACHINE_TABLE
               "PRAGMA user_version = 4");
    }
    good = good && execute(l, "COMMIT");
    if (!good) fail(l, "renew");
    return good;
}

ledger *ledger_open(const char *path, bool create) {
    bool empty;
    const char *against = foreign(path, &empty);
    if (against != NULL) {
        complain("%s: refused: %s", path, against);
        return NULL;
    }
    if (!create && (empty || !file_exists(path))) {
        complain("there is no ledger %s: `perflab run` makes one", path);
        return NULL;
    }
    const int writable = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    ledger *l = must_alloc(sizeof *l);
    l->path = text_copy(path);
    /* Without permission to write, it can still be read. */
    const bool reading = !create && access(path, W_OK) != 0;
    if (sqlite3_open_v2(path, &l->db, reading ? SQLITE_OPEN_READONLY : writable, NULL) !=
        SQLITE_OK) {
        fail(l, "open");
        ledger_close(l);
        return NULL;
    }
    sqlite3_busy_timeout(l->db, BUSY_MS);
    bool good = true;
    if (create && sqlite3_db_readonly(l->db, "main") == 1) {
        good = false;
        complain("cannot write to %s: it is read-only", path);
    }
    if (good && create && pragma(l, "PRAGMA user_version") == 0) good = make_schema(l);
    if (good && (pragma(l, "PRAGMA application_id") != APPLICATION_ID || !sound(l))) {
        good = false;
        complain("%s: refused: it is damaged", path);
    }
    if (good && pragma(l, "PRAGMA user_version") > SCHEMA_VERSION) {
        good = false;
        complain("%s: refused: written by a newer perflab", path);
    }
    if (good && pragma(l, "PRAGMA user_version") < SCHEMA_VERSION) good = renew_schema(l);
    if (good && execute(l, "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL")) return l;
    ledger_close(l);
    return NULL;
}

void ledger_close(ledger *l) {
    if (l == NULL) return;
    sqlite3_close(l->db);
    free(l->path);
    free(l);
}

const char *ledger_path(const ledger *l) {
    return l->path;
}

bool ledger_begin(ledger *l) {
    return execute(l, "BEGIN IMMEDIATE") || fail(l, "write to");
}

bool ledger_commit(ledger *l) {
    return execute(l, "COMMIT") || fail(l, "write to");
}

void ledger_rollback(ledger *l) {
    execute(l, "ROLLBACK");
}

/* Whether a name from JSON, which anyone may have written, is safe in SQL. */
static bool is_name(const char *s) {
    return s != NULL && *s != '\0' && strspn(s, "abcdefghijklmnopqrstuvwxyz_") == strlen(s);
}

static int bind(sqlite3_stmt *s, int at, const cJSON *value) {
    if (cJSON_IsString(value)) {
        return sqlite3_bind_text(s, at, value->valuestring, -1, SQLITE_TRANSIENT);
    }
    if (cJSON_IsBool(value)) return sqlite3_bind_int(s, at, cJSON_IsTrue(value));
    if (cJSON_IsNumber(value)) {
        const double d = value->valuedouble;
        const bool whole = d > -9e15 && d < 9e15 && d == (double)(int64_t)d;
        return whole ? sqlite3_bind_int64(s, at, (int64_t)d) : sqlite3_bind_double(s, at, d);
    }
    if (cJSON_IsNull(value)) return sqlite3_bind_null(s, at);
    return SQLITE_MISMATCH;
}

/* Runs a statement with the members of `values` as its parameters, then `last` if not NULL. */
static bool write_row(ledger *l, const char *sql, const cJSON *values, const char *last) {
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(l->db, sql, -1, &s, NULL);
    int at = 1;
    const cJSON *value;
    cJSON_ArrayForEach(value, values) {
        if (code == SQLITE_OK) code = bind(s, at++, value);
    }
    if (code == SQLITE_OK && last != NULL) code = sqlite3_bind_text(s, at, last, -1, SQLITE_STATIC);
    const bool good = code == SQLITE_OK && sqlite3_step(s) == SQLITE_DONE;
    if (!good) {
        if (code == SQLITE_MISMATCH) {
            complain("cannot write to %s: a value is neither text nor number", l->path);
        } else {
            fail(l, "write to");
        }
    }
    sqlite3_finalize(s);
    return good;
}

bool ledger_put(ledger *l, const char *table, const cJSON *row, bool merge) {
    text_buffer names = {0}, marks = {0};
    const cJSON *value;
    bool good = cJSON_IsObject(row) && row->child != NULL && is_name(table);
    cJSON_ArrayForEach(value, row) {
        good = good && is_name(value->string);
        if (!good) break;
        text_add(&names, "%s%s", names.length > 0 ? "," : "", value->string);
        text_add(&marks, "%s", marks.length > 0 ? ",?" : "?");
    }
    if (good) {
        char *sql = text_format("INSERT INTO %s(%s) VALUES(%s)%s", table, names.text, marks.text,
                                merge ? " ON CONFLICT(uuid) DO NOTHING" : "");
        good = write_row(l, sql, row, NULL);
        free(sql);
    } else {
        complain("cannot write to %s: invalid table or column names", l->path);
    }
    free(names.text);
    free(marks.text);
    return good;
}

bool ledger_set(ledger *l, const char *table, const char *uuid, const cJSON *columns) {
    text_buffer sets = {0};
    const cJSON *value;
    cJSON_ArrayForEach(value, columns) {
        text_add(&sets, "%s%s = ?", sets.length > 0 ? "," : "", value->string);
    }
    char *sql = text_format("UPDATE %s SET %s WHERE uuid = ?", table, sets.text);
    const bool good = write_row(l, sql, columns, uuid);
    free(sets.text);
    free(sql);
    return good;
}

static cJSON *row_of(sqlite3_stmt *s) {
    cJSON *row = cJSON_CreateObject();
    for (int i = 0; i < sqlite3_column_count(s); i++) {
        const char *name = sqlite3_column_name(s, i);
        switch (sqlite3_column_type(s, i)) {
        case SQLITE_TEXT:
            cJSON_AddStringToObject(row, name, (const char *)sqlite3_column_text(s, i));
            break;
        case SQLITE_NULL:
            cJSON_AddNullToObject(row, name);
            break;
        default:
            cJSON_AddNumberToObject(row, name, sqlite3_column_double(s, i));
            break;
        }
    }
    return row;
}

cJSON *ledger_rows(ledger *l, const char *sql, ...) {
    sqlite3_stmt *s = NULL;
    va_list args;
    int code = sqlite3_prepare_v2(l->db, sql, -1, &s, NULL);
    va_start(args, sql);
    const char *value;
    for (int i = 1; (value = va_arg(args, const char *)) != NULL; i++) {
        if (code == SQLITE_OK) code = sqlite3_bind_text(s, i, value, -1, SQLITE_TRANSIENT);
    }
    va_end(args);
    cJSON *rows = cJSON_CreateArray();
    while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        cJSON_AddItemToArray(rows, row_of(s));
        code = SQLITE_OK;
    }
    sqlite3_finalize(s);
    if (code == SQLITE_DONE) return rows;
    cJSON_Delete(rows);
    fail(l, "read");
    return NULL;
}
