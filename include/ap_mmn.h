/*
 * ap_mmn.h - the module magic number.
 *
 * A compiled module carries the number it was built with. The server takes it if the major number is the same and the
 * minor number is not greater than its own. "httpd -V" prints both as MAJOR:MINOR.
 *
 * The major number changes when a compiled module would break (a structure of the headers changes its layout, a function
 * goes or changes its meaning); the minor number then begins at 0. The minor number grows when something is added.
 *
 * Clean as C89 and as C++.
 */
#ifndef AP_MMN_H
#define AP_MMN_H

/* A date (year, month, day), so that a greater one is a later one. */
#define MODULE_MAGIC_NUMBER_MAJOR 20120211

/* Additions since then. */
#define MODULE_MAGIC_NUMBER_MINOR 142

/* Marks a compiled module of this family: the letters A P and the digits 24. */
#define MODULE_MAGIC_COOKIE 0x41503234UL

/* True (not 0) if the headers are at least as new as MAJOR:MINOR asks. */
#define AP_MODULE_MAGIC_AT_LEAST(major, minor) \
    ((major) < MODULE_MAGIC_NUMBER_MAJOR \
     || ((major) == MODULE_MAGIC_NUMBER_MAJOR && (minor) <= MODULE_MAGIC_NUMBER_MINOR))

#endif /* AP_MMN_H */
