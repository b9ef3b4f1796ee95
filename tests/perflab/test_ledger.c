/*
 * test_ledger.c - the ledger in adverse conditions: killed or concurrent writers, damaged, foreign,
 * full and read-only files.
 */
#include "ledger.h"
#include "perflab.h"
#include "util.h"
#include "with_cmocka.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/perflab-ledger-XXXXXX";
static char path[64];

static cJSON *build_row(char uuid[33]) {
    cJSON *row = cJSON_CreateObject();
    make_uuid(uuid);
    cJSON_AddStringToObject(row, "uuid", uuid);
    static const char *const texts[] = {"id",     "component",   "title",   "notes",
                                        "device", "source_hash", "variant", "compiler",
                                        "flags",  "sources",     "inputs",  "first_seen"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cJSON_AddStringToObject(row, texts[i], "text \"with\" | marks\n");
    }
    cJSON_AddNumberToObject(row, "size", 151936);
    cJSON_AddNumberToObject(row, "has_baseline", 1);
    cJSON_AddNumberToObject(row, "has_candidate", 1);
    return row;
}

static bool put_build(ledger *l) {
    char uuid[33];
    cJSON *row = build_row(uuid);
    const bool good = ledger_put(l, "build", row, false);
    cJSON_Delete(row);
    return good;
}

static size_t count(ledger *l, const char *table) {
    char *sql = text_format("SELECT count(*) AS n FROM %s", table);
    cJSON *rows = ledger_rows(l, sql, NULL);
    const size_t n = (size_t)json_number(cJSON_GetArrayItem(rows, 0), "n", 0);
    cJSON_Delete(rows);
    free(sql);
    return n;
}

static int fresh(void **state) {
    (void)state;
    static int number;
    snprintf(path, sizeof path, "%s/%d.ledger", folder, number++);
    return 0;
}

/* A hundred writers, killed at different moments. What they reported as written must be there. */
static void test_killed(void **state) {
    (void)state;
    size_t promised = 0;
    perflab_rng rng = {2024};
    for (int round = 0; round < 100; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        const pid_t pid = fork();
        if (pid == 0) {
            ledger *l = ledger_open(path, true);
            while (l != NULL && put_build(l)) {
                if (write(ends[1], "x", 1) != 1) break;
            }
            _exit(1);
        }
        close(ends[1]);
        /*
         * Kill it after up to four rows, at any moment of the next. This goes by its progress,
         * since disks differ in speed.
         */
        char bytes[4096];
        ssize_t n;
        for (uint64_t wait = perflab_rng_u64(&rng) % 5; wait > 0; wait--) {
            assert_int_equal(read(ends[0], bytes, 1), 1);
            promised++;
        }
        usleep((useconds_t)(perflab_rng_uniform(&rng) * 5000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while ((n = read(ends[0], bytes, sizeof bytes)) > 0) promised += (size_t)n;
        close(ends[0]);
        ledger *l = ledger_open(path, true);
        assert_non_null(l);
        /* The writer may have been killed between its commit and its report. */
        const size_t here = count(l, "build");
        assert_true(here >= promised && here <= promised + 1);
        promised = here;
        ledger_close(l);
    }
    assert_true(promised > 100);
}

static void test_crowd(void **state) {
    (void)state;
    enum { WRITERS = 4, ROWS = 40 };
    pid_t pids[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        if (pids[i] != 0) continue;
        ledger *l = ledger_open(path, true);
        int written = 0;
        while (l != NULL && written < ROWS && put_build(l)) written++;
        ledger_close(l);
        _exit(written == ROWS ? 0 : 1);
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = -1;
        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    ledger *l = ledger_open(path, false);
    assert_non_null(l);
    assert_int_equal(count(l, "build"), WRITERS * ROWS);
    ledger_close(l);
}

/* The file is refused and unchanged. */
static void refused_and_untouched(const char *file) {
    size_t before_length = 0, after_length = 0;
    char *before = read_text(file, &before_length);
    assert_null(ledger_open(file, true));
    assert_null(ledger_open(file, false));
    char *after = read_text(file, &after_length);
    assert_int_equal(before_length, after_length);
    assert_memory_equal(before, after, before_length);
    free(before);
    free(after);
}

static void test_foreign(void **state) {
    (void)state;
    const char text[] =
        "This is somebody's diary, not a ledger. Keep out, please, and leave it as it is. "
        "It is also more than one hundred bytes long.";
    assert_true(write_text(path, text, sizeof text));
    refused_and_untouched(path);
    assert_true(write_text(path, "short", 5));
    refused_and_untouched(path);
    unlink(path);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "CREATE TABLE run(x); INSERT INTO run VALUES(1)", 0, 0, 0),
                     SQLITE_OK);
    sqlite3_close(other);
    refused_and_untouched(path);
}

static void test_damaged(void **state) {
    (void)state;
    ledger *l = ledger_open(path, true);
    for (int i = 0; i < 200; i++) assert_true(put_build(l));
    ledger_close(l);
    size_t length = 0;
    char *text = read_text(path, &length);
    assert_true(length > 40000);
    memset(text + 4096 * 3, 0xFF, 4096 * 4);
    assert_true(write_text(path, text, length));
    refused_and_untouched(path);
    assert_true(write_text(path, text, length / 2));
    refused_and_untouched(path);
    free(text);
}

static void test_newer(void **state) {
    (void)state;
    sqlite3 *db;
    ledger_close(ledger_open(path, true));
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", 0, 0, 0), SQLITE_OK);
    sqlite3_close(db);
    refused_and_untouched(path);
}

/* A ledger of the first schema is updated and keeps its rows; if it is read-only, it is refused. */
static void test_older(void **state) {
    (void)state;
    ledger *l = ledger_open(path, true);
    assert_true(put_build(l));
    ledger_close(l);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "ALTER TABLE run DROP COLUMN partner;"
                                  "ALTER TABLE build DROP COLUMN linked;"
                                  "ALTER TABLE process DROP COLUMN placement;"
                                  "ALTER TABLE run DROP COLUMN threads;"
                                  "DROP TABLE machine;"
                                  "PRAGMA user_version = 1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    if (geteuid() != 0) {
        chmod(path, 0444);
        assert_null(ledger_open(path, false));
        chmod(path, 0644);
    }
    l = ledger_open(path, false);
    assert_non_null(l);
    assert_int_equal(count(l, "build"), 1);
    cJSON *rows = ledger_rows(l,
                              "SELECT r.partner, r.threads, b.linked, p.placement, m.name "
                              "FROM run r, build b, process p, machine m",
                              NULL);
    assert_non_null(rows);
    cJSON_Delete(rows);
    ledger_close(l);
}

