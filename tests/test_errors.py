import inspect

from xgem import errors


def test_the_drawn_tree_names_every_error() -> None:
    tree = errors.__doc__ or ""
    for name, value in vars(errors).items():
        if inspect.isclass(value):
            assert issubclass(value, errors.XGeMError)
            assert name in tree
