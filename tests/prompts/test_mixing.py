import torch

from xgem.prompts.mixing import mix


def test_one_prompt_is_itself() -> None:
    vector = torch.randn(3, 8)
    torch.testing.assert_close(mix([vector], [0.3])[:, 0], vector)


def test_weight_zero_drops_a_prompt() -> None:
    first, second = torch.randn(2, 3, 8)
    torch.testing.assert_close(mix([first, second], [1.0, 0.0]), mix([first]))


def test_the_mean_of_unit_vectors_is_not_normalized_again() -> None:
    first, second = torch.eye(2)[:1], torch.eye(2)[1:]
    torch.testing.assert_close(mix([first, second])[0, 0].norm(), torch.tensor(0.5).sqrt())


def test_weights_are_relative() -> None:
    first, second = torch.randn(2, 3, 8)
    torch.testing.assert_close(mix([first, second], [2.0, 6.0]), mix([first, second], [0.25, 0.75]))
