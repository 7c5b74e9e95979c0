/* tests/fuzz/standalone.c: feeds files to a fuzz harness without libFuzzer: reproduces what a fuzzer found,
 * and replays the seeds as a test.
 *
 * usage: fuzz_NAME FILE-OR-FOLDER... Each file of a folder is fed, in the order of names; folders in it are not.
 * Exit status: 0 all were fed, 1 one could not be read or there was none. What the harness finds ends the process.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What the harness defines; libFuzzer has no header for it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fed;

/* Feeds `size` bytes from a block of exactly that size, so that AddressSanitizer sees a read past their end. */
static bool feed_stream(FILE *file, size_t size)
{
    uint8_t *data = malloc(size);
    if (data == NULL && size > 0)
        return false;
    bool whole = fread(data, 1, size, file) == size;
    if (whole)
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    return whole;
}

static bool feed_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || !feed_stream(file, size)) {
        perror(path);
        if (file != NULL)
            fclose(file);
        return false;
    }
    fclose(file);
    fed++;
    return true;
}

static bool feed_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) {
        perror(folder);
        return false;
    }
    bool all = true;
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        struct stat facts;
        if (asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
            abort();
        if (stat(path, &facts) == 0 && S_ISREG(facts.st_mode) && !feed_file(path, (size_t)facts.st_size))
            all = false;
        free(path);
        free(entries[i]);
    }
    free(entries);
    return all;
}

int main(int count, char **arguments)
{
    bool all = true;
    for (int i = 1; i < count; i++) {
        struct stat facts;
        if (stat(arguments[i], &facts) != 0) {
            perror(arguments[i]);
            all = false;
        } else if (S_ISDIR(facts.st_mode)) {
            all = feed_folder(arguments[i]) && all;
        } else {
            all = feed_file(arguments[i], (size_t)facts.st_size) && all;
        }
    }
    printf("%d inputs\n", fed);
    return all && fed > 0 ? 0 : 1;
}
