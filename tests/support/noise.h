/* Numbers and bytes that look random and are known to whoever knows the seed. */
#ifndef TESTS_SUPPORT_NOISE_H
#define TESTS_SUPPORT_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The seed of a run: STRESS_SEED, or one of now. Printed, so that it can be given again. */
uint64_t noise_seed(void);

/* A number that another state begins with, made of both. */
uint64_t noise_mix(uint64_t seed, uint64_t with);

/* The next number below limit. */
uint32_t noise_pick(uint64_t *state, uint32_t limit);

/* The bytes of a stream from a place on; each seed has a stream of its own, without end. */
void noise_fill(uint64_t seed, uint64_t at, char *to, size_t len);

/* How many bytes at the front are those. */
size_t noise_match(uint64_t seed, uint64_t at, const char *data, size_t len);

/* How long a suite of stress is to take, in milliseconds: CHECK_STRESS_SECONDS, or otherwise_s. */
int64_t stress_ms(int64_t otherwise_s);

/* The number in a variable of the environment, or otherwise. */
int64_t stress_number(const char *variable, int64_t otherwise);

#endif
