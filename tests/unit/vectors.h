/* Case files: JSON objects in a directory, and comparing what came with what a case expects. */
#ifndef SEGMO_TESTS_VECTORS_H
#define SEGMO_TESTS_VECTORS_H

#include "base/buf.h"
#include "segmo.h"

/* Calls `each` for every *.json below `dir` (seen from the repository's root), in order of their
 * names. Returns how many there were. `name` is the file's name, `vector` its checked content. */
size_t vectors_each(const char *dir, void (*each)(const char *name, segmo__slice vector));

/* The member of a case; the test fails when it is missing. */
segmo__slice vectors_member(const char *name, segmo__slice vector, const char *key);

/* Every member of an expected object must be there and fit (null fits an absent one), arrays must
 * fit element by element, strings by their text and numbers digit for digit. What is more in an
 * actual object is not looked at. */
void vectors_assert_fits(const char *name, segmo__slice expected, segmo__slice actual);

/* A configuration from an object of dotted options. */
segmo_config *vectors_config(const char *name, segmo__slice settings);

#endif