/* A full disk: writing fails with an error message, and what was written stays. */
static void test_full(void **state) {
    (void)state;
    ledger *l = ledger_open(path, true);
    for (int i = 0; i < 10; i++) assert_true(put_build(l));
    ledger_close(l);
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit small = {(rlim_t)s.st_size, (rlim_t)s.st_size};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &small);
        ledger *full = ledger_open(path, true);
        int written = 0;
        while (full != NULL && written < 10000 && put_build(full)) written++;
        _exit(full != NULL && written < 10000 ? 0 : 1);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    l = ledger_open(path, true);
    assert_non_null(l);
    assert_true(count(l, "build") >= 10);
    assert_true(put_build(l));
    ledger_close(l);
}

static void test_read_only(void **state) {
    (void)state;
    if (geteuid() == 0) { /* root may write anywhere, so become nobody, in a process of its own */
        ledger *l = ledger_open(path, true);
        assert_true(put_build(l));
        ledger_close(l);
        chmod(folder, 0555);
        chmod(path, 0444);
        const pid_t pid = fork();
        if (pid == 0) {
            if (setuid(65534) != 0) _exit(9);
            ledger *reading = ledger_open(path, false);
            const bool reads = reading != NULL && count(reading, "build") == 1;
            const bool writes = reading != NULL && put_build(reading);
            const bool opens = ledger_open(path, true) != NULL;
            _exit(reads && !writes && !opens ? 0 : 1);
        }
        int status = -1;
        waitpid(pid, &status, 0);
        chmod(folder, 0755);
        assert_int_equal(status, 0);
        return;
    }
    ledger *l = ledger_open(path, true);
    assert_true(put_build(l));
    ledger_close(l);
    chmod(path, 0444);
    ledger *reading = ledger_open(path, false);
    assert_non_null(reading);
    assert_int_equal(count(reading, "build"), 1);
    assert_false(put_build(reading));
    ledger_close(reading);
    assert_null(ledger_open(path, true));
}

/* Rows that the constraints of the tables forbid. */
static void test_rules(void **state) {
    (void)state;
    ledger *l = ledger_open(path, true);
    char build[33], run[33], process[33];
    cJSON *row = build_row(build);
    assert_true(ledger_put(l, "build", row, false));
    cJSON_Delete(row);
    row = cJSON_Parse(
        "{\"started\":\"t\",\"input\":\"i\",\"size\":1,\"cache\":\"hot\",\"seed\":1,"
        "\"seconds\":1,\"quick\":0,\"device_kind\":\"cpu\",\"device\":\"d\",\"machine\":"
        "\"m\",\"commit_id\":\"\",\"environment\":\"{}\",\"min_bytes\":0,\"min_ops\":0,"
        "\"working_set\":0}");
    make_uuid(run);
    cJSON_AddStringToObject(row, "uuid", run);
    cJSON_AddStringToObject(row, "build", run); /* no such build */
    assert_false(ledger_put(l, "run", row, false));
    cJSON_ReplaceItemInObject(row, "build", cJSON_CreateString(build));
    assert_true(ledger_put(l, "run", row, false));
    cJSON_Delete(row);
    /* A process that failed cannot have a speedup. */
    make_uuid(process);
    row = cJSON_Parse("{\"position\":0,\"outcome\":\"mismatch\",\"baseline_us\":10,\"ratio\":9.5}");
    cJSON_AddStringToObject(row, "uuid", process);
    cJSON_AddStringToObject(row, "run", run);
    assert_false(ledger_put(l, "process", row, false));
    cJSON_ReplaceItemInObject(row, "outcome", cJSON_CreateString("passed"));
    assert_true(ledger_put(l, "process", row, false));
    cJSON_AddStringToObject(row, "no_such_column", "x");
    assert_false(ledger_put(l, "process", row, true));
    cJSON_Delete(row);
    ledger_close(l);
}

