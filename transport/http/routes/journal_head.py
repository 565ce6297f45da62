"""Where a line stands in the journal: for conditional requests, and to see whether the journal can be read."""

from actors.messages.journal_reads import Head, HeadsLoaded, LoadHeads
from actors.runtime import LoopFuture
from transport.http.exchange.answer_deadlines import RETRY_AFTER_S, with_deadline
from transport.http.routes.deps import ApiDeps
from transport.wire.problems import unavailable


async def journal_head(deps: ApiDeps, line: str) -> Head:
    """Return where ``line`` stands. Raises: Problem, a 503."""
    answer: LoopFuture[HeadsLoaded] = LoopFuture()
    deps.journal(LoadHeads((line,), answer.set))
    heads = (await with_deadline(answer, deps.answer_timeout_s)).heads
    if heads is None:
        raise unavailable("The journal cannot be read now.", RETRY_AFTER_S)
    return heads[0]
