#include "model/checkpoint.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/checkpoint_files.h"
#include "model/generation_config.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const struct checkpoint_want want_all = { .weights = true, .vocab = true };
static const struct checkpoint_want want_vocab = { .vocab = true };
static const struct checkpoint_want want_weights = { .weights = true };

const struct map_file *checkpoint_map(struct checkpoint *c, const char *role, const char *name)
{
    struct checkpoint_files *f = c->files;
    struct text path = { 0 };
    text_addf(&path, "%s/%s", c->path, name);
    mem_grow(&f->part, &f->cap_parts, f->n_parts + 1, sizeof *f->part);
    int rc = map_file_open(&f->part[f->n_parts].map, text_s(&path));
    text_free(&path);
    if (rc < 0)
        return NULL;
    f->part[f->n_parts].role = role;
    return &f->part[f->n_parts++].map;
}

/* The tokenizer fits the embedding. */
static int check_vocab(const struct checkpoint *c)
{
    uint32_t n = c->vocab ? vocab_space(c->vocab)->n : 0;
    if (n > c->config.n_vocab && c->config.n_vocab > 0)
        return err_set(ERR_DATA, "%s: the tokenizer has %u tokens, the embedding only %u rows", c->path, n,
                       c->config.n_vocab);
    return 0;
}

/* A file that is no folder: GGUF, llama2.c, or nothing we know. */
static int read_file(struct checkpoint *c, const struct checkpoint_want *want)
{
    struct checkpoint_files *f = c->files;
    mem_grow(&f->part, &f->cap_parts, 1, sizeof *f->part);
    TRY(map_file_open(&f->part[0].map, c->path));
    f->part[0].role = "weights";
    f->n_parts = 1;
    if (f->part[0].map.size >= 4 && memcmp(f->part[0].map.bytes, "GGUF", 4) == 0)
        return checkpoint_read_gguf(c, want);
    if (text_ends_in(c->path, ".bin"))
        return checkpoint_read_llama2c(c, want);
    return err_set(
        ERR_DATA, "%s: not a checkpoint; want a folder with config.json, a GGUF file, or llama2.c's NAME.bin%s",
        c->path,
        text_ends_in(c->path, ".safetensors") || text_ends_in(c->path, ".json") ? "; of a folder's file the folder"
                                                                                : "");
}

static int no_such(const char *name)
{
    size_t n;
    int seen = errno;
    const char *const *names = checkpoint_names(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i] + strlen("zoo:"), name) == 0)
            return err_set(ERR_DATA, "unknown checkpoint '%s'; did you mean '%s'?", name, names[i]);
    if (seen == ENOENT && !strpbrk(name, "/.") && n > 0) /* a name with either is a path */
        return err_unknown(ERR_DATA, "checkpoint", name, names, n);
    return err_set(ERR_IO, "checkpoint '%s': cannot open: %s", name, strerror(seen));
}

/* "FILE.bin,TOKENIZER" becomes both; false: there is no comma. */
static bool cut_tokenizer(struct checkpoint_files *f)
{
    char *comma = strrchr(f->path, ',');
    if (!comma || errno != ENOENT)
        return false;
    *comma = '\0';
    f->tokenizer = mem_string(comma + 1);
    return true;
}

static int read_any(struct checkpoint *c, const struct checkpoint_want *want)
{
    struct stat st;
    bool zoo = strncmp(c->name, "zoo:", 4) == 0;
    if (!(c->files->path = zoo ? checkpoint_zoo_path(c->name) : mem_string(c->name)))
        return ERR_DATA;
    c->path = c->files->path;
    if (stat(c->path, &st) != 0 && !(cut_tokenizer(c->files) && stat(c->path, &st) == 0))
        return no_such(c->name);
    TRY(S_ISDIR(st.st_mode) ? checkpoint_read_folder(c, want) : read_file(c, want));
    TRY(tensor_list_sort(&c->files->tensors, c->path));
    c->tensors = c->files->tensors.t;
    c->n_tensors = c->files->tensors.n;
    return check_vocab(c);
}

static struct checkpoint *open_parts(const char *name, const struct checkpoint_want *want)
{
    struct checkpoint *c = mem_alloc(1, sizeof *c);
    c->files = mem_alloc(1, sizeof *c->files);
    c->files->name = mem_string(name);
    c->name = c->files->name;
    generation_config_none(&c->generation);
    if (read_any(c, want) == 0)
        return c;
    checkpoint_close(c);
    return NULL;
}

struct checkpoint *checkpoint_open(const char *name)
{
    return open_parts(name, &want_all);
}

struct checkpoint *checkpoint_open_vocab(const char *name)
{
    return open_parts(name, &want_vocab);
}

struct checkpoint *checkpoint_open_weights(const char *name)
{
    return open_parts(name, &want_weights);
}

void checkpoint_close(struct checkpoint *c)
{
    if (!c)
        return;
    struct checkpoint_files *f = c->files;
    vocab_free(c->vocab);
    tensor_list_free(&f->tensors);
    gguf_free(f->gguf);
    for (size_t i = 0; i < f->n_parts; i++)
        map_file_close(&f->part[i].map);
    if (f->settled)
        munmap(f->settled, f->settled_bytes);
    free(f->part);
    free(f->name);
    free(f->path);
    free(f->architecture);
    free(f->chat_template);
    text_free(&f->others);
    free(f->tokenizer);
    free(f);
    free(c);
}

const struct tensor *checkpoint_tensor(const struct checkpoint *c, const char *name)
{
    const struct tensor *t = tensor_list_find(&c->files->tensors, name);
    if (!t)
        err_set(ERR_DATA, "%s: tensor '%s' is missing", c->path, name);
    return t;
}

uint64_t checkpoint_parameters(const struct checkpoint *c)
{
    uint64_t n = 0;
    for (size_t i = 0; i < c->n_tensors; i++)
        n += c->tensors[i].bytes / dtype_block_bytes(c->tensors[i].type) * dtype_block(c->tensors[i].type);
    return n;
}

uint64_t checkpoint_bytes(const struct checkpoint *c)
{
    uint64_t n = 0;
    for (size_t i = 0; i < c->n_tensors; i++)
        n += c->tensors[i].bytes;
    return n;
}

int checkpoint_hash(struct checkpoint *c)
{
    if (c->hash[0])
        return 0;
    struct hash_sha256_state *sha = hash_sha256_begin();
    for (size_t i = 0; i < c->files->n_parts; i++) {
        const struct checkpoint_part *p = &c->files->part[i];
        hash_sha256_add(sha, p->role, strlen(p->role) + 1);
        hash_sha256_add(sha, &p->map.size, sizeof p->map.size);
        hash_sha256_add(sha, p->map.bytes, (size_t)p->map.size);
    }
    hash_sha256_end(sha, c->hash);
    return 0;
}
