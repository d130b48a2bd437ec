#include "base/text.h"
#include "model/table.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

static int number(const char *text, const char *from, const char *key, double *x)
{
    char value[32];
    size_t n = strcspn(from, ","), shown = n < sizeof value ? n : sizeof value - 1;
    memcpy(value, from, shown);
    value[shown] = 0;
    if (n == shown && text_real(value, x))
        return 0;
    return err_set(ERR_USAGE, "%s: %s is '%s', want a number", text, key, value);
}

int table_check(const double x[TABLE_NUMBERS], const char *where, enum err code)
{
    if (x[0] >= 2 && x[0] <= 27 && x[1] >= 0 && x[1] <= 4096 && x[2] >= 0 && x[2] <= 0x1p53 && x[3] >= 0 &&
        x[3] <= 1000 && floor(x[0]) == x[0] && floor(x[1]) == x[1] && floor(x[2]) == x[2])
        return 0;
    return err_set(code, "%s: want n in 2..27, length in 0..4096, seed in 0..2^53, all whole, sharpness in 0..1000",
                   where);
}

int table_parse(const char *text, struct table_options *o)
{
    static const char *const keys[TABLE_NUMBERS] = { "n", "length", "seed", "sharpness" };
    double x[TABLE_NUMBERS] = { 3, 8, 1, 1 };
    bool given[TABLE_NUMBERS] = { false };
    if (strncmp(text, "table:", 6) != 0)
        return err_set(ERR_USAGE, "'%s' is no table, want one like table:n=4,length=5,seed=3", text);
    for (const char *s = text + 6; *s; s += strcspn(s, ","), s += *s == ',') {
        char key[16] = { 0 };
        size_t n = strcspn(s, "=,"), i = 0;
        memcpy(key, s, n < sizeof key ? n : sizeof key - 1);
        while (i < TABLE_NUMBERS && strcmp(keys[i], key) != 0)
            i++;
        if (i == TABLE_NUMBERS || s[n] != '=')
            return err_unknown(ERR_USAGE, "parameter of a table", key, keys, TABLE_NUMBERS);
        if (given[i])
            return err_set(ERR_USAGE, "%s: %s is given twice", text, key);
        given[i] = true;
        TRY(number(text, s + n + 1, keys[i], &x[i]));
    }
    TRY(table_check(x, text, ERR_USAGE));
    *o = (struct table_options){ (uint32_t)x[0], (uint32_t)x[1], (uint64_t)x[2], x[3] };
    return 0;
}
