/* Scripts: what they declare, every error with its place, endless loops, memory bombs, ways out of the sandbox. */
#include "base/err.h"
#include "base/text.h"
#include "experiments/prelude.h"
#include "experiments/script.h"
#include "experiments/script_sets.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *run(const char *source)
{
    struct text t = { 0 };
    text_add(&t, source);
    const char *const sets[] = { "size=3", "tag=x" };
    json_t *out = script_run("dir/test.lua", &t, sets, 2);
    text_free(&t);
    return out;
}

static void fails(const char *source, const char *where, const char *what)
{
    json_t *out = run(source);
    check(!out, "'%s' is refused", source);
    check(strncmp(err_text(), where, strlen(where)) == 0, "'%s': want %s, got: %s", source, where, err_text());
    check(strstr(err_text(), what) != NULL, "'%s': want '%s' in: %s", source, what, err_text());
    json_decref(out);
}

static const char *text_at(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static void test_declares(void)
{
    json_t *e = run(
        "local a, b = model 'zoo:a', model { 'zoo:b', name = 'bee', template = 'plain' }\n"
        "local duet = ensemble { voice { a, temperature = fit { what = 'temperature', on = 's/fit' } },\n"
        "  voice { b, drop = 'context' }, rule = 'log', weights = { 0.7, 0.3 }, name = 'duet' }\n"
        "experiment { name = 'n' .. arg.size .. arg.tag, seed = 5, draws = 2, limit = { bytes = 9 }, stop = '\\n',\n"
        "  evalsets = { 'x', { 'y', items = 4, lang = 'en' } },\n"
        "  arms = { grid { lm = { a, { b, duet } }, chain = { 'top_p=0.9', each('temperature=%g', { 0.5, 1 }) } },\n"
        "           { lm = a, search = search { 'beam', width = 8 } } },\n"
        "  creativity = { 'distinct_3' }, judge = b }\n");
    check(e != NULL, "a script: %s", e ? "" : err_text());
    json_t *arms = json_object_get(e, "arms"), *first = json_array_get(arms, 0), *last = json_array_get(arms, 9);
    check(json_array_size(arms) == 10, "%zu arms", json_array_size(arms));
    check(strcmp(text_at(e, "name"), "n3x") == 0, "--set is seen: %s", text_at(e, "name"));
    check(strcmp(text_at(first, "chain"), "top_p=0.9") == 0, "first chain");
    check(strcmp(text_at(json_array_get(arms, 2), "chain"), "temperature=1") == 0, "each");
    check(strcmp(text_at(last, "search"), "beam(width=8)") == 0, "search: %s", text_at(last, "search"));
    json_t *duet = json_object_get(json_array_get(arms, 6), "lm");
    check(strcmp(text_at(duet, "kind"), "ensemble") == 0 && strcmp(text_at(duet, "at"), "dir/test.lua:2") == 0,
          "an ensemble knows its line: %s", text_at(duet, "at"));
    json_t *voices = json_object_get(duet, "of");
    json_t *t = json_object_get(json_array_get(voices, 0), "temperature");
    check(json_array_size(voices) == 2 && strcmp(text_at(t, "what"), "temperature") == 0, "a voice with a fit");
    json_t *sets = json_object_get(e, "evalsets");
    check(json_integer_value(json_object_get(json_array_get(sets, 1), "items")) == 4, "evalset with items");
    check(json_array_size(json_object_get(e, "stop")) == 1, "one stop string becomes a list");
    json_decref(e);
}

/* The kind of bytes{} is that of its tokenisations. */
static void test_bytes(void)
{
    json_t *e =
        run("local b = bytes { model { 'zoo:a', template = 'plain' }, kind = 'all', beam = 4 }\n"
            "experiment { name = 'n', evalsets = 'x', arms = grid { lm = { b, ensemble { b, bytes 'zoo:b' } } } }\n");
    check(e != NULL, "a script: %s", e ? "" : err_text());
    json_t *arms = json_object_get(e, "arms"), *b = json_object_get(json_array_get(arms, 0), "lm");
    check(strcmp(text_at(b, "kind"), "bytes") == 0 && strcmp(text_at(b, "covers"), "all") == 0, "kind and covers");
    check(json_integer_value(json_object_get(b, "beam")) == 4, "beam");
    check(strcmp(text_at(json_array_get(json_object_get(b, "of"), 0), "kind"), "model") == 0, "of a model");
    json_decref(e);
    fails("\nbytes { kind = 'all' }", "dir/test.lua:2:", "bytes: its first value is missing");
    fails("\nbytes { 'a', width = 4 }", "dir/test.lua:2:", "bytes: unknown field 'width'");
    fails("\nbytes { 'a', lazy = '1' }", "dir/test.lua:2:", "bytes: 'lazy' is a string, want a number");
}

#define REST "evalsets = 'x', arms = { lm = model 'a' } }"

static void test_errors(void)
{
    fails("x = = 1", "dir/test.lua:1:", "unexpected symbol");
    fails("\n\nerror('mine')", "dir/test.lua:3:", "mine");
    fails("\nlocal t = nil\nerror(t.x)", "dir/test.lua:3:", "nil");
    fails("local x = 1", "dir/test.lua:", "declares no experiment");
    fails("\nexperiment { name = 'a', arm = {}, " REST, "dir/test.lua:2:", "did you mean 'arms'");
    fails("\nexperiment { " REST, "dir/test.lua:2:", "'name' is missing");
    /* bug: a misspelt chain was no chain, a misspelt voice no voice */
    fails("\nensembl { 'zoo:prose' }", "dir/test.lua:2: ", "unknown word 'ensembl'; did you mean 'ensemble'?");
    fails("chian = 'top_k=3'\nlocal x = { chain = chain }",
          "dir/test.lua:2: ", "unknown word 'chain'; did you mean 'chian'?");
    fails("local t = {}\nt.ensembl { 'zoo:prose' }", "dir/test.lua:2: ", "nil value (field 'ensembl')");
    fails("experiment { name = 3, " REST, "dir/test.lua:1:", "'name' is a number, want a string");
    fails("experiment { name = 'a', seed = -1, " REST, "dir/test.lua:1:", "want a whole number");
    fails("experiment { name = 'a', limit = { byte = 3 }, " REST, "dir/test.lua:1:", "did you mean 'bytes'");
    fails("experiment { name = 'a', " REST "\nexperiment { name = 'b', " REST, "dir/test.lua:2:", "second experiment");
    fails("experiment { name = 'a', evalsets = 'x', arms = {} }", "dir/test.lua:1:", "no arms");
    fails("experiment { name = 'a', evalsets = 'x', arms = { 'b' } }", "dir/test.lua:1:", "want arms");
    fails("\nmodel { }", "dir/test.lua:2:", "its first value is missing");
    fails("\nmodel { 'a', temperatur = 1 }", "dir/test.lua:2:", "unknown field");
    fails("\nensemble { 'a', 'b', weights = { 1 } }", "dir/test.lua:2:", "1 weights for 2 voices");
    fails("\n\nvoice { 'a', temperature = 'x' }", "dir/test.lua:3:", "want a number or a fit");
    fails("\nfit { what = 'temperature' }", "dir/test.lua:2:", "'on' is missing");
    fails("\ngrid { lm = 'a' }", "dir/test.lua:2:", "want a model, an ensemble, bytes or a list of them: model \"a\"");
    fails("\ngrid { lm = voice { 'a', temperature = 2 } }",
          "dir/test.lua:2:", ": ensemble { voice { ... } }, of one voice");
    fails("\ngrid { lm = model 'a', temperature = 2 }",
          "dir/test.lua:2:", "'temperature'; here that is a step of a chain");
    fails("\nexperiment { name = 'a', limit = 30, " REST, "dir/test.lua:2:", "'limit' is a number, want { bytes = N }");
    fails("\ngrid { lm = { model 'a', 'b' } }", "dir/test.lua:2:", "'lm' holds a");
    fails("\neach('%d', { 0.5 })", "dir/test.lua:2:", "no integer representation");
    fails("local t = {} t[1] = t\nexperiment { name = 'a', stop = t, " REST, "dir/test.lua:", "");
    fails("local t = {} for i = 1, 29 do t = { t, t } end\nexperiment { name = 'a', evalsets = 'x',"
          "arms = { lm = model 'a', chain = function() end } }",
          "dir/test.lua:2:", "want a string");
    fails("experiment { name = 'a', judge = model { 'a', name = '\\xff' }, " REST, "dir/test.lua:1:", "UTF-8");
}

static void test_limits(void)
{
    fails("\nwhile true do end", "dir/test.lua:2:", "without an end");
    fails("local function f() return f() end\nf()", "dir/test.lua:", "without an end");
    fails("local function f() return 1 + f() end\nf()", "dir/test.lua:1:", "MiB");
    fails("local s = 'x'\nwhile true do s = s .. s end", "dir/test.lua:2:", "MiB");
    fails("local t = {}\nfor i = 1, 1e9 do t[i] = { i } end", "dir/test.lua:2:", "");
    fails("local s = ('x'):rep(1e9)", "dir/test.lua:1:", "at most 1000000");
    fails("local s = ('x'):rep(1e6)\nlocal t = {} for i = 1, 200 do t[i] = s .. i end", "dir/test.lua:2:", "MiB");
    fails("table.concat({}, '', 1, 1 << 40)", "dir/test.lua:1:", "");
    fails("table.unpack({}, 1, 1e7)", "dir/test.lua:1:", "too many results");
}

static void test_escapes(void)
{
    static const char *const gone[] = { "os",           "io",          "require",        "package",
                                        "load",         "loadfile",    "dofile",         "loadstring",
                                        "debug",        "coroutine",   "pcall",          "xpcall",
                                        "next",         "print",       "collectgarbage", "setmetatable",
                                        "getmetatable", "rawset",      "math.random",    "math.randomseed",
                                        "string.dump",  "string.gsub", "string.gmatch",  "string.match",
                                        "table.move",   "_G",          "('').dump",      "('').gsub",
                                        "('').match" };
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        char source[128];
        snprintf(source, sizeof source, "if %s ~= nil then error('there') end error('absent')", gone[i]);
        fails(source, "dir/test.lua:1:", strpbrk(gone[i], ".(") ? "absent" : "unknown word '");
    }
    fails("\033Lua\x54\0\x19\x93", "dir/test.lua", "binary");
    fails("local s = string.format('%p', {})", "dir/test.lua:1:", "addresses");
    fails("error(string.format('%s', {}) .. tostring({}) .. tostring(error))", "dir/test.lua:1:", "tabletablefunction");
    fails("error(('%s'):format(model))", "dir/test.lua:1:", "function");
    fails("local a = {} a.z, a.b, a.c, a[2], a[1] = 1, 2, 3, 4, 5\nlocal s = '' for k in pairs(a) do s = s .. k end "
          "error(s)",
          "dir/test.lua:2:", "12bcz");
    fails("pairs({ [{}] = 1 })", "dir/test.lua:1:", "want numbers and strings");
    fails("local t = {} for i = 1, 300 do t[i] = { i % 7, i } end\n"
          "table.sort(t, function(a, b) return a[1] < b[1] end)\n"
          "for i = 2, 300 do local a, b = t[i - 1], t[i]\n"
          "  if a[1] > b[1] or (a[1] == b[1] and a[2] > b[2]) then error('unstable') end end error('stable')",
          "dir/test.lua:4:", "stable");
    json_t *e = run("string.format, table.unpack, model2 = nil, nil, 1\nexperiment { name = 'a', evalsets = 'x',"
                    " arms = grid { lm = model 'a', chain = each('top_k=%d', { 3 }) } }");
    check(e != NULL, "a script cannot break the declarations by what it does to its libraries: %s", err_text());
    json_decref(e);
}

