"""Prepared studies on disk: what a store is, how it is written, opened, checked and shown."""

from xgem.data.store.store import Store

__all__ = ["Store"]
