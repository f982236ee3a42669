"""What the library can tell without a client: the spool directory, the destinations."""
import json
from typing import Any, Dict, List, Optional, cast

from ._core import ffi, lib, text_from
from ._options import value_of


def spool(config: Any) -> Dict[str, Any]:
    """What waits in the spool directory and what died, of all processes. Raises IoError."""
    return cast(Dict[str, Any], json.loads(text_from(lib.segmo_spool_json, config)))


def probe(config: Any, timeout_s: float, source: Optional[str] = None) -> List[Dict[str, Any]]:
    """How each destination answers a harmless question; see segmo_probe() in segmo.h. Waits for them."""
    name = ffi.NULL if source is None else source.encode()
    return cast(List[Dict[str, Any]], json.loads(text_from(lib.segmo_probe, config, name, round(timeout_s * 1000))))


def sources(config: Any) -> List[Optional[str]]:
    """The ids of the sources; None stands for the only one of a configuration without `sources`."""
    text = value_of(config, "sources")
    return [source["id"] for source in json.loads(text)] if text else [None]
