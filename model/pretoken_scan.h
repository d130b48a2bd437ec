/* Scanners: the regexes of well-known tokenizers, written by hand.
 *
 * A scanner is found by the text of its regex.  Those that are total match at every place, so that a text is cut
 * without gaps; others have places between matches. */
#ifndef MODEL_PRETOKEN_SCAN_H
#define MODEL_PRETOKEN_SCAN_H

#include "model/pretoken.h"

struct scanner {
    const char *regex;
    /* total: the end of the match that begins at from < n of the n bytes of valid UTF-8 at s */
    size_t (*end)(const char *s, size_t n, size_t from);
    /* else: the next match at or behind from, false: none */
    bool (*next)(const char *s, size_t n, size_t from, struct span *found);
    unsigned char wants; /* kinds of bytes (model/pretoken_match.h), one of which a match has; 0: any */
    bool is_bytewise;    /* it gives the same on bytes as on their characters in the byte alphabet */
};

#define SCAN_LLAMA3                                                                                                    \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"           \
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define SCAN_QWEN2                                                                                                     \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"                \
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
/* Oniguruma takes the inner brackets for a class in a class: ( ) | and white space are outside too. */
#define SCAN_BLOOM        " ?[^(\\s|[.,!?\xe2\x80\xa6\xe3\x80\x82\xef\xbc\x8c\xe3\x80\x81\xe0\xa5\xa4\xdb\x94\xd8\x8c])]+"
#define SCAN_THREE_DIGITS "[0-9][0-9][0-9]"
#define SCAN_BREAKS       "[\r\n]"
#define SCAN_LINE_END     "\\s+$"
// clang-format off
#define SCAN_DEEPSEEK_LETTERS \
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅ" \
    "Ὀ-Ὅὐ-ὗὙὛὝὟ-\xe1\xbd\xbd""ᾀ-ᾴᾶ-ᾼ\xe1\xbe\xbe""ῂ-ῄῆ-ῌῐ-\xe1\xbf\x93""ῖ-\xe1\xbf\x9b""ῠ-Ῥῲ-ῴῶ-ῼ" \
    "ℂℇℊ-ℓℕℙ-ℝℤ\xe2\x84\xa6""ℨ\xe2\x84\xaa""-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚ" \
    "ａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+"
// clang-format on
#define SCAN_DEEPSEEK_MARKS "\\s?[!-/:-~！-／：-～‘-‟　-。]+"
#define SCAN_DEEPSEEK_HAN   "[一-龥ࠀ-一가-\xed\x9f\xbf]+"

const struct scanner *pretoken_scan_find(const char *regex); /* NULL: none */

#endif
