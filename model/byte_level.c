#include "model/byte_level.h"

static bool is_own(uint32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

static uint32_t codepoint_of(uint8_t byte)
{
    if (is_own(byte))
        return byte;
    uint32_t rank = 0;
    for (uint32_t b = 0; b < byte; b++)
        rank += !is_own(b);
    return 0x100 + rank;
}

/* -1: not of the alphabet. */
static int byte_of(uint32_t codepoint)
{
    if (codepoint < 0x100)
        return is_own(codepoint) ? (int)codepoint : -1;
    uint32_t rank = codepoint - 0x100;
    for (int b = 0; b < 0x100; b++)
        if (!is_own((uint32_t)b) && rank-- == 0)
            return b;
    return -1;
}

void byte_level_add(struct text *piece, uint8_t byte)
{
    uint32_t c = codepoint_of(byte);
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
