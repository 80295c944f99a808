"""Tests of third-party tables run only where those tables are."""

import os

import pytest


def pytest_collection_modifyitems(items):
    if os.environ.get("BAYES_SCALING_DATA"):
        return
    skip = pytest.mark.skip(
        reason="needs third-party tables: set BAYES_SCALING_DATA to the folder that holds them"
    )
    for item in items:
        if "external_data" in item.keywords:
            item.add_marker(skip)
