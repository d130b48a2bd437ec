/* model/checkpoint: what transformers wrote opens with equal values, single, sharded and as GGUF; what is wrong with a
 * folder is said; hashes, names and the bundled checkpoints. */
#include "base/doc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/checkpoint.h"
#include "tests/lib/check.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURES CHORALE_HOME "/tests/fixtures/checkpoint/"

static uint64_t fnv(const float *x, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        for (int b = 0; b < 4; b++)
            h = (h ^ (bits >> 8 * b & 0xff)) * 0x100000001b3u;
    }
    return h;
}

/* One line of expect.txt: file tensor type shape hash. */
static void compare_tensor(const struct checkpoint *c, const char *name, const char *type, const char *shape,
                           const char *hash)
{
    const struct tensor *t = checkpoint_tensor(c, name);
    check(t != NULL, "%s", err_text());
    if (!t)
        return;
    struct text dims = { 0 };
    size_t n = 1;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        text_addf(&dims, "%s%llu", i > 0 ? "x" : "", (unsigned long long)t->dims[i]);
        n *= (size_t)t->dims[i];
    }
    float *x = mem_alloc(n, sizeof *x);
    dtype_to_f32(t->type, t->data, n, x);
    char got[17];
    snprintf(got, sizeof got, "%016llx", (unsigned long long)fnv(x, n));
    check(strcmp(text_s(&dims), shape) == 0 && strcmp(dtype_name(t->type), type) == 0, "%s: %s [%s], want %s [%s]",
          name, dtype_name(t->type), text_s(&dims), type, shape);
    check(strcmp(got, hash) == 0, "%s: %s has the values that were written", c->name, name);
    free(x);
    text_free(&dims);
}

static size_t compare_file(const struct checkpoint *c, const char *file)
{
    struct text expect = { 0 };
    size_t n = 0;
    check(text_read_file(&expect, FIXTURES "expect.txt", 1u << 20) == 0, "%s", err_text());
    for (char *line = expect.s; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char of[32], name[80], type[8], shape[32], hash[32];
        check(sscanf(line, "%31s %79s %7s %31s %31s", of, name, type, shape, hash) == 5, "a line of expect.txt");
        if (strcmp(of, file) == 0) {
            compare_tensor(c, name, type, shape, hash);
            n++;
        }
    }
    text_free(&expect);
    return n;
}

