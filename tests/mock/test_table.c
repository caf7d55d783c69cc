/* docs/mock.md lists what the engine answers to: the table there is what fr_mock_commands() and the
 * engine itself say. MOCK_TABLE_WRITE=1 writes it anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/command.h"
#include "common/mock/mock.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

static const char begin_mark[] = "<!-- table: begin -->\n", end_mark[] = "<!-- table: end -->";

/* Whether the engine knows a command, by what it really answers. */
static bool knows(struct fr_mock_session *session, const char *name)
{
    char copy[64];
    struct fr_word words[2];
    size_t count = 0, len;
    snprintf(copy, sizeof(copy), "%s", name);
    for (char *at = strtok(copy, "|"); at && count < 2; at = strtok(NULL, "|")) {
        words[count++] = (struct fr_word){at, strlen(at)};
    }
    fr_mock_call(session, words, count);
    const char *reply = fr_mock_output(session, &len);
    bool is_known = memmem(reply, len, "-ERR unknown ", 13) == NULL;
    fr_mock_taken(session, len);
    return is_known;
}

static bool is_container(size_t at)
{
    return fr_commands[at].flags & FR_FLAG_CONTAINER;
}

static void write_table(struct bytes *to)
{
    size_t known = 0, all = 0;
    bytes_add_text(to, "| command | supported |\n|---|---|\n");
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        if (is_container(i)) {
            continue;
        }
        struct fr_mock *mock = fr_mock_create(NULL);
        struct fr_mock_session *session = fr_mock_session_create(mock, NULL, NULL);
        bool is_known = knows(session, fr_commands[i].name);
        char name[64];
        snprintf(name, sizeof(name), "%s", fr_commands[i].name);
        for (char *at = name; *at; at++) {
            *at = *at == '|' ? ' ' : *at;
        }
        bytes_printf(to, "| %s | %s |\n", name, is_known ? "yes" : "no");
        known += is_known;
        all++;
        fr_mock_session_destroy(session);
        fr_mock_destroy(mock);
    }
    bytes_printf(to, "\n%zu of %zu, and MOCK.\n", known, all);
}

static void forget(void *what)
{
    bytes_finish(what);
}

static void the_documents_tell_what_is_there(void)
{
    static struct bytes table;
    case_defer(forget, &table);
    write_table(&table);
    char *text = file_text("docs/mock.md");
    char *begin = strstr(text, begin_mark), *end = strstr(text, end_mark);
    EXPECT(begin && end);
    begin += sizeof(begin_mark) - 1;
    if (getenv("MOCK_TABLE_WRITE")) {
        static struct bytes whole;
        case_defer(forget, &whole);
        bytes_add(&whole, text, (size_t)(begin - text));
        bytes_add(&whole, table.data, table.len);
        bytes_add_text(&whole, end);
        file_write("docs/mock.md", whole.data);
        return;
    }
#ifndef FR_MOCK_LUA
    case_skip("the table is that of an engine with scripts");
    return;
#endif
    expect_bytes(__FILE__, __LINE__, "table", table.data, table.len, begin, (size_t)(end - begin));
}

static const struct test_case cases[] = {
    {"the table in the documents is what the engine answers to", the_documents_tell_what_is_there},
};
SUITE_MAIN("mock table", cases)
