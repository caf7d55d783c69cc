/* Noise. See noise.h. */
#include "tests/support/noise.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    WORD = sizeof(uint64_t)
};

/* splitmix64 (Steele, Lea, Flood 2014): each number of the sequence from its place alone. */
static uint64_t word_at(uint64_t seed, uint64_t index)
{
    uint64_t x = seed + (index + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t noise_seed(void)
{
    uint64_t seed = (uint64_t)stress_number("STRESS_SEED", (int64_t)time(NULL));
    printf("(STRESS_SEED=%" PRIu64 ") ", seed);
    return seed;
}

uint64_t noise_mix(uint64_t seed, uint64_t with)
{
    return word_at(seed, with);
}

uint32_t noise_pick(uint64_t *state, uint32_t limit)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(((*state >> 32) * limit) >> 32);
}

/* The bytes of one word that lie in a run of len bytes at a place. */
static size_t part_of_word(uint64_t seed, uint64_t at, size_t len, char part[WORD])
{
    uint64_t word = word_at(seed, at / WORD);
    size_t skipped = at % WORD;
    size_t count = WORD - skipped < len ? WORD - skipped : len;
    memcpy(part, (const char *)&word + skipped, count);
    return count;
}

void noise_fill(uint64_t seed, uint64_t at, char *to, size_t len)
{
    char part[WORD];
    for (size_t done = 0; done < len;) {
        size_t count = part_of_word(seed, at + done, len - done, part);
        memcpy(to + done, part, count);
        done += count;
    }
}

size_t noise_match(uint64_t seed, uint64_t at, const char *data, size_t len)
{
    char part[WORD];
    size_t done = 0;
    while (done < len) {
        size_t count = part_of_word(seed, at + done, len - done, part);
        for (size_t i = 0; i < count; i++, done++) {
            if (data[done] != part[i]) {
                return done;
            }
        }
    }
    return done;
}

int64_t stress_number(const char *variable, int64_t otherwise)
{
    const char *text = getenv(variable);
    return text == NULL || *text == '\0' ? otherwise : strtoll(text, NULL, 10);
}

int64_t stress_ms(int64_t otherwise_s)
{
    return 1000 * stress_number("CHECK_STRESS_SECONDS", otherwise_s);
}
