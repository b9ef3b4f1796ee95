/*
 * test_npy_file.c: files, pipes and standard input.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "image.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char path[] = "test_npy_file.tmp";

static void write_file(const void *bytes, size_t size) {
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

/* Asserts that opening a file fails with this message and leaves *file as it was. */
static void refused(const char *name, const char *message) {
    const npy_file before = {.size = 77};
    npy_file file = before;
    char err[160] = "";
    assert_false(npy_open(&file, name, err, sizeof err));
    assert_string_equal(err, message);
    assert_memory_equal(&file, &before, sizeof file);
}

static void files(void **state) {
    (void)state;
    refused("there-is-no-such-file.npy", "No such file or directory");
    refused(".", "it is a directory");
    write_file("", 0);
    refused(path, "the file is empty");

    image good =
        make_image(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 64, 24);
    write_file(good.bytes, good.size);
    npy_file file;
    char err[160] = "";
    assert_true(npy_open(&file, path, err, sizeof err));
    assert_int_equal(file.array.n_columns, 3);
    assert_memory_equal(npy_row(&file.array, 1), good.bytes + good.size - 12, 12);
    npy_close(&file);

    write_file(good.bytes, good.size - 1);
    refused(path, "the shape needs 24 bytes of data, the file has 23");
    (void)remove(path);
    free(good.bytes);
}

/* An array that is not plain is converted: here its columns become rows, and the odd offset of the
 * data does not matter. */
static void other_layouts(void **state) {
    (void)state;
    image columns =
        make_image(1, "{'descr': '<f2', 'fortran_order': True, 'shape': (2, 3), }\n", 1, 12);
    write_file(columns.bytes, columns.size);
    npy_file file;
    char err[160] = "";
    assert_true(npy_open(&file, path, err, sizeof err));
    assert_int_equal(file.array.dtype, NPY_F16);
    const unsigned char rows[] = {0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11};
    assert_memory_equal(npy_row(&file.array, 0), rows, 6);
    assert_memory_equal(npy_row(&file.array, 1), rows + 6, 6);
    npy_close(&file);
    (void)remove(path);
    free(columns.bytes);
}

/* Starts a process that writes the image to a descriptor in pieces, and ends. */
static pid_t feed(int fd, int other_end, const image *from, size_t size, size_t piece) {
    (void)fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) return child;
    (void)close(other_end);
    for (size_t at = 0; at < size;) {
        const size_t n = size - at < piece ? size - at : piece;
        const ssize_t written = write(fd, from->bytes + at, n);
        if (written < 0) _exit(1);
        at += (size_t)written;
    }
    _exit(0);
}

/* Opens "-" with `size` bytes of the image coming through a pipe. */
static bool open_piped(npy_file *file, const image *from, size_t size, size_t piece, char *err,
                       size_t err_size) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = feed(ends[1], ends[0], from, size, piece);
    (void)close(ends[1]);
    const int saved = dup(STDIN_FILENO);
    assert_true(dup2(ends[0], STDIN_FILENO) >= 0);
    (void)close(ends[0]);
    const bool opened = npy_open(file, "-", err, err_size);
    if (saved >= 0) {
        assert_true(dup2(saved, STDIN_FILENO) >= 0);
        (void)close(saved);
    } else {
        (void)close(STDIN_FILENO);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    return opened;
}

static void pipes(void **state) {
    (void)state;
    enum { BIG = 150000 };
    image good = make_image(2, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 50000), }\n",
                            64, 4 * BIG);
    static const size_t pieces[] = {7001, 65536, 4 * BIG + 200};
    npy_file file;
    char err[160] = "";
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        if (!open_piped(&file, &good, good.size, pieces[i], err, sizeof err)) fail_msg("%s", err);
        assert_int_equal(file.array.n_rows, 3);
        assert_memory_equal(npy_row(&file.array, 0), good.bytes + good.size - 4 * BIG, 4 * BIG);
        npy_close(&file);
    }
    static const struct {
        size_t size;
        const char *message;
    } cut[] = {
        {0, "the input is empty"},
        {5, "not a .npy file"},
        {11, "the file ends inside its header"},
        {40, "the file ends inside its header"},
        {1000, "the shape needs 600000 bytes of data, the file has 872"},
    };
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        assert_false(open_piped(&file, &good, cut[i].size, 4096, err, sizeof err));
        assert_string_equal(err, cut[i].message);
    }
    free(good.bytes);

    image more = make_image(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n", 64, 9);
    assert_false(open_piped(&file, &more, more.size, 4096, err, sizeof err));
    assert_string_equal(err, "the input goes on after the array");
    assert_true(open_piped(&file, &more, more.size - 1, 1, err, sizeof err));
    npy_close(&file);
    /* Something that is not an array is refused after its first bytes, however much follows. */
    memset(more.bytes, 'x', more.size);
    assert_false(open_piped(&file, &more, more.size, 4096, err, sizeof err));
    assert_string_equal(err, "not a .npy file");
    free(more.bytes);
}

/* A header may ask for more data than there is memory. */
static void promises(void **state) {
    (void)state;
    image liar = make_image(
        1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 1000)}\n", 64, 8);
    npy_file file;
    char err[160] = "";
    assert_false(open_piped(&file, &liar, liar.size, 4096, err, sizeof err));
    assert_string_equal(err, "the shape needs 4000000000000000 bytes of data, the file has 8");
    free(liar.bytes);
}

/* A named pipe, and a file as standard input. */
static void other_files(void **state) {
    (void)state;
    image good =
        make_image(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 64, 24);
    write_file(good.bytes, good.size);
    const int saved = dup(STDIN_FILENO);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_true(dup2(fileno(in), STDIN_FILENO) >= 0);
    npy_file file;
    char err[160] = "";
    if (!npy_open(&file, "-", err, sizeof err)) fail_msg("%s", err);
    assert_memory_equal(npy_row(&file.array, 0), good.bytes + good.size - 24, 24);
    npy_close(&file);
    (void)fclose(in);
    if (saved >= 0) {
        assert_true(dup2(saved, STDIN_FILENO) >= 0);
        (void)close(saved);
    }
    (void)remove(path);

    assert_int_equal(mkfifo(path, 0600), 0);
    (void)fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        FILE *out = fopen(path, "wb");
        const bool written = out && fwrite(good.bytes, 1, good.size, out) == good.size;
        _exit(out && fclose(out) == 0 && written ? 0 : 1);
    }
    if (!npy_open(&file, path, err, sizeof err)) fail_msg("%s", err);
    assert_memory_equal(npy_row(&file.array, 0), good.bytes + good.size - 24, 24);
    npy_close(&file);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)remove(path);
    free(good.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),    cmocka_unit_test(other_layouts), cmocka_unit_test(pipes),
        cmocka_unit_test(promises), cmocka_unit_test(other_files),
    };
    return cmocka_run_group_tests_name("npy_file", tests, NULL, NULL);
}
