#include "model/byte_level.h"

/* The bytes without a character of their own, in order: 0x00 .. 0x20, 0x7f .. 0xa0, 0xad. */
enum { FIRST = 0x100, CONTROLS = 0x21, UPPER = 0x7f, UPPERS = 0x22, HYPHEN = 0xad, OTHERS = CONTROLS + UPPERS + 1 };

uint32_t byte_level_char(uint8_t byte)
{
    if (byte < CONTROLS)
        return FIRST + (uint32_t)byte;
    if (byte >= UPPER && byte < UPPER + UPPERS)
        return FIRST + CONTROLS + (uint32_t)(byte - UPPER);
    return byte == HYPHEN ? FIRST + CONTROLS + UPPERS : byte;
}

/* -1: not of the alphabet. */
static int byte_of(uint32_t codepoint)
{
    if (codepoint < FIRST)
        return byte_level_char((uint8_t)codepoint) == codepoint ? (int)codepoint : -1;
    uint32_t rank = codepoint - FIRST;
    if (rank >= OTHERS)
        return -1;
    if (rank < CONTROLS)
        return (int)rank;
    return rank < CONTROLS + UPPERS ? (int)(UPPER + rank - CONTROLS) : HYPHEN;
}

void byte_level_add(struct text *piece, uint8_t byte)
{
    uint32_t c = byte_level_char(byte);
    char two[2] = { (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)) };
    if (c < 0x80)
        text_addn(piece, &(char){ (char)c }, 1);
    else
        text_addn(piece, two, 2);
}

bool byte_level_bytes(struct text *bytes, const char *piece, size_t n)
{
    size_t before = bytes->len;
    for (size_t i = 0; i < n;) {
        uint32_t codepoint = 0;
        int length = text_utf8(piece + i, n - i, &codepoint), byte = length > 0 ? byte_of(codepoint) : -1;
        if (byte < 0) {
            bytes->len = before;
            return false;
        }
        text_addn(bytes, &(uint8_t){ (uint8_t)byte }, 1);
        i += (size_t)length;
    }
    return true;
}
