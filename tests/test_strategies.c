/* Profiles and presets: rules that are parameters, chains that can be read.  That every strategy which is promised is there,
 * with its case, is tested where they are listed: test_list_strategies.sh. */
#include "decode/chain.h"
#include "decode/presets.h"
#include "decode/profiles.h"
#include "tests/lib/check.h"
#include <string.h>

static bool told(const char *name, const char *meaning, const char *source)
{
    return name && meaning && *meaning && source && *source;
}

/* Every rule of a profile is a parameter of a step, and means something: it is not our own default. */
static void profile_rules(void)
{
    size_t n_profiles, n;
    const struct profile *all = profiles(&n_profiles);
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n_profiles; i++)
        for (size_t k = 0; k < all[i].n_rules; k++) {
            const struct profile_rule *rule = &all[i].rules[k];
            struct param params[SPEC_MAX_PARAMS];
            int changed = 0;
            for (size_t t = 0; t < n; t++) {
                if (strcmp(types[t]->name, rule->step) != 0)
                    continue;
                profile_params(&all[i], types[t], params);
                for (size_t j = 0; j < types[t]->n_params; j++)
                    changed += strcmp(params[j].name, rule->param) == 0 && params[j].value != types[t]->params[j].value;
            }
            check(changed == 1, "%s: %s(%s=%s) changes a default", all[i].name, rule->step, rule->param, rule->value);
        }
    static const char *const named[] = { "@hf", "@llamacpp", "@vllm", "@sglang", "@exllama3", "@mlx" };
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        check(profile_find(named[i]) != NULL, "%s is there", named[i]);
    check(profile_find("@llamacpp") == &all[1] && !profile_find("llamacpp"), "found by name");
}

static void preset_chains(void)
{
    size_t n;
    const struct preset *all = presets(&n);
    static const char *const names[] = { "@tigerbot-launch", "@tigerbot-web",   "@tigerbot-v3",
                                         "@tigerbot-70b-v4", "@tigerbot-2024a", "@tigerbot-2024b" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check(preset_find(names[i]) != NULL, "%s is there", names[i]);
    for (size_t i = 0; i < n; i++) {
        struct chain *c = chain_parse(all[i].name), *same = chain_parse(all[i].chain);
        check(c && same && strcmp(chain_text(c), chain_text(same)) == 0, "%s is its chain", all[i].name);
        check(told(all[i].name, all[i].meaning, all[i].source), "%s tells itself", all[i].name);
        check(!profile_find(all[i].name), "%s is no profile too", all[i].name);
        chain_free(c);
        chain_free(same);
    }
}

int main(void)
{
    profile_rules();
    preset_chains();
    return check_done("strategies");
}
