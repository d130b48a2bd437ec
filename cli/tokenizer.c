#include "cli/tokenizer.h"
#include "base/err.h"
#include <sys/stat.h>

static bool is_folder(const char *name)
{
    struct stat st;
    return stat(name, &st) == 0 && S_ISDIR(st.st_mode);
}

int tokenizer_open(struct tokenizer *k, const char *name)
{
    *k = (struct tokenizer){ NULL, NULL };
    bool file = !is_folder(name);
    if (file && text_ends_in(name, ".json")) {
        k->vocab = vocab_open_json(name, NULL, 0);
    } else if (file && text_ends_in(name, ".model")) {
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
