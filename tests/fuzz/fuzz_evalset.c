/* Folders of evalsets: three files, cut from the input at bytes of 0xff.  They open, or a message names evalset or file. */
#include "base/err.h"
#include "base/text.h"
#include "evalsets/evalset.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char folder[] = "/tmp/chorale-fuzz-XXXXXX";
static const char *const names[] = { "evalset.json", "items.jsonl", "README.md" };

static void path_of(struct text *path, const char *name)
{
    text_clear(path);
    text_addf(path, "%s/%s", folder, name);
}

static void clean(void)
{
    struct text path = { 0 };
    for (size_t i = 0; i < 3; i++) {
        path_of(&path, names[i]);
        unlink(text_s(&path));
    }
    rmdir(folder);
    text_free(&path);
}

static void write_files(const uint8_t *data, size_t n)
{
    struct text path = { 0 };
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *cut = i < 2 && n > 0 ? memchr(data, 0xff, n) : NULL;
        size_t part = cut ? (size_t)(cut - data) : n;
        path_of(&path, names[i]);
        FILE *f = fopen(text_s(&path), "wb");
        if (!f || fwrite(data, 1, part, f) != part || fclose(f) != 0)
            abort();
        data += part + (cut != NULL);
        n -= part + (cut != NULL);
    }
    text_free(&path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static bool made;
    if (!made && (!mkdtemp(folder) || atexit(clean) != 0))
        abort();
    made = true;
    write_files(data, n);
    struct evalset *e = evalset_open(folder);
    if (!e && ((err_code() != ERR_DATA && err_code() != ERR_IO) || !*err_text()))
        abort();
    for (size_t i = 0; e && i < e->n_items; i++)
        if (!e->items[i].id || !e->items[i].lang || (e->items[i].kind == ITEM_CHOICE && e->items[i].n_choices < 2))
            abort();
    evalset_close(e);
    return 0;
}
