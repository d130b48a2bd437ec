#include "cli/tokenizer.h"
#include "base/err.h"
#include <string.h>

static bool ends_with(const char *s, const char *ending)
{
    size_t n = strlen(s), m = strlen(ending);
    return n >= m && strcmp(s + n - m, ending) == 0;
}

int tokenizer_open(struct tokenizer *k, const char *name)
{
    *k = (struct tokenizer){ NULL, NULL };
    if (ends_with(name, ".json")) {
        k->vocab = vocab_open_json(name, NULL, 0);
    } else if (ends_with(name, ".model")) {
        k->vocab = vocab_open_sentencepiece(name, NULL, 0);
    } else {
        k->checkpoint = checkpoint_open_vocab(name);
        k->vocab = k->checkpoint ? k->checkpoint->vocab : NULL;
    }
    return k->vocab ? 0 : err_code();
}

void tokenizer_close(struct tokenizer *k)
{
    if (k->checkpoint)
        checkpoint_close(k->checkpoint);
    else
        vocab_free(k->vocab);
}