static void values(void)
{
    static const struct {
        const char *file, *format;
        bool interleaved, tied;
        size_t n_tensors;
    } cases[] = {
        { "single", "safetensors", false, true, 20 },
        { "sharded", "safetensors", false, false, 21 },
        { "llama.gguf", "gguf", true, true, 20 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text path = { 0 };
        text_addf(&path, FIXTURES "%s", cases[i].file);
        struct checkpoint *c = checkpoint_open(text_s(&path));
        check(c != NULL, "%s", err_text());
        text_free(&path);
        if (!c)
            continue;
        check(compare_file(c, cases[i].file) == cases[i].n_tensors && c->n_tensors == cases[i].n_tensors, "%s: %zu",
              cases[i].file, c->n_tensors);
        const struct config *k = &c->config;
        check(k->n_vocab == 288 && k->dim == 32 && k->n_layers == 2 && k->n_heads == 4 && k->n_kv_heads == 2 &&
                  k->head_dim == 8 && k->ffn == 64 && k->max_positions == 128,
              "%s: sizes", cases[i].file);
        check(k->norm_eps == 1e-5f && k->rope_theta == 50000.0f && k->rope_interleaved == cases[i].interleaved &&
                  k->tied_head == cases[i].tied && strcmp(k->architecture, "llama") == 0,
              "%s: numbers", cases[i].file);
        const struct space *s = vocab_space(c->vocab);
        bool listed = s->n_ends == 4 && s->ends[1] == 5; /* generation_config.json: [1, 5]; then the marks */
        check(s->n == 280 && s->ends[0] == 1 && listed == !cases[i].interleaved, "%s: ends", cases[i].file);
        check(strcmp(c->format, cases[i].format) == 0 && vocab_adds_bos(c->vocab) && vocab_bos(c->vocab) == 0, "bos");
        check(c->chat_template && strcmp(c->chat_template, "{{ messages }}") == 0, "%s: chat template", cases[i].file);
        check(checkpoint_parameters(c) == (cases[i].tied ? 27808u : 37024u), "%s: %llu parameters", cases[i].file,
              (unsigned long long)checkpoint_parameters(c));
        check(!checkpoint_tensor(c, "nothing") && err_code() == ERR_DATA, "%s", err_text());
        checkpoint_close(c);
    }
}

static void generation(void)
{
    struct checkpoint *c = checkpoint_open(FIXTURES "single");
    check(c && c->generation.do_sample == 1 && c->generation.temperature == 0.7 && c->generation.top_k == 20 &&
              isnan(c->generation.top_p) && isnan(c->generation.repetition_penalty),
          "decode defaults");
    checkpoint_close(c);
    c = checkpoint_open(FIXTURES "llama.gguf");
    check(c && c->generation.do_sample == -1 && c->generation.top_k == GENERATION_UNSAID &&
              isnan(c->generation.temperature) && c->generation.from == GENERATION_NONE,
          "none");
    checkpoint_close(c);
}

/* The same text gives the same ids from tokenizer.json and from the GGUF file. */
static void tokenizers(void)
{
    struct checkpoint *a = checkpoint_open_vocab(FIXTURES "single"), *b = checkpoint_open_vocab(FIXTURES "llama.gguf");
    check(a && b && a->n_tensors == 0 && a->config.dim == 32 && b->config.dim == 32, "vocabularies: %s", err_text());
    static const char text[] = "the cat sat on\tthe dog\n\n### Response:\nand \xff 月!";
    struct symbols x = { 0 }, y = { 0 };
    check(vocab_encode_special(a->vocab, text, sizeof text - 1, &x) == 0 &&
              vocab_encode_special(b->vocab, text, sizeof text - 1, &y) == 0,
          "%s", err_text());
    check(x.n == y.n && x.n < 30 && memcmp(x.s, y.s, x.n * sizeof *x.s) == 0, "equal ids");
    free(x.s);
    free(y.s);
    checkpoint_close(a);
    checkpoint_close(b);
}

/* A folder beside the fixtures' ones, made of their files; a file given as text replaces one, NULL leaves it out. */
struct folder {
    char path[64];
};

static void put(const struct folder *f, const char *name, const void *bytes, size_t n)
{
    struct text path = { 0 };
    text_addf(&path, "%s/%s", f->path, name);
    check(text_write_file(text_s(&path), bytes, n) == 0, "%s", err_text());
    text_free(&path);
}

static struct folder make_folder(const char *from)
{
    struct folder f = { "/tmp/chorale-test-checkpoint-XXXXXX" };
    check(mkdtemp(f.path) != NULL, "a folder");
    struct text source = { 0 }, file = { 0 };
    text_addf(&source, FIXTURES "%s", from);
    DIR *d = opendir(text_s(&source));
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        text_clear(&source);
        text_addf(&source, FIXTURES "%s/%s", from, e->d_name);
        check(text_read_file(&file, text_s(&source), 1u << 20) == 0, "%s", err_text());
        put(&f, e->d_name, file.s, file.len);
    }
    if (d)
        closedir(d);
    text_free(&source);
    text_free(&file);
    return f;
}

static void remove_file(const struct folder *f, const char *name)
{
    struct text path = { 0 };
    text_addf(&path, "%s/%s", f->path, name);
    check(unlink(text_s(&path)) == 0, "%s is removed", text_s(&path));
    text_free(&path);
}

static void remove_folder(const struct folder *f)
{
    DIR *d = opendir(f->path);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            remove_file(f, e->d_name);
    if (d)
        closedir(d);
    check(rmdir(f->path) == 0, "%s is removed", f->path);
}

/* config.json of a fixture with one member replaced. */
static void change_config(const struct folder *f, const char *file, const char *key, const char *value)
{
    struct text path = { 0 }, t = { 0 };
    text_addf(&path, FIXTURES "single/%s", file);
    json_t *o = doc_read_file(text_s(&path), 1u << 20), *x = doc_read("value", value, strlen(value));
    check(o && x, "%s", err_text());
    json_object_set_new(o, key, x);
    doc_pretty(&t, o);
    put(f, file, t.s, t.len);
    json_decref(o);
    text_free(&t);
    text_free(&path);
}

static void refused(const struct folder *f, const char *what, const char *message)
{
    struct checkpoint *c = checkpoint_open(f->path);
    check(!c && strstr(err_text(), message) && strstr(err_text(), f->path), "%s: says '%s', want '%s'", what,
          c ? "fine" : err_text(), message);
    checkpoint_close(c);
}