static char *exported(ledger *l, size_t *length) {
    char *file = text_format("%s/export.jsonl", folder);
    assert_true(ledger_export(l, file, NULL, 0));
    char *text = read_text(file, length);
    free(file);
    return text;
}

static void test_round_trip(void **state) {
    (void)state;
    size_t length = 0, again_length = 0, n_rows, n_new;
    char *file = text_format("%s/export.jsonl", folder);
    char *copy = text_format("%s-copy", path);
    ledger *l = ledger_open(path, true);
    for (int i = 0; i < 25; i++) assert_true(put_build(l));
    char *text = exported(l, &length);
    ledger *other = ledger_open(copy, true);
    assert_true(ledger_import(other, file, &n_rows, &n_new));
    assert_int_equal(n_rows, 25);
    assert_int_equal(n_new, 25);
    assert_true(ledger_import(other, file, &n_rows, &n_new));
    assert_int_equal(n_new, 0);
    char *again = exported(other, &again_length);
    assert_int_equal(length, again_length);
    assert_string_equal(text, again);
    ledger_close(other);
    ledger_close(l);
    free(text);
    free(again);
    free(copy);
    free(file);
}

/* A damaged export is refused, whatever the damage, and nothing of it is kept. */
static void test_bad_import(void **state) {
    (void)state;
    size_t length = 0, n_rows, n_new;
    char *file = text_format("%s/bad.jsonl", folder);
    char *copy = text_format("%s-copy", path);
    ledger *l = ledger_open(path, true);
    for (int i = 0; i < 5; i++) assert_true(put_build(l));
    char *text = exported(l, &length);
    ledger_close(l);
    ledger *other = ledger_open(copy, true);
    perflab_rng rng = {7};
    for (int i = 0; i < 60; i++) { /* cut off at a random place */
        const size_t cut = (size_t)(perflab_rng_uniform(&rng) * (double)length);
        assert_true(write_text(file, text, cut));
        assert_false(ledger_import(other, file, &n_rows, &n_new));
        assert_int_equal(count(other, "build"), 0);
    }
    static const struct {
        const char *from, *to;
    } swaps[] = {{"\"perflab_ledger\":1", "\"perflab_ledger\":2"},
                 {"\"table\":\"build\"", "\"table\":\"written\""},
                 {"\"size\":151936", "\"size\":\"a lot\""},
                 {"\"size\":151936", "\"size\":[151]"},
                 {"\"uuid\":\"", "\"uuid\":\"!"},
                 {"\"perflab_rows\":5", "\"perflab_rows\":6"}};
    for (size_t i = 0; i < sizeof swaps / sizeof *swaps; i++) {
        const char *at = strstr(text, swaps[i].from);
        assert_non_null(at);
        char *bent = text_format("%.*s%s%s", (int)(at - text), text, swaps[i].to,
                                 at + strlen(swaps[i].from));
        assert_true(write_text(file, bent, strlen(bent)));
        assert_false(ledger_import(other, file, &n_rows, &n_new));
        assert_int_equal(count(other, "build"), 0);
        free(bent);
    }
    assert_true(write_text(file, text, length));
    assert_true(ledger_import(other, file, &n_rows, &n_new));
    assert_int_equal(count(other, "build"), 5);
    ledger_close(other);
    free(text);
    free(copy);
    free(file);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL || chmod(folder, 0755) != 0;
}

static int remove_folder(void **state) {
    (void)state;
    char *command = text_format("rm -rf '%s'", folder);
    const int status = system(command);
    free(command);
    return status;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_killed, fresh),
                                       cmocka_unit_test_setup(test_crowd, fresh),
                                       cmocka_unit_test_setup(test_foreign, fresh),
                                       cmocka_unit_test_setup(test_damaged, fresh),
                                       cmocka_unit_test_setup(test_newer, fresh),
                                       cmocka_unit_test_setup(test_older, fresh),
                                       cmocka_unit_test_setup(test_full, fresh),
                                       cmocka_unit_test_setup(test_read_only, fresh),
                                       cmocka_unit_test_setup(test_rules, fresh),
                                       cmocka_unit_test_setup(test_round_trip, fresh),
                                       cmocka_unit_test_setup(test_bad_import, fresh)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
