/* GGUF files in parts: the same checkpoint as in one file, and every way in which a part can be the wrong one. */
#include "base/err.h"
#include "model/checkpoint.h"
#include "model/gguf_write.h"
#include "model/map_file.h"
#include "tests/lib/check.h"
#include "tests/lib/temp_folder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE CHORALE_HOME "/tests/fixtures/checkpoint/llama.gguf"

/* What part no (from 1) of count is written as. */
struct part {
    const char *name;
    size_t from, to;    /* of the tensors */
    bool keys;          /* all keys of the whole */
    uint32_t no, count; /* what it says: split.no, split.count; count 0: nothing */
    uint32_t total;     /* split.tensors.count; 0: nothing */
};

static void write_part(const struct temp_folder *f, const struct gguf *g, const struct part *p)
{
    struct gguf_keys k = { 0 };
    struct recast_list l = { 0 };
    for (size_t i = 0; p->keys && i < g->n_pairs; i++)
        gguf_write_value(&k, g->pairs[i].key, &g->pairs[i].value);
    if (p->count > 0) {
        gguf_write_u16(&k, "split.no", (uint16_t)p->no);
        gguf_write_u16(&k, "split.count", (uint16_t)p->count);
    }
    if (p->total > 0)
        gguf_write_u32(&k, "split.tensors.count", p->total);
    for (size_t i = p->from; i < p->to; i++)
        check(recast_add(&l, "part", &(struct recast){ .to = g->tensors.t[i], .from = &g->tensors.t[i] }) == 0, "%s",
              err_text());
    check(gguf_write_file(temp_folder_path(f, p->name), &k, &l, NULL) == 0, "%s", err_text());
    recast_list_free(&l);
    text_free(&k.bytes);
}

static void write_parts(const struct temp_folder *f, const struct part p[], size_t n)
{
    struct map_file m;
    struct gguf *g = NULL;
    if (map_file_open(&m, WHOLE) == 0)
        g = gguf_read(m.path, m.bytes, m.size);
    check(g != NULL, "%s", err_text());
    for (size_t i = 0; g && i < n; i++)
        write_part(f, g, &p[i]);
    gguf_free(g);
    map_file_close(&m);
}

#define FIRST  "m-00001-of-00003.gguf"
#define SECOND "m-00002-of-00003.gguf"
#define THIRD  "m-00003-of-00003.gguf"
static const struct part good[] = {
    { FIRST, 0, 7, true, 0, 3, 20 },
    { SECOND, 7, 7, false, 1, 3, 0 },
    { THIRD, 7, 20, false, 2, 3, 0 },
};

static void same(const struct checkpoint *a, const struct checkpoint *b)
{
    check(a->n_tensors == 20 && a->n_tensors == b->n_tensors, "%zu and %zu tensors", a->n_tensors, b->n_tensors);
    for (size_t i = 0; i < a->n_tensors && i < b->n_tensors; i++) {
        const struct tensor *s = &a->tensors[i], *t = &b->tensors[i];
        check(strcmp(s->name, t->name) == 0 && s->type == t->type && s->bytes == t->bytes &&
                  memcmp(s->data, t->data, (size_t)s->bytes) == 0,
              "%s and %s are the same", s->name, t->name);
    }
    check(vocab_space(a->vocab)->hash == vocab_space(b->vocab)->hash, "the same tokenizer");
}

static void opens(void)
{
    struct temp_folder f = temp_folder_make();
    write_parts(&f, good, 3);
    struct checkpoint *a = checkpoint_open(temp_folder_path(&f, FIRST)), *b = checkpoint_open(WHOLE);
    check(a && b, "%s", err_text());
    if (a && b) {
        same(a, b);
        check(checkpoint_hash(a) == 0 && checkpoint_hash(b) == 0 && strcmp(a->hash, b->hash) != 0,
              "their files differ, so do their hashes");
    }
    checkpoint_close(a);
    checkpoint_close(b);
    temp_folder_take(&f, SECOND);
    a = checkpoint_open_vocab(temp_folder_path(&f, FIRST)); /* which is in the first part */
    check(a && a->vocab, "%s", err_text());
    checkpoint_close(a);
    temp_folder_remove(&f);
}

/* Parts as they should not be: one differs from the good ones. */
static void refused(const struct part *other, const char *open, const char *message)
{
    struct temp_folder f = temp_folder_make();
    write_parts(&f, good, 3);
    if (other)
        write_parts(&f, other, 1);
    struct checkpoint *c = checkpoint_open(temp_folder_path(&f, open));
    check(!c && strstr(err_text(), message), "says '%s', want '%s'", c ? "fine" : err_text(), message);
    checkpoint_close(c);
    temp_folder_remove(&f);
}

static void bad_parts(void)
{
    refused(NULL, SECOND, "part 2 of 3 ('split.no' + 1 of 'split.count'); want the first");
    refused(&(struct part){ SECOND, 7, 7, false, 2, 3, 0 }, FIRST, "it says that it is part 3 of 3");
    refused(&(struct part){ SECOND, 7, 7, false, 1, 2, 0 }, FIRST, "it says that it is part 2 of 2");
    refused(&(struct part){ SECOND, 7, 7, false, 0, 0, 0 }, FIRST, "it says that it is part 1 of 1");
    refused(&(struct part){ FIRST, 0, 7, true, 0, 4, 20 }, FIRST, "want a name that ends in -00001-of-00004.gguf");
    refused(&(struct part){ FIRST, 0, 7, true, 0, 2, 20 }, FIRST, "the first of 2 parts");
    refused(&(struct part){ FIRST, 0, 7, true, 0, 5000, 20 }, FIRST, "'split.count' is 5000, want 1 .. 4096");
    refused(&(struct part){ FIRST, 0, 7, true, 65535, 3, 20 }, FIRST, "part 65536 of 3");
    refused(&(struct part){ FIRST, 0, 7, true, 0, 3, 21 }, FIRST,
            "its parts hold 20 tensors, 'split.tensors.count' is 21");
    refused(&(struct part){ SECOND, 3, 4, false, 1, 3, 0 }, FIRST, "two tensors are named");
    refused(&(struct part){ THIRD, 8, 20, false, 2, 3, 0 }, FIRST,
            "its parts hold 19 tensors, 'split.tensors.count' is 20");
    refused(&(struct part){ "whole.gguf", 0, 7, true, 0, 3, 20 }, "whole.gguf", "want a name that ends in");
    refused(&(struct part){ "g", 0, 7, true, 0, 3, 20 }, "g", "want a name that ends in"); /* shorter than the ending */
    struct temp_folder f = temp_folder_make();
    write_parts(&f, good, 3);
    temp_folder_take(&f, THIRD);
    check(!checkpoint_open(temp_folder_path(&f, FIRST)) && err_code() == ERR_IO &&
              strstr(err_text(), THIRD ": cannot open"),
          "%s", err_text());
    temp_folder_put(&f, THIRD, "GGUF", 4);
    check(!checkpoint_open(temp_folder_path(&f, FIRST)) && err_code() == ERR_DATA &&
              strstr(err_text(), THIRD ": the version wants 4 bytes"),
          "%s", err_text());
    temp_folder_remove(&f);
}

int main(void)
{
    opens();
    bad_parts();
    return check_done("split");
}
