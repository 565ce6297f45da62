from actors.messages.collections import collection_of_list
from actors.messages.connection import WriteAnswered
from actors.messages.device import Ack, Error
from actors.messages.journal import Outcome, Status


def test_a_write_is_answered_with_what_became_of_it() -> None:
    assert WriteAnswered("w1", Outcome(status=Status.EXISTING)).answer == Ack(id="w1", status=Status.EXISTING)
    gone = WriteAnswered(2, Outcome(status=Status.NOT_FOUND), collection_of_list("kids")).answer
    assert gone == Error(id=2, code="not_found", field="content_id", message="it is not in the list")
