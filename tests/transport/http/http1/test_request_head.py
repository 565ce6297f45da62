from transport.http.http1.request_head import RequestHead

HEAD = RequestHead([(b"accept", b"a"), (b"host", b"h"), (b"accept", b"b"), (b"x", b"\xe9")])


def test_the_lines_of_a_header_are_one_list() -> None:
    assert HEAD.header(b"accept") == "a,b"
    assert HEAD.header(b"x") == "\xe9"
    assert HEAD.header(b"cookie") == ""


def test_a_header_is_found_by_name_and_of_several_lines_the_last() -> None:
    assert HEAD.headers == {b"accept": b"b", b"host": b"h", b"x": b"\xe9"}


def test_a_header_in_several_lines_is_known() -> None:
    assert HEAD.is_repeated(b"accept")
    assert not HEAD.is_repeated(b"host")
    assert not HEAD.is_repeated(b"cookie")
    assert not RequestHead([(b"host", b"h")]).is_repeated(b"host")
