/* The scenes of scenes*.c, and what they are written with. Every line of a scene is a step. */
#ifndef TESTS_CONFORMANCE_SCENE_PARTS_H
#define TESTS_CONFORMANCE_SCENE_PARTS_H

#include "tests/conformance/script.h"

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

enum {
    ACTORS = 3
};

/* A step with one request of one actor; the ask is valid until the next line. */
#define LINE(author, who, normal, ...)                                                             \
    do {                                                                                           \
        step_begin(author);                                                                        \
        say(author, who, normal, __VA_ARGS__);                                                     \
        step_end(author);                                                                          \
    } while (0)

/* The same, while nobody else says anything. */
#define LINE_ALONE(author, who, normal, ...)                                                       \
    do {                                                                                           \
        step_begin(author);                                                                        \
        (author)->is_alone = true;                                                                 \
        say(author, who, normal, __VA_ARGS__);                                                     \
        part_of(author, who)->awaits = true; /* of 8.0 a thread flushes */                         \
        step_end(author);                                                                          \
    } while (0)

void scene_keyspace(struct author *author, const int *actors);
void scene_scarcity(struct author *author, const int *actors);
void scene_permissions(struct author *author, const int *actors);
void scene_large(struct author *author, const int *actors);
void scene_tracking(struct author *author, const int *actors);

#endif
