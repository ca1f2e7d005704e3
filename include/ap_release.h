/*
 * ap_release.h - which release this is.
 *
 * Two versions matter: our own, and the version of the Apache HTTP Server that this server stands in for, which is what
 * <IfVersion>, "apxs -q HTTPD_VERSION" and scripts that read "httpd -v" compare with.
 *
 * Clean as C89 and as C++.
 */
#ifndef AP_RELEASE_H
#define AP_RELEASE_H

/* The version of Apache that this release compares as. A change of the major or minor number may break module sources. */
#define AP_SERVER_MAJORVERSION_NUMBER 2
#define AP_SERVER_MINORVERSION_NUMBER 4
#define AP_SERVER_PATCHLEVEL_NUMBER 71

/* 1 in a version that is not released yet. */
#define AP_SERVER_DEVBUILD_BOOLEAN 0

/* The same three numbers as one text. */
#define AP_SERVER_BASEREVISION "2.4.71"

/* Who we are: the product token of the Server response field, and our own version. */
#define AP_SERVER_BASEPRODUCT "httpd"
#define AP_SERVER_OWNVERSION "0.1.0"

#endif /* AP_RELEASE_H */
