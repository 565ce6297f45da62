"""Which lists there are is what was told last; it has no revisions, and nothing of it is stored."""

from syncd_client.data.catalogue import Catalogue
from syncd_client.data.messages import ListName
from syncd_client.data.write_queue import WriteQueue

KIDS = ListName("kids", "For the kids")


def test_what_was_told_last_is_shown_and_is_news_once() -> None:
    catalogue = Catalogue(WriteQueue(()))
    assert (catalogue.items, catalogue.take_news()) == ((), False)
    catalogue.tell((KIDS,))
    assert (catalogue.items, catalogue.take_news(), catalogue.take_news()) == ((KIDS,), True, False)


def test_the_same_again_is_the_same_tuple_and_no_news() -> None:
    catalogue = Catalogue(WriteQueue(()))
    catalogue.tell((KIDS,))
    before = catalogue.items
    catalogue.take_news()
    catalogue.tell((ListName("kids", "For the kids"),))
    assert catalogue.items is before
    assert not catalogue.take_news()


def test_nothing_of_it_counts_in_a_journal() -> None:
    catalogue = Catalogue(WriteQueue(()))
    catalogue.adopt_epoch("e1")
    assert (catalogue.revision, catalogue.epoch, catalogue.unsaved) == (0, None, {})
