/* Making reply objects, of frames and for providers. They are made of malloc()'s memory, as
 * freeReplyObject() expects. */
#include "client/reply.h"

#include <stdlib.h>
#include <string.h>

#include "client/error.h"
#include "common/resp.h"
#include "flaskredis/command.h"
#include "flaskredis/provider.h"

enum {
    DEPTH_MAX = 32
};

/* --- single values ---------------------------------------------------------------------------- */

static redisReply *make(int type)
{
    redisReply *reply = calloc(1, sizeof(*reply));
    if (reply == NULL) {
        fr_fail_memory();
        return NULL;
    }
    reply->type = type;
    return reply;
}

static redisReply *make_text(int type, const char *data, size_t len)
{
    redisReply *reply = make(type);
    if (reply == NULL) {
        return NULL;
    }
    reply->str = malloc(len + 1);
    if (reply->str == NULL) {
        free(reply);
        fr_fail_memory();
        return NULL;
    }
    if (len > 0) {
        memcpy(reply->str, data, len);
    }
    reply->str[len] = '\0';
    reply->len = len;
    return reply;
}

redisReply *flask_redis_reply_string(const char *data, size_t len)
{
    return make_text(REDIS_REPLY_STRING, data, len);
}

redisReply *flask_redis_reply_status(const char *text)
{
    return make_text(REDIS_REPLY_STATUS, text, strlen(text));
}

redisReply *flask_redis_reply_error(const char *text)
{
    return make_text(REDIS_REPLY_ERROR, text, strlen(text));
}

redisReply *flask_redis_reply_integer(long long number)
{
    redisReply *reply = make(REDIS_REPLY_INTEGER);
    if (reply != NULL) {
        reply->integer = number;
    }
    return reply;
}

redisReply *flask_redis_reply_nil(void)
{
    return make(REDIS_REPLY_NIL);
}

redisReply *flask_redis_reply_array(size_t count)
{
    redisReply *reply = make(REDIS_REPLY_ARRAY);
    if (reply == NULL || count == 0) {
        return reply;
    }
    reply->element = calloc(count, sizeof(*reply->element));
    if (reply->element == NULL) {
        free(reply);
        fr_fail_memory();
        return NULL;
    }
    reply->elements = count;
    return reply;
}

void flask_redis_reply_free(redisReply *reply)
{
    if (reply != NULL) {
        freeReplyObject(reply);
    }
}

/* --- frames ----------------------------------------------------------------------------------- */

/* The rest of a frame. The framer has seen to it that every line has its end and every bulk its
 * bytes, so nothing here looks beyond. */
struct frame {
    const char *at;
    const char *end;
    unsigned depth;
};

static redisReply *read_value(struct frame *frame);

static redisReply *broken(const char *what)
{
    flask_redis_fail(FLASK_REDIS_CONNECTION, true, "protocol error: %s", what);
    return NULL;
}

/* The line behind the type byte. */
static FlaskRedisBytes take_line(struct frame *frame)
{
    const char *cr = memchr(frame->at, '\r', (size_t)(frame->end - frame->at));
    FlaskRedisBytes line = {frame->at, (size_t)((cr != NULL ? cr : frame->end) - frame->at)};
    frame->at = cr != NULL && frame->end - cr >= 2 ? cr + 2 : frame->end;
    return line;
}

static redisReply *read_bulk(struct frame *frame, int64_t len)
{
    if (len < 0) {
        return flask_redis_reply_nil();
    }
    if (frame->end - frame->at < len + 2) {
        return broken("a bulk is cut off");
    }
    const char *data = frame->at;
    frame->at += len + 2;
    return flask_redis_reply_string(data, (size_t)len);
}

static redisReply *read_array(struct frame *frame, int64_t count)
{
    if (count < 0) {
        return flask_redis_reply_nil();
    }
    if (frame->depth >= DEPTH_MAX) {
        return broken("arrays are nested too deep");
    }
    redisReply *reply = flask_redis_reply_array((size_t)count);
    frame->depth++;
    for (size_t i = 0; reply != NULL && i < (size_t)count; i++) {
        reply->element[i] = read_value(frame);
        if (reply->element[i] == NULL) {
            flask_redis_reply_free(reply); /* elements may be NULL */
            reply = NULL;
        }
    }
    frame->depth--;
    return reply;
}

static redisReply *read_number(FlaskRedisBytes line)
{
    int64_t number = 0;
    return fr_parse_int64(line.data, line.len, &number) ? flask_redis_reply_integer(number)
                                                        : broken("no number where one belongs");
}

static redisReply *read_value(struct frame *frame)
{
    if (frame->at >= frame->end) {
        return broken("a reply is cut off");
    }
    char type = *frame->at++;
    FlaskRedisBytes line = take_line(frame);
    int64_t count = 0;

    switch (type) {
    case '+':
        return make_text(REDIS_REPLY_STATUS, line.data, line.len);
    case '-':
        return make_text(REDIS_REPLY_ERROR, line.data, line.len);
    case ':':
        return read_number(line);
    case '$':
        return fr_parse_int64(line.data, line.len, &count) ? read_bulk(frame, count)
                                                           : broken("a length is no number");
    case '*':
        return fr_parse_int64(line.data, line.len, &count) ? read_array(frame, count)
                                                           : broken("a length is no number");
    default:
        return broken("a type of reply that RESP2 does not have");
    }
}

FlaskRedisStatus fr_reply_read_first(const char *frames, size_t len, size_t *taken,
                                     redisReply **reply)
{
    struct frame rest = {frames, frames + len, 0};
    *reply = read_value(&rest);
    *taken = (size_t)(rest.at - frames);
    return *reply != NULL ? FLASK_REDIS_OK : flask_redis_last_error()->status;
}

FlaskRedisStatus fr_reply_read(const char *frame, size_t len, redisReply **reply)
{
    size_t taken;
    return fr_reply_read_first(frame, len, &taken, reply);
}
