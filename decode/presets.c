/* TigerBot's decode defaults over time are what they effectively were: where a script declares top_p and temperature but
 * leaves do_sample off, transformers decodes greedily.  Steps stand in transformers' order; a chat checkpoint's top_k = 50 is
 * transformers' own default, which sampling gets where nothing else is said. */
#include "decode/presets.h"
#include <string.h>

const struct preset *presets(size_t *n)
{
    static const struct preset all[] = {
        { "@tigerbot-launch", "@hf | no_repeat_ngram=4 | temperature=0",
          "launch: greedy without repeated 4-grams (top_p 0.95 and temperature 0.8 were declared, do_sample was not)",
          "TigerBot infer.py, 2023-06" },
        { "@tigerbot-web", "@hf | no_repeat_ngram=4 | temperature=0",
          "web demo: greedy without repeated 4-grams (its sliders, top_p 0.7 and temperature 0.95, had no effect)",
          "TigerBot web_demo.py, 2023-06" },
        { "@tigerbot-v3", "@hf | repetition_penalty=1.1 | temperature=0.3 | top_k=50",
          "chat v3 and v4 by their checkpoints: sampling at 0.3 with repetition penalty 1.1",
          "TigerBot 13b-chat v3 generation_config.json, 2023-08" },
        { "@tigerbot-70b-v4", "@hf | repetition_penalty=1.06 | temperature=0",
          "70b chat v4 by its checkpoint: greedy with repetition penalty 1.06",
          "TigerBot 70b-chat v4 generation_config.json" },
        { "@tigerbot-2024a", "@hf | repetition_penalty=1.08 | temperature=0.6 | top_k=5 | top_p=0.9",
          "infer.py of 2024-06-05: sampling at 0.6 among 5; its penalty was 1.02 at first",
          "TigerBot infer.py, 2024-06-05" },
        { "@tigerbot-2024b", "@hf | repetition_penalty=1.08 | temperature=0.3 | top_k=50",
          "infer.py of 2024-06-07: the chat checkpoint's sampling at 0.3 with repetition penalty 1.08",
          "TigerBot infer.py, 2024-06-07" },
    };
    *n = sizeof all / sizeof all[0];
    return all;
}

const struct preset *preset_find(const char *name)
{
    size_t n;
    const struct preset *all = presets(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}
