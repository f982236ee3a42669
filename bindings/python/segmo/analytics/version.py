"""The interface that is offered here; the package's own version is segmo.__version__."""
VERSION = "2.3.4"
