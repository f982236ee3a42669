#include "model/destination.h"

const char *segmo__destination_name(segmo__destination destination)
{
    static const char *const names[SEGMO__DESTINATION_COUNT] = {"segment", "moengage", "kafka"};

    return names[destination];
}
