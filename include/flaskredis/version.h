/* The version of flaskredis, written here and nowhere else: the build, the library's file name and
 * the pkg-config file read these three lines. */
#ifndef FLASKREDIS_VERSION_H
#define FLASKREDIS_VERSION_H

#define FLASKREDIS_VERSION_MAJOR 0
#define FLASKREDIS_VERSION_MINOR 1
#define FLASKREDIS_VERSION_PATCH 0

#define FLASKREDIS_STRINGIFY_(number) #number
#define FLASKREDIS_STRINGIFY(number) FLASKREDIS_STRINGIFY_(number)

/* "0.1.0" */
#define FLASKREDIS_VERSION                                                                         \
    FLASKREDIS_STRINGIFY(FLASKREDIS_VERSION_MAJOR)                                                 \
    "." FLASKREDIS_STRINGIFY(FLASKREDIS_VERSION_MINOR) "." FLASKREDIS_STRINGIFY(                   \
        FLASKREDIS_VERSION_PATCH)

#endif
