/* Problems of a configuration: one line each, the place first. */
#include "daemon/settings.h"

#include <stdarg.h>
#include <stdlib.h>

#include "daemon/settings_parts.h"

__attribute__((format(printf, 2, 0))) static void
print_problem(FILE *to, const char *format, va_list args, const struct place *place)
{
    if (place->variable) {
        fprintf(to, "environment variable %s: ", place->variable);
    }
    if (place->file && place->line > 0) {
        fprintf(to, "%s:%d: ", place->file, place->line);
    } else if (place->file) {
        fprintf(to, "%s: ", place->file);
    }
    if (place->section) {
        fprintf(to, "section [%s]%s", place->section, place->setting ? ", " : ": ");
    }
    if (place->setting) {
        fprintf(to, "setting \"%s\": ", place->setting);
    }
    vfprintf(to, format, args);
}

/* Names of sections and variables come as they were written; a problem is one line. */
static void replace_controls(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
        }
    }
}

static bool keep_problem(struct problems *problems, char *line)
{
    char **lines = realloc(problems->lines, (problems->count + 1) * sizeof(*lines));
    if (!lines) {
        free(line);
        return false;
    }
    problems->lines = lines;
    lines[problems->count++] = line;
    return true;
}

bool problems_add(struct problems *problems, const struct place *place, const char *format, ...)
{
    char *line = NULL;
    size_t len;
    FILE *to = open_memstream(&line, &len);
    if (!to) {
        return false;
    }
    va_list args;
    va_start(args, format);
    print_problem(to, format, args, place);
    va_end(args);
    if (fclose(to) != 0) {
        free(line);
        return false;
    }
    replace_controls(line);
    return keep_problem(problems, line);
}

void problems_note(struct problems *problems, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    (void)problems_add(problems, &(struct place){0}, "%s", line);
}

void problems_finish(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->lines[i]);
    }
    free(problems->lines);
    *problems = (struct problems){0};
}