/* #t of a table with holes may be 2^61: the library's own insert and remove would move as many, uncounted. */
static void test_huge_length(void)
{
    static const char holes[] = "local t = {} for i = 0, 61 do t[1 << i] = 1 end for i = 1, 7 do t[i] = 1 end\n%s";
    static const char *const moves[] = { "table.remove(t, 1)", "table.insert(t, 1, 2)" };
    char source[256];
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        snprintf(source, sizeof source, holes, moves[i]);
        fails(source, "dir/test.lua:2:", "without an end");
    }
    fails(
        "local t = { 1, 2, 4 } table.insert(t, 3, 3) table.insert(t, 5) local x = table.remove(t, 1) .. table.remove(t)"
        " error(x .. #t .. table.concat(t) .. tostring(table.remove({})))",
        "dir/test.lua:1:", "153234nil");
    fails("table.insert({ 1 }, 3, 2)", "dir/test.lua:1:", "place 3, want 1 .. 2");
    fails("table.remove({ 1 }, 3)", "dir/test.lua:1:", "place 3, want 1 .. 1");
    fails("table.remove({ 1 }, {})", "dir/test.lua:1:", "place table, want");
    fails("table.insert(nil, 1)", "dir/test.lua:1:", "wants a table, got nil");
}

/* Our own string.find, against the manual of Lua 5.4 (6.4, plain is always true). */
static void test_find(void)
{
    static const char *const cases[][2] = {
        { "('hello'):find('l')", "3 3" },
        { "('hello'):find('lo', 2)", "4 5" },
        { "('hello'):find('l', 4)", "4 4" },
        { "('hello'):find('l', -1)", "nil " },
        { "('hello'):find('l', -2)", "4 4" },
        { "('hello'):find('h', -100)", "1 1" },
        { "('hello'):find('')", "1 0" },
        { "('hello'):find('', 6)", "6 5" },
        { "('hello'):find('', 7)", "nil " },
        { "('hello'):find('h', 0)", "1 1" },
        { "(''):find('')", "1 0" },
        { "(''):find('x')", "nil " },
        { "('a.b'):find('.')", "2 2" },
        { "('a%d'):find('%d')", "2 3" },
        { "('a\\0b'):find('\\0b')", "2 3" },
        { "('x'):find('xx')", "nil " },
        { "('x'):find('x', math.mininteger)", "1 1" },
        { "('x'):find('x', math.maxinteger)", "nil " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text source = { 0 };
        text_addf(&source, "local a, b = %s error(tostring(a) .. ' ' .. tostring(b or ''))", cases[i][0]);
        fails(text_s(&source), "dir/test.lua:1:", cases[i][1]);
        text_free(&source);
    }
}

/* prelude.c carries prelude.lua as it stands. */
static void test_prelude(void)
{
    struct text file = { 0 }, carried = { 0 };
    check(text_read_file(&file, CHORALE_HOME "/experiments/prelude.lua", 1 << 20) == 0, "prelude.lua");
    for (size_t i = 0; i < prelude_n; i++)
        text_add(&carried, prelude_lines[i]);
    check(strcmp(text_s(&file), text_s(&carried)) == 0, "prelude.c is what prelude.sh makes of prelude.lua");
    text_free(&file);
    text_free(&carried);
}

/* What of a script is a use of arg: names that it does not read are told from those that it may. */
static void test_sets(void)
{
    static const struct {
        const char *source;
        bool any;
    } cases[] = {
        { "local x = arg.size", false },
        { "local x = arg['size'] .. arg [\"size\"]", false },
        { "-- arg max\nlocal x = arg.size", false },
        { "local x = [[don't]] .. [==[ ]] arg ]==] .. arg.size --[[ arg\narg ]] --[=[ ]] arg", false },
        { "local x = 'a\\'-- arg' .. arg.size", true },
        { "local x = \"\\\"--\", arg", true },
        /* bug: a comment of its own was taken for one of the whole line */
        { "--[[ all ]] for k, v in pairs(arg) do end", true },
        { "--[==[ ]] ]==] f(arg)", true },
        { "local x = [[ -- ]] f(arg)", true },
        { "local x = '\\z\n  --' f(arg)", true },
        { "-- a line\rf(arg)", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(script_sets_reads(cases[i].source, "other") == cases[i].any, "%s: may want any name: %d", cases[i].source,
              !cases[i].any);
    check(!script_sets_reads("-- arg.size", "size"), "a comment wants nothing");
    struct text t = { 0 }; /* bug: each word of a line was looked for from the line's beginning */
    text_add(&t, "--");
    for (size_t i = 0; i < 1 << 18; i++)
        text_add(&t, "arg ");
    text_add(&t, "\n");
    for (size_t i = 0; i < 1 << 16; i++)
        text_addf(&t, "f(arg.a%zu)\n", i);
    check(script_sets_reads(text_s(&t), "b"), "so many names may be any");
    text_free(&t);
}

int main(void)
{
    test_declares();
    test_sets();
    test_bytes();
    test_errors();
    test_limits();
    test_escapes();
    test_huge_length();
    test_find();
    test_prelude();
    check(script_source("/nowhere/x.lua", &(struct text){ 0 }) == ERR_IO && strstr(err_text(), "/nowhere/x.lua"),
          "no file: %s", err_text());
    return check_done("script");
}
