"""The library's rules without a client: nothing is opened, stored or sent."""
from typing import Any, Dict, Optional

from .client import _loads as loads, _name as name
from ._core import lib, text_from
from ._options import Path, new_config


class Judge:
    """Says what a client with these options would refuse, and what would become of the rest."""

    def __init__(self, config_file: Optional[Path] = None, **options: Any) -> None:
        self._config = new_config(config_file, options)

    def explain(self, text: bytes, source: Optional[str] = None) -> Dict[str, Any]:
        """Raises what a client would raise for this message."""
        return loads(text_from(lib.segmo_explain, self._config, name(source), text, len(text)))

    def convert_streams(self, text: bytes) -> Dict[str, Any]:
        """The messages that a payload of MoEngage Streams becomes."""
        return loads(text_from(lib.segmo_convert_streams, self._config, text, len(text)))
