"""Running models for many users: a queue in this process, or a model server (Ray Serve) and its client."""

from vit_core.serving.client import Remote
from vit_core.serving.queue import Queue

__all__ = ["Queue", "Remote"]