static void configs(void)
{
    static const struct {
        const char *file, *key, *value, *message; /* NULL: fine */
    } cases[] = {
        { "config.json", "use_cache", "null", NULL },
        { "config.json", "rope_scaling", "null", NULL },
        { "config.json", "vocab_size", "null", "'vocab_size' is missing" },
        { "config.json", "vocab_size", "\"288\"", "'vocab_size' is a string, want an integer" },
        { "config.json", "vocab_size", "279", "the tokenizer has 280 tokens, the embedding only 279 rows" },
        { "config.json", "hidden_size", "0", "'hidden_size' is 0, want 1 .. 16777216" },
        { "config.json", "hidden_size", "-32", "'hidden_size' is -32" },
        { "config.json", "num_hidden_layers", "99999999999", "'num_hidden_layers' is 99999999999" },
        { "config.json", "num_key_value_heads", "3", "4 heads do not divide among 3" },
        { "config.json", "head_dim", "7", "heads are 7 wide, want an even number" },
        { "config.json", "rms_norm_eps", "0", "'rms_norm_eps' is 0, want more than 0" },
        { "config.json", "model_type", "\"gptj\"",
          "config.json: unknown model_type 'gptj'; did you mean 'gpt2'? known: llama, " },
        { "config.json", "hidden_act", "\"quick_gelu\"", "'hidden_act' is 'quick_gelu'" },
        { "config.json", "apply_residual_connection_post_layernorm", "true",
          "'apply_residual_connection_post_layernorm' is true" },
        { "config.json", "rope_parameters", "{\"rope_type\":\"llama3\",\"factor\":8}",
          "'low_freq_factor' of the rope" },
        { "config.json", "rope_scaling", "{\"type\":\"ntk\",\"factor\":2}", "unknown type of rope scaling 'ntk'" },
        { "generation_config.json", "eos_token_id", "280", "end token 280 is beyond the vocabulary of 280" },
        { "generation_config.json", "eos_token_id", "[1,\"x\"]", "'eos_token_id' is no token id" },
        { "generation_config.json", "temperature", "\"hot\"", "'temperature' is a string, want a number" },
        { "generation_config.json", "eos_token_id", "null", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct folder f = make_folder("single");
        change_config(&f, cases[i].file, cases[i].key, cases[i].value);
        struct checkpoint *c = checkpoint_open(f.path);
        if (cases[i].message)
            refused(&f, cases[i].key, cases[i].message);
        else
            check(c && vocab_space(c->vocab)->ends[0] == 1, "%s: %s", cases[i].value, err_text());
        checkpoint_close(c);
        remove_folder(&f);
    }
}

static void missing_files(void)
{
    struct folder f = make_folder("single");
    remove_file(&f, "generation_config.json");
    remove_file(&f, "tokenizer_config.json");
    remove_file(&f, "chat_template.jinja");
    struct checkpoint *c = checkpoint_open(f.path);
    check(c && vocab_space(c->vocab)->n_ends == 3 && !c->chat_template, "three files are not needed: %s", err_text());
    checkpoint_close(c);
    remove_file(&f, "tokenizer.json");
    refused(&f, "no tokenizer", "this folder has no tokenizer; want tokenizer.json or tokenizer.model");
    put(&f, "vocab.json", "{}", 2);
    refused(&f, "an old tokenizer", "vocab.json alone is not read");
    c = checkpoint_open_weights(f.path);
    check(c && !c->vocab && c->n_tensors == 20 && checkpoint_hash(c) == 0, "weights alone: %s", err_text());
    checkpoint_close(c);
    put(&f, "tokenizer.json", "{", 1);
    refused(&f, "a broken tokenizer", "tokenizer.json:1:");
    put(&f, "config.json", "[]", 2);
    refused(&f, "a config that is no object", "not an object");
    remove_file(&f, "config.json");
    refused(&f, "no config", "this folder has no config.json; want a folder with one");
    put(&f, "snapshots", "", 0); /* of a cache of the hub */
    refused(&f, "a folder of snapshots", "want one of its snapshots");
    put(&f, "adapter_config.json", "{}", 2);
    refused(&f, "an adapter", "an adapter, which is not read; want it merged");
    remove_file(&f, "snapshots");
    remove_file(&f, "adapter_config.json");
    put(&f, "b.gguf", "", 0);
    put(&f, "a.gguf", "", 0);
    refused(&f, "files of another format", "want the path of a file in it, 'a.gguf'");
    remove_folder(&f);
    f = make_folder("single");
    /* bug: 'the header claims 2336927755350992246 bytes' of a clone without git-lfs */
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
    put(&f, "model.safetensors", pointer, sizeof pointer - 1);
    refused(&f, "a pointer of Git LFS",
            "model.safetensors: a pointer of Git LFS, not the file; want what git lfs pull");
    remove_file(&f, "model.safetensors");
    refused(&f, "no weights", "this folder has no weights; want model.safetensors or");
    put(&f, "pytorch_model.bin", "x", 1);
    refused(&f, "weights of another format", "pytorch_model.bin is not read");
    c = checkpoint_open_vocab(f.path);
    check(c && vocab_space(c->vocab)->n == 280, "a vocabulary needs no weights: %s", err_text());
    checkpoint_close(c);
    remove_file(&f, "config.json");
    c = checkpoint_open_vocab(f.path);
    check(c && c->config.dim == 0 && vocab_bos(c->vocab) == 0, "nor a config: %s", err_text());
    checkpoint_close(c);
    remove_folder(&f);
}

static void shards(void)
{
    static const struct {
        const char *name, *message;
    } cases[] = {
        { "../model-00001-of-00004.safetensors", "no plain name" },
        { "/etc/passwd", "no plain name" },
        { "a/b.safetensors", "no plain name" },
        { ".safetensors", "no plain name" },
        { ".hidden.safetensors", "no plain name" },
        { "model.bin", "no plain name" },
        { "m\\u00e9.safetensors", "no plain name" },
        { "none.safetensors", "none.safetensors: cannot open" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct folder f = make_folder("sharded");
        struct text t = { 0 };
        text_addf(&t, "{\"weight_map\":{\"lm_head.weight\":\"%s\"}}", cases[i].name);
        put(&f, "model.safetensors.index.json", t.s, t.len);
        refused(&f, cases[i].name, cases[i].message);
        text_free(&t);
        remove_folder(&f);
    }
    struct folder f = make_folder("sharded");
    const char *one = "{\"weight_map\":{\"lm_head.weight\":\"model-00004-of-00004.safetensors\",\"x\":7}}";
    put(&f, "model.safetensors.index.json", one, strlen(one));
    refused(&f, "a number for a name", "tensor 'x' is in '(not a text)'");
    one = "{\"weight_map\":{\"lm_head.weight\":\"model-00004-of-00004.safetensors\",\"x\":\"model-00004-of-00004."
          "safetensors\"}}";
    put(&f, "model.safetensors.index.json", one, strlen(one));
    refused(&f, "a tensor that is not there", "tensor 'x' is not in 'model-00004-of-00004.safetensors'");
    one = "{\"weight_map\":{\"lm_head.weight\":\"model-00001-of-00004.safetensors\"}}";
    put(&f, "model.safetensors.index.json", one, strlen(one));
    refused(&f, "a tensor that is not listed", "of a shard is not in the index");
    put(&f, "model.safetensors.index.json", "{}", 2);
    refused(&f, "no map", "'weight_map' is missing");
    remove_folder(&f);
    f = make_folder("sharded");
    struct text t = { 0 };
    check(text_read_file(&t, FIXTURES "sharded/model-00004-of-00004.safetensors", 1u << 20) == 0, "%s", err_text());
    put(&f, "model-00003-of-00004.safetensors", t.s, t.len);
    refused(&f, "one tensor in two shards", "two tensors are named 'lm_head.weight'");
    text_free(&t);
    remove_folder(&f);
}

static void hashes(void)
{
    struct folder f = make_folder("sharded");
    struct checkpoint *a = checkpoint_open(FIXTURES "sharded"), *b = checkpoint_open(f.path);
    check(a && b && a->hash[0] == '\0' && checkpoint_hash(a) == 0 && checkpoint_hash(b) == 0, "%s", err_text());
    check(strlen(a->hash) == 64 && strcmp(a->hash, b->hash) == 0, "the hash is of the files, not of where they are");
    checkpoint_close(b);
    /* by hand: role, NUL, size, bytes of each file in the documented order */
    static const struct {
        const char *role, *file;
    } parts[] = {
        { "config", "config.json" },
        { "generation", "generation_config.json" },
        { "tokenizer_config", "tokenizer_config.json" },
        { "tokenizer", "tokenizer.json" },
        { "weights", "model-00001-of-00004.safetensors" },
        { "weights", "model-00002-of-00004.safetensors" },
        { "weights", "model-00003-of-00004.safetensors" },
        { "weights", "model-00004-of-00004.safetensors" },
    };
    struct text all = { 0 }, file = { 0 }, path = { 0 };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        text_clear(&path);
        text_addf(&path, FIXTURES "sharded/%s", parts[i].file);
        check(text_read_file(&file, text_s(&path), 1u << 20) == 0, "%s", err_text());
        uint64_t size = file.len;
        text_addn(&all, parts[i].role, strlen(parts[i].role) + 1);
        text_addn(&all, &size, sizeof size);
        text_addn(&all, file.s, file.len);
    }
    char hex[65];
    hash_sha256(all.s, all.len, hex);
    check(strcmp(hex, a->hash) == 0, "%s is the documented hash", a->hash);
    checkpoint_close(a);
    file.s[file.len - 1] ^= 1; /* one bit of one weight */
    put(&f, "model-00004-of-00004.safetensors", file.s, file.len);
    b = checkpoint_open(f.path);
    check(b && checkpoint_hash(b) == 0 && strcmp(hex, b->hash) != 0, "one bit changes it");
    checkpoint_close(b);
    text_free(&all);
    text_free(&file);
    text_free(&path);
    remove_folder(&f);
}

static void names(void)
{
    size_t n;
    unsetenv("CHORALE_HOME");
    check(!checkpoint_open("zoo:prose") && err_code() == ERR_DATA && strstr(err_text(), "CHORALE_HOME"), "%s",
          err_text());
    checkpoint_names(&n);
    check(n == 0, "none without a home");
    struct folder f = { "/tmp/chorale-test-checkpoint-XXXXXX" };
    check(mkdtemp(f.path) != NULL, "a folder");
    static const char *const made[] = { "model", "model/zoo", "model/zoo/verse", "model/zoo/prose", "model/zoo/empty" };
    struct text path = { 0 };
    for (size_t i = 0; i < 5; i++) {
        text_clear(&path);
        text_addf(&path, "%s/%s", f.path, made[i]);
        check(mkdir(text_s(&path), 0777) == 0, "%s", text_s(&path));
    }
    put(&f, "model/zoo/verse/config.json", "{}", 2);
    put(&f, "model/zoo/prose/config.json", "{}", 2);
    setenv("CHORALE_HOME", f.path, 1);
    const char *const *list = checkpoint_names(&n);
    check(n == 2 && strcmp(list[0], "zoo:prose") == 0 && strcmp(list[1], "zoo:verse") == 0, "%zu names", n);
    check(!checkpoint_open("zoo:prosa") &&
              strstr(err_text(), "unknown checkpoint 'zoo:prosa'; did you mean 'zoo:prose'?"),
          "%s", err_text());
    check(!checkpoint_open("zoo:../../x") && strstr(err_text(), "known: zoo:prose, zoo:verse"), "%s", err_text());
    check(!checkpoint_open("verse") && strstr(err_text(), "zoo:verse"), "%s", err_text());
    check(!checkpoint_open("zoo:prose") && strstr(err_text(), "'model_type' is missing"), "%s", err_text());
    check(!checkpoint_open("./none") && err_code() == ERR_IO, "%s", err_text());
    remove_file(&f, "model/zoo/verse/config.json");
    remove_file(&f, "model/zoo/prose/config.json");
    for (size_t i = 5; i-- > 0;) {
        text_clear(&path);
        text_addf(&path, "%s/%s", f.path, made[i]);
        check(rmdir(text_s(&path)) == 0, "%s", text_s(&path));
    }
    check(rmdir(f.path) == 0, "removed");
    text_free(&path);
    check(!checkpoint_open(FIXTURES "make.py") && strstr(err_text(), "not a checkpoint; want a folder"), "%s",
          err_text());
    check(!checkpoint_open("/dev/null") && strstr(err_text(), "not a regular file"), "%s", err_text());
}

/* The bundled ones: all open, and no two of a tokenizer differ in their space. */
static void zoo(void)
{
    checkpoint_set_home(CHORALE_HOME);
    size_t n;
    const char *const *list = checkpoint_names(&n);
    if (n == 0)
        printf("skipped: no bundled checkpoints\n");
    char *name[64];
    for (size_t i = 0; i < n && i < 64; i++)
        name[i] = mem_string(list[i]);
    for (size_t i = 0; i < n && i < 64; i++) {
        struct checkpoint *c = checkpoint_open(name[i]);
        check(c && checkpoint_hash(c) == 0, "%s: %s", name[i], err_text());
        if (c) {
            const struct space *s = vocab_space(c->vocab);
            check(s->n <= c->config.n_vocab && s->n_ends == 3 && vocab_has_marks(c->vocab) && vocab_adds_bos(c->vocab),
                  "%s: its tokenizer", name[i]);
            check(checkpoint_parameters(c) > 100000 && checkpoint_bytes(c) == 2 * checkpoint_parameters(c),
                  "%s: %llu parameters in bf16", name[i], (unsigned long long)checkpoint_parameters(c));
        }
        checkpoint_close(c);
        free(name[i]);
    }
}

int main(void)
{
    values();
    generation();
    tokenizers();
    configs();
    missing_files();
    shards();
    hashes();
    names();
    zoo();
    return check_done("checkpoint");
}
