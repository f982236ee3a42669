/* A Python value as JSON in UTF-8. */
#ifndef SEGMO_PYTHON_ENCODE_H
#define SEGMO_PYTHON_ENCODE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* encode(value, convert) -> bytes.
 *
 * What is not plain is given to `convert`, which answers something closer to JSON. Raises whatever
 * `convert` raises, and ValueError, TypeError or UnicodeEncodeError for what JSON has no form for;
 * where that stood is not told. */
PyObject *segmo_python_encode(PyObject *module, PyObject *arguments);

#endif
