/* segmo._hot: the two steps of a call, in C against the limited API.
 *
 * cffi gives up the GIL around every C call. While another Python thread computes, getting it back
 * takes a whole switch interval: 5 ms for a call that needs 1 us and never waits. So this one keeps
 * it; every other function goes through cffi.
 */
#include "encode.h"

#include <segmo.h>

/* enqueue(client, source, message) -> 0, 1 (SEGMO_SYNC_WANTED) or the address of a segmo_error.
 *
 * `client` is the address of a segmo_client, `source` text or None, `message` bytes. The caller
 * frees the error. */
static PyObject *enqueue(PyObject *module, PyObject *arguments)
{
    Py_ssize_t client = 0, length = 0;
    const char *source = NULL, *message = NULL;
    segmo_error *error = NULL;
    int status;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "nzy#", &client, &source, &message, &length))
        return NULL;
    status = segmo_client_enqueue((segmo_client *)client, source, message, (size_t)length, &error);
    return status < 0 ? PyLong_FromVoidPtr(error) : PyLong_FromLong(status);
}

static PyMethodDef methods[] = {
    {"enqueue", enqueue, METH_VARARGS, "enqueue(client, source, message) -> status or error"},
    {"encode", segmo_python_encode, METH_VARARGS, "encode(value, convert) -> JSON as bytes"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "segmo._hot",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__hot(void)
{
    return PyModuleDef_Init(&definition);
}
