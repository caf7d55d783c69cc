/* Connections of the library's own. See wires.h. */
#include "tests/support/wires.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/attach.h"
#include "tests/support/bytes.h"
#include "tests/support/process.h"

bool wire_attach(struct fr_wire *wire, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0) {
        return false;
    }
    fr_wire_open(wire, fd);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        fr_attach(wire, (int)patience_ms()) != FR_ATTACHED) {
        fr_wire_close(wire);
        return false;
    }
    return true;
}

bool wire_put(struct fr_wire *wire, const char *data, size_t len)
{
    int64_t deadline = now_ms() + patience_ms();
    while (len > 0) {
        ssize_t sent = fr_wire_send(wire, data, len);
        if (sent < 0 && (errno != EAGAIN || now_ms() > deadline ||
                         fr_wire_wait(wire, true, (int)patience_ms()) < 0)) {
            return false;
        }
        data += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

bool wire_expect(struct fr_wire *wire, const char *expected, size_t len)
{
    char got[4096];
    while (len > 0) {
        size_t most = len < sizeof(got) ? len : sizeof(got);
        ssize_t count = fr_wire_receive(wire, got, most, (int)patience_ms());
        if (count <= 0 || memcmp(got, expected, (size_t)count) != 0) {
            return false;
        }
        expected += count;
        len -= (size_t)count;
    }
    return true;
}

bool wire_call(struct fr_wire *wire, const char *line, const char *expected)
{
    struct bytes request = {0};
    bytes_add_request(&request, line);
    bool is_sent = wire_put(wire, request.data, request.len);
    bytes_finish(&request);
    return is_sent && wire_expect(wire, expected, strlen(expected));
}
