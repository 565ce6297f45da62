"""Telling answers: whoever is gone, or raises, keeps nobody else waiting for theirs."""

import logging
from typing import TypeVar

from pykka import ActorDeadError

from actors.metrics import JournalMetrics
from actors.runtime.tell import Tell

M = TypeVar("M")

logger = logging.getLogger(__name__)


def tell_answer(reply_to: Tell[M], answer: M, metrics: JournalMetrics) -> None:
    """Tell ``answer``; what ``reply_to`` raises is logged, and counted if it is a defect."""
    try:
        reply_to(answer)
    except ActorDeadError:
        logger.info("%s: whoever asked is gone", type(answer).__name__)
    except Exception:  # the others still wait for theirs
        metrics.errors += 1
        logger.exception("%s could not be delivered", type(answer).__name__)
