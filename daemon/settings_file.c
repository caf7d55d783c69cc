/* The configuration file's lines, read by inih.
 *
 * inih asks for the file line by line, and the lines are looked at before it gets them: that gives
 * each its number, finds those inih would skip or cut without a word (over-long ones, text behind a
 * section's name, lines it cannot split), and reads section headings, which inih reports only with
 * a value below them and cuts at 49 characters. A refused line goes to inih as an empty one.
 *
 *   file -> next_line --+-- heading ----------------> on_section
 *                       +-- refused ----------------> on_problem
 *                       +-> inih -> take_value -----> on_value
 *                               \-> (nothing, noticed at the next line) -> on_problem
 */
#include "daemon/settings_parts.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

struct file {
    FILE *stream;
    const struct file_events *events;
    char *text; /* the current line, without its end */
    size_t cap; /* of text, as getline() grows it */
    int line;
    bool is_indented;
    bool has_name;    /* there was a setting in this section: an indented line goes on with it */
    bool owes_value;  /* inih got a setting and has not answered with take_value yet */
    bool has_problem; /* some line was refused */
};

static void refuse(struct file *file, int line, const char *text)
{
    file->has_problem = true;
    file->events->on_problem(file->events->user, line, text);
}

/* Headings. */

/* Cut "[NAME]  ; comment" down to its name. Returns NULL or what is wrong. */
static const char *cut_heading(char *text, char **name)
{
    char *end = strchr(text, ']');
    if (!end) {
        return "a section's heading without ']'";
    }
    const char *rest = end + 1 + strspn(end + 1, " \t\r\v\f");
    if (*rest && *rest != ';' && *rest != '#') {
        return "text behind a section's heading (settings start on a line of their own)";
    }
    *end = '\0';
    *name = text + 1;
    return NULL;
}

/* Returns whether inih may see the line, which it needs to forget the section before. */
static bool take_heading(struct file *file)
{
    char *name;
    if (file->is_indented) {
        refuse(file, file->line, "a section's heading that does not start its line");
        return false;
    }
    const char *wrong = cut_heading(file->text, &name);
    if (wrong) {
        refuse(file, file->line, wrong);
        return false;
    }
    file->has_name = false;
    file->events->on_section(file->events->user, file->line, name);
    return true;
}

/* Lines. */

static void strip_end(char *text, size_t len)
{
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        text[--len] = '\0';
    }
}

static void strip_byte_order_mark(char *text)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (strncmp(text, mark, strlen(mark)) == 0) {
        memmove(text, text + strlen(mark), strlen(text + strlen(mark)) + 1);
    }
}

/* Returns false at the end of the file. */
static bool read_line(struct file *file, bool *has_nul)
{
    ssize_t len = getline(&file->text, &file->cap, file->stream);
    if (len < 0) {
        return false;
    }
    file->line++;
    *has_nul = memchr(file->text, '\0', (size_t)len) != NULL;
    strip_end(file->text, (size_t)len);
    if (file->line == 1) {
        strip_byte_order_mark(file->text);
    }
    file->is_indented = isspace((unsigned char)file->text[0]);
    return true;
}

/* Look at the current line. Returns whether inih, with room for cap bytes, shall have it. */
static bool look_at(struct file *file, bool has_nul, size_t cap)
{
    const char *first = file->text;
    while (isspace((unsigned char)*first)) {
        first++;
    }
    if (has_nul) {
        refuse(file, file->line, "a NUL byte in the line");
        return false;
    }
    if (*first == '\0' || *first == ';' || *first == '#') {
        return false;
    }
    if (strlen(file->text) + strlen("\n") >= cap) {
        char text[128];
        snprintf(text, sizeof(text),
                 "the line is longer than %zu bytes (a list may go on in lines that begin with a "
                 "blank)",
                 cap - 2);
        refuse(file, file->line, text);
        return false;
    }
    file->owes_value = *first != '[';
    return file->owes_value || take_heading(file);
}

static void settle_previous_line(struct file *file)
{
    if (file->owes_value) {
        refuse(file, file->line, "neither a [SECTION] nor a setting (NAME = VALUE)");
    }
    file->owes_value = false;
}

/* inih's fgets(). */
static char *next_line(char *to, int cap, void *stream)
{
    struct file *file = stream;
    bool has_nul;
    settle_previous_line(file);
    if (!read_line(file, &has_nul)) {
        return NULL;
    }
    bool is_heading = file->text[0] == '[';
    bool wanted = look_at(file, has_nul, (size_t)cap);
    snprintf(to, (size_t)cap, "%s\n", !wanted ? "" : is_heading ? "[]" : file->text);
    return to;
}

static int take_value(void *user, const char *section, const char *name, const char *value)
{
    struct file *file = user;
    (void)section;
    if (name && value) {
        bool goes_on = file->is_indented && file->has_name;
        file->owes_value = false;
        file->has_name = true;
        file->events->on_value(file->events->user, file->line, name, value, goes_on);
    }
    return 1;
}

static void read_stream(struct file *file)
{
    int result = ini_parse_stream(next_line, file, take_value, file);
    if (ferror(file->stream)) {
        refuse(file, 0, strerror(errno));
    } else if (result != 0 && !file->has_problem) {
        refuse(file, result > 0 ? result : 0, result > 0 ? "cannot be read" : "out of memory");
    }
}

void settings_file_read(const char *path, const struct file_events *events)
{
    struct file file = {.stream = fopen(path, "re"), .events = events};
    if (!file.stream) {
        refuse(&file, 0, strerror(errno));
        return;
    }
    read_stream(&file);
    fclose(file.stream);
    if (file.text) {
        explicit_bzero(file.text, file.cap);
        free(file.text);
    }
}
