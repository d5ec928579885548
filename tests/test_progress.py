"""What long work tells of itself."""

from xgem.progress import Ticker


def test_a_ticker_tells_what_is_done_and_how_much() -> None:
    told: list[tuple[str, int, int]] = []
    ticker = Ticker(lambda *said: told.append(said), 2)
    ticker.show("reading")
    ticker.advance()
    ticker.show("writing")
    ticker.advance()
    assert told == [("reading", 0, 2), ("reading", 1, 2), ("writing", 1, 2), ("writing", 2, 2)]


def test_a_ticker_without_anybody_to_tell_is_silent() -> None:
    ticker = Ticker(None, 1)
    ticker.show("reading")
    ticker.advance()
