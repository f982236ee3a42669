#include "model/destination.h"

const char *segmo__destination_name(segmo__destination destination)
{
    return destination == SEGMO__DESTINATION_SEGMENT ? "segment" : "moengage";
}
