/* Flights: one request on its way, with the messages in it; made once and used again. */
#include "base/mem.h"
#include "client/outlet_parts.h"

void segmo__flight_free(segmo__flight *flight)
{
    segmo__free(flight->items);
    segmo__buf_free(&flight->body);
    segmo__buf_free(&flight->url);
    segmo__buf_free(&flight->ids);
    segmo__free(flight);
}

segmo__flight *segmo__flight_take(segmo__outlet *outlet, uint32_t room)
{
    segmo__flight *flight = outlet->pool;

    if (flight) {
        outlet->pool = flight->next;
    } else {
        flight = segmo__zalloc(sizeof *flight);
        if (!flight)
            return NULL;
        segmo__buf_init(&flight->body, SEGMO__OUTLET_BODY_MAX);
        segmo__buf_init(&flight->url, 4096);
        segmo__buf_init(&flight->ids, SEGMO__OUTLET_BODY_MAX);
    }
    if (flight->room < room) {
        segmo__free(flight->items);
        flight->items = segmo__alloc(room * sizeof *flight->items);
        flight->room = flight->items ? room : 0;
    }
    flight->outlet = outlet;
    flight->epoch = outlet->epoch;
    flight->settings = outlet->settings;
    flight->count = 0;
    segmo__buf_clear(&flight->url);
    segmo__buf_clear(&flight->ids);
    if (flight->room >= room)
        return flight;
    segmo__flight_free(flight);
    return NULL;
}

void segmo__flight_depart(segmo__flight *flight)
{
    flight->next = flight->outlet->away;
    flight->outlet->away = flight;
}

void segmo__flight_return(segmo__flight *flight)
{
    segmo__flight **link = &flight->outlet->away;

    while (*link != flight)
        link = &(*link)->next;
    *link = flight->next;
}

void segmo__flight_give(segmo__flight *flight)
{
    flight->next = flight->outlet->pool;
    flight->outlet->pool = flight;
}
