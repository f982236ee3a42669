/* The naming rules, and nothing else: how Segment's cloud mode renames keys for MoEngage. */
#ifndef SEGMO_WIRE_SNAKE_CASE_H
#define SEGMO_WIRE_SNAKE_CASE_H

#include "base/buf.h"

/* 1 when either conversion leaves the key alone, by a quick look: words of small letters and
 * digits, each parted by one underscore. The key stands in a text that goes up to `end`. */
int segmo__is_snake_case(segmo__slice key, const char *end);

/* Appends the snake_case form of a decoded key; may append nothing ("日本語"). ASCII only, byte by
 * byte. */
void segmo__snake_case(segmo__buf *out, segmo__slice key);     /* go-snakecase rules (default) */
void segmo__snake_case_tsc(segmo__buf *out, segmo__slice key); /* to-snake-case 1.0.0 rules */

#endif
