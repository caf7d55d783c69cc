/* Files of KEY=VALUE lines. */
#ifndef FR_CLIENT_CONFIG_FILE_H
#define FR_CLIENT_CONFIG_FILE_H

#include "flaskredis/status.h"

/* Called for each line; any status but OK ends the reading. */
typedef FlaskRedisStatus fr_config_line(void *context, const char *key, const char *value);

/* Read a whole file, check all of it, and only then call line for each of its keys. DATA: the file
 * cannot be read or a line is bad, named in the text. */
FlaskRedisStatus fr_config_file_read(const char *path, fr_config_line *line, void *context);

#endif
