import torch

from xgem.data.report_tokens import ReportTokens
from xgem.latents.word_pairs import WordFinder, WordPairs

WORDS = ("left", "right", "effusion")
OTHER, PERIOD = len(WORDS), -1


def held(*tokens: int) -> set[frozenset[str]]:
    """Pairs in one report, given as places of words, `OTHER` or `PERIOD`."""
    pairs = WordPairs(4, len(WORDS))
    ids = torch.tensor([tokens])
    ends = ids == PERIOD
    (there,) = pairs.there(ids.masked_fill(ends, OTHER), ends)
    places = zip(pairs.rows[there].tolist(), pairs.columns[there].tolist(), strict=True)
    return {frozenset((WORDS[a], WORDS[b])) for a, b in places}


def test_words_pair_within_their_sentence_alone_and_with_themselves() -> None:
    found = held(0, OTHER, 2, PERIOD, 1, PERIOD)
    assert found == {
        frozenset({"left"}),
        frozenset({"right"}),
        frozenset({"effusion"}),
        frozenset({"left", "effusion"}),
    }


def test_the_order_of_words_does_not_matter() -> None:
    assert held(2, 0) == held(0, 2)


def test_reports_of_a_batch_do_not_mix() -> None:
    pairs = WordPairs(4, len(WORDS))
    ids = torch.tensor([[0, OTHER], [2, OTHER]])
    there = pairs.there(ids, torch.zeros_like(ids, dtype=torch.bool))
    assert there.sum(1).tolist() == [1, 1]
    assert not (there[0] & there[1]).any()


def test_what_a_latent_holds_is_learned() -> None:
    torch.manual_seed(0)
    pairs = WordPairs(4, len(WORDS))
    ids = torch.tensor([[0, 2], [1, 2], [OTHER, OTHER]])
    there = pairs.there(ids, torch.zeros_like(ids, dtype=torch.bool))
    raw = torch.randn(3, 4)
    optimizer = torch.optim.Adam(pairs.parameters(), lr=0.1)
    for _ in range(300):
        loss = pairs(raw, there).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(pairs.told(raw) > 0, there)


def test_words_and_ends_are_found_in_any_case() -> None:
    reports = ["No left effusion. Left lung clear.", "Nothing"]
    tokens = ReportTokens.learn(reports * 20, 330)
    finder = WordFinder(tokens, ("left", "effusion"))
    places, ends = finder(tokens.encode(reports, 64))
    assert sorted(places[0][places[0] < 2].tolist()) == [0, 0, 1]
    assert ends.sum(1).tolist() == [2, 0]
    assert (places[1] == 2).all()
