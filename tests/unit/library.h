/* The JSON text with which messages of the tests name their library. */
#ifndef SEGMO_TEST_LIBRARY_H
#define SEGMO_TEST_LIBRARY_H

#define LIBRARY_TEXT(name, version) "{\"name\":\"" name "\",\"version\":\"" version "\"}"
#define LIBRARY(name, version)                                                                     \
    {                                                                                              \
        LIBRARY_TEXT(name, version), sizeof LIBRARY_TEXT(name, version) - 1                        \
    }

#endif
