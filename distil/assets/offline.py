"""What is said where a reference cannot be reached: the ways that need no network."""

WITHOUT_NETWORK = (
    "without a network these work: a path pinned by its hash (PATH#sha256=HEX), texts in corpus/, an address on this "
    "machine (http://127.0.0.1:PORT/...), a cache filled elsewhere (DISTIL_CACHE, HF_HOME); see docs/offline.md"
)
