/* What MoEngage would refuse, cut or drop, said in words before it is sent. */
#ifndef SEGMO_WIRE_MOENGAGE_LIMITS_H
#define SEGMO_WIRE_MOENGAGE_LIMITS_H

#include "base/buf.h"
#include "model/destination.h"
#include "model/message.h"

#define SEGMO__MOENGAGE_NAME_MAX        200 /* code points of an event or attribute name */
#define SEGMO__MOENGAGE_VALUE_MAX       512 /* code points of a string */
#define SEGMO__MOENGAGE_LIST_MAX        50
#define SEGMO__MOENGAGE_OBJECT_LIST_MAX 100
#define SEGMO__MOENGAGE_ATTRIBUTES_MAX  100 /* of one event */
#define SEGMO__MOENGAGE_MEMBERS_MAX     100 /* of an object inside an attribute */
#define SEGMO__MOENGAGE_OBJECT_BYTES    25000
#define SEGMO__MOENGAGE_NESTING_MAX     2
#define SEGMO__MOENGAGE_FUTURE_MS       (5 * 60 * 1000) /* clocks may differ by that much */

/* What a remark can say. Its code and words stand in one table in moengage_limits.c. */
typedef enum segmo__remark {
    SEGMO__REMARK_NAME_TOO_LONG,
    SEGMO__REMARK_VALUE_TOO_LONG,
    SEGMO__REMARK_URL_TOO_LONG,
    SEGMO__REMARK_LIST_TOO_LONG,
    SEGMO__REMARK_MIXED_LIST,
    SEGMO__REMARK_TOO_MANY_ATTRIBUTES,
    SEGMO__REMARK_TOO_MANY_MEMBERS,
    SEGMO__REMARK_OBJECT_TOO_LARGE,
    SEGMO__REMARK_NESTED_TOO_DEEP,
    SEGMO__REMARK_EMPTY_OBJECT,
    SEGMO__REMARK_NAME_CHARACTERS,
    SEGMO__REMARK_EVENT_NAME_DOT,
    SEGMO__REMARK_EVENT_NAME_RESERVED,
    SEGMO__REMARK_EVENT_IN_FUTURE,
    SEGMO__REMARK_RESERVED_NAME,
    SEGMO__REMARK_NAME_COLLISION,
    SEGMO__REMARK_NAME_KEPT,
    SEGMO__REMARK_OBJECT_DROPPED,
    SEGMO__REMARK_TIME_LEFT_OUT,
    SEGMO__REMARK_UNKNOWN_TIMEZONE,
    SEGMO__REMARK_MORE
} segmo__remark;

/* Who wants to know, about which message. With limits off, what MoEngage does by itself is not
 * told; what segmo leaves out itself always is. A message gets at most 50 remarks; the last one
 * says that there are more. */
typedef struct segmo__remarks {
    const segmo__message *message;
    segmo__limits limits;
    segmo__note_fn note; /* may be NULL */
    void *ctx;
    int count;
} segmo__remarks;

/* `spot` is the span of a value inside the message: the note's JSON pointer is found from it. */
void segmo__remark_on(segmo__remarks *remarks, segmo__remark what, segmo__slice spot);

/* SDK-internal names, which never go on a wire. */
int segmo__moengage_name_internal(segmo__slice name);
int segmo__moengage_name_reserved(segmo__slice name, int of_user);

/* Length of the first `max` code points of JSON string text (escapes intact); all of it when there
 * are fewer. */
size_t segmo__moengage_cut(segmo__slice text, size_t max);

/* A remark when an unchanged name holds what MoEngage does not take. */
void segmo__moengage_check_characters(segmo__remarks *remarks, segmo__slice name,
                                      segmo__slice spot);
/* A remark on an attribute's name that is too long (JSON string text); answers how much of it to
 * use. */
size_t segmo__moengage_check_name(segmo__remarks *remarks, segmo__slice name, segmo__slice spot);
/* Remarks on an event's name (JSON string text); answers how much of it to use. */
size_t segmo__moengage_check_event_name(segmo__remarks *remarks, segmo__slice name,
                                        segmo__slice spot);
/* Appends a string value (with quotes), with its remarks, cut when limits say so. */
void segmo__moengage_put_text(segmo__buf *out, segmo__remarks *remarks, segmo__slice string,
                              segmo__slice spot);

#endif
