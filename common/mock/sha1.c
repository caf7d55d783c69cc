/* SHA-1, a block of 64 bytes at a time. */
#include "common/mock/sha1.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t rotate(uint32_t word, int bits)
{
    return word << bits | word >> (32 - bits);
}

/* One of 80 steps: what it mixes in, by its twenty. */
static uint32_t mixed(int step, const uint32_t v[5])
{
    switch (step / 20) {
    case 0:
        return ((v[1] & v[2]) | (~v[1] & v[3])) + 0x5a827999U;
    case 1:
        return (v[1] ^ v[2] ^ v[3]) + 0x6ed9eba1U;
    case 2:
        return ((v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])) + 0x8f1bbcdcU;
    default:
        return (v[1] ^ v[2] ^ v[3]) + 0xca62c1d6U;
    }
}

static void take_block(uint32_t state[5], const unsigned char *block)
{
    uint32_t w[80], v[5];
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    }
    for (int i = 16; i < 80; i++) {
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    memcpy(v, state, sizeof(v));
    for (int i = 0; i < 80; i++) {
        uint32_t next = rotate(v[0], 5) + mixed(i, v) + v[4] + w[i];
        v[4] = v[3];
        v[3] = v[2];
        v[2] = rotate(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (int i = 0; i < 5; i++) {
        state[i] += v[i];
    }
}

void frm_sha1_hex(const char *data, size_t len, char to[41])
{
    uint32_t state[5] = {0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U, 0xc3d2e1f0U};
    unsigned char tail[128] = {0};
    size_t whole = len / 64 * 64, rest = len - whole;
    for (size_t at = 0; at < whole; at += 64) {
        take_block(state, (const unsigned char *)data + at);
    }
    if (rest > 0) {
        memcpy(tail, data + whole, rest);
    }
    tail[rest] = 0x80;
    size_t tail_len = rest < 56 ? 64 : 128;
    for (size_t i = 0; i < 8; i++) {
        tail[tail_len - 1 - i] = (unsigned char)((uint64_t)len * 8 >> (8 * i));
    }
    for (size_t at = 0; at < tail_len; at += 64) {
        take_block(state, tail + at);
    }
    for (int i = 0; i < 5; i++) {
        snprintf(to + (size_t)8 * (size_t)i, 9, "%08x", state[i]);
    }
}
