/* The data of a script, and adding to it. */
#include "tests/conformance/script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SPEAKS_IN = 10, /* of so many connections without a part … */
    SPEAKS = 6,     /* … so many speak */
    SCENE_IN = 3
};

uint32_t pick(struct author *author, uint32_t limit)
{
    author->random = author->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(author->random >> 33) % limit;
}

bool chance(struct author *author, uint32_t in)
{
    return pick(author, in) == 0;
}

/* Room for one more of size bytes in an array. */
static void *grow(void *array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap) {
        return array;
    }
    *cap = *cap == 0 ? 8 : *cap * 2;
    array = realloc(array, *cap * size);
    if (array == NULL) {
        abort();
    }
    return array;
}

/* -------------------------------------------------------------------------------------- voices */

int voice_names(const struct voice *voice, enum subscription kind)
{
    int count = 0;
    for (int i = 0; i < NAMES; i++) {
        count += voice->has[kind][i];
    }
    return count;
}

bool voice_is_subscribed(const struct voice *voice)
{
    return voice_names(voice, CHANNEL) + voice_names(voice, PATTERN) + voice_names(voice, SHARD) >
           0;
}

bool voice_is_restricted(const struct voice *voice)
{
    return voice->proto == 2 && voice_is_subscribed(voice);
}

void voice_reset(struct voice *voice)
{
    *voice = (struct voice){.life = voice->life,
                            .proto = 2,
                            .is_acting = voice->is_acting,
                            .has_tracked = voice->has_tracked};
}

void voice_end(struct voice *voice)
{
    voice_reset(voice);
    voice->has_tracked = false;
    voice->life++;
}

/* --------------------------------------------------------------------------------------- asking */

struct part *part_of(struct author *author, int who)
{
    struct step *step = author->step;
    for (size_t i = 0; i < step->count; i++) {
        if (step->parts[i].connection == who) {
            return &step->parts[i];
        }
    }
    step->parts[step->count] = (struct part){.connection = who, .cuts = author->random};
    return &step->parts[step->count++];
}

/* What the mode of replies makes of one more request. */
static int replies_now(struct voice *voice)
{
    bool is_skipped = voice->skips_next;
    voice->skips_next = false;
    return voice->is_silent || is_skipped ? 0 : 1;
}

struct ask *say_bytes(struct author *author, int who, const void *data, size_t len)
{
    struct part *part = part_of(author, who);
    part->asks = grow(part->asks, part->count, &part->cap, sizeof(*part->asks));
    part->asks[part->count] = (struct ask){.at = part->bytes.len, .len = len};
    part->asks[part->count].replies = replies_now(&author->voices[who]);
    bytes_add(&part->bytes, data, len);
    author->script->asks++;
    return &part->asks[part->count++];
}

/* A word of a line in which $x may stand somewhere. */
static void add_word(struct author *author, int who, struct bytes *to, const char *text, size_t len)
{
    struct bytes word = {0};
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '$' && i + 1 < len) {
            word_add(author, who, text[++i], &word);
        } else {
            bytes_add(&word, text + i, 1);
        }
    }
    if (word.len == 2 && word.data[0] == ID_MARK) {
        bytes_add(to, word.data, word.len);
    } else {
        bytes_printf(to, "$%zu\r\n", word.len);
        bytes_add(to, word.data == NULL ? "" : word.data, word.len);
        bytes_add_text(to, "\r\n");
    }
    bytes_finish(&word);
}

/* The next word of a line: separated by blanks, or in quotes. */
static bool next_word(const char **line, const char **word, size_t *len)
{
    *line += strspn(*line, " ");
    if (**line == '\0') {
        return false;
    }
    bool is_quoted = **line == '"' || **line == '\'';
    char end[2] = {is_quoted ? **line : ' ', '\0'};
    *word = *line + is_quoted;
    *len = strcspn(*word, end);
    *line = *word + *len + (is_quoted && (*word)[*len] != '\0');
    return true;
}

static void add_frame(struct author *author, int who, struct bytes *to, const char *line)
{
    struct bytes words = {0};
    const char *word = NULL;
    size_t len = 0;
    int count = 0;
    while (next_word(&line, &word, &len)) {
        add_word(author, who, &words, word, len);
        count++;
    }
    bytes_printf(to, "*%d\r\n", count);
    bytes_add(to, words.data, words.len);
    bytes_finish(&words);
}

struct ask *say(struct author *author, int who, unsigned normal, const char *format, ...)
{
    struct bytes frame = {0};
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    add_frame(author, who, &frame, line);
    struct ask *ask = say_bytes(author, who, frame.data, frame.len);
    ask->normal = normal;
    bytes_finish(&frame);
    return ask;
}

/* ---------------------------------------------------------------------------------------- steps */

void step_begin(struct author *author)
{
    struct script *script = author->script;
    script->steps = grow(script->steps, script->count, &script->cap, sizeof(*script->steps));
    author->step = &script->steps[script->count++];
    *author->step = (struct step){0};
    author->is_alone = false;
}

static bool has_part(const struct step *step, int who)
{
    for (size_t i = 0; i < step->count; i++) {
        if (step->parts[i].connection == who) {
            return true;
        }
    }
    return false;
}

void step_end(struct author *author)
{
    for (int who = 0; who < CONNECTIONS && !author->is_alone; who++) {
        const struct voice *voice = &author->voices[who];
        bool is_free = !voice->is_acting && !voice->is_blocked && !has_part(author->step, who);
        if (is_free && pick(author, SPEAKS_IN) < SPEAKS) {
            solo(author, who);
        }
    }
}

void script_write(struct script *script, uint64_t seed, size_t steps)
{
    struct author author = {.script = script, .random = seed};
    *script = (struct script){.seed = seed};
    for (int who = 0; who < CONNECTIONS; who++) {
        voice_reset(&author.voices[who]);
    }
    scene_prelude(&author);
    while (script->count < steps) {
        if (chance(&author, SCENE_IN)) {
            author.scene++;
            scene_play(&author);
        } else {
            step_begin(&author);
            step_end(&author);
        }
    }
}

void script_finish(struct script *script)
{
    for (size_t i = 0; i < script->count; i++) {
        for (size_t j = 0; j < script->steps[i].count; j++) {
            bytes_finish(&script->steps[i].parts[j].bytes);
            free(script->steps[i].parts[j].asks);
        }
    }
    free(script->steps);
    *script = (struct script){0};
}
