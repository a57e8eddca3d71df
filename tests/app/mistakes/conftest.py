"""One real evaluation of a few pictures, shared by the tests of the report and of explanations."""

import pytest

import vit_core as vc
from tests import evaluated


@pytest.fixture(scope="package")
def evaluation(tmp_path_factory):
    return evaluated.make(tmp_path_factory.mktemp("evaluated"), each=5)


@pytest.fixture(scope="package")
def model():
    return vc.load(evaluated.MODEL, "cpu")
