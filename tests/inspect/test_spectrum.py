"""Eigenvalues of recurrent matrices: known ones, numpy's, and which matrices count."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

import cellwright as cw


def test_a_rotation() -> None:
    layer = cw.nn.Recurrent("elman", 3, 2, dtype=torch.float64)
    with torch.no_grad():
        layer.weights(0)["U"].copy_(0.9 * torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64))
    found = cw.inspect.eigenvalues(layer)["U"]
    np.testing.assert_allclose(sorted(found.imag.tolist()), [-0.9, 0.9])
    np.testing.assert_allclose(found.abs(), [0.9, 0.9])


def test_blocks_are_those_of_the_whole_matrix() -> None:
    layer = cw.nn.Recurrent(cw.cells.slstm.configure(heads=3), 2, 6, dtype=torch.float64)
    found = cw.inspect.eigenvalues(layer)
    assert list(found) == ["R_i", "R_f", "R_z", "R_o"]
    blocks = layer.weights(0)["R_f"].detach().numpy()
    whole = np.zeros((6, 6))
    for k in range(3):
        whole[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = blocks[k]
    expected = np.abs(np.linalg.eigvals(whole))
    np.testing.assert_allclose(found["R_f"].abs(), sorted(expected, reverse=True))


def test_matrices_of_the_input_do_not_count() -> None:
    assert list(cw.inspect.eigenvalues(cw.nn.Recurrent("mingru", 4, 4))) == []
    assert list(cw.inspect.eigenvalues(cw.nn.Recurrent("lem", 4, 4))) == ["U_1", "U_2", "U_z", "U_h"]
    assert list(cw.inspect.eigenvalues(cw.nn.LSTM(4, 4, num_layers=2), at=1)) == ["U_i", "U_f", "U_g", "U_o"]


def test_what_is_not_a_number_is_shown() -> None:
    layer = cw.nn.Recurrent("elman", 3, 2)
    with torch.no_grad():
        layer.weights(0)["U"][0, 0] = torch.nan
    assert cw.inspect.eigenvalues(layer)["U"].isnan().all()


def test_over_a_training() -> None:
    texts, labels = ["good film", "bad film", "a good one", "a bad one"] * 10, ["+", "-", "+", "-"] * 10
    model = cw.Classifier(cell="gru", units=6, embedding=5, epochs=2, passes=2, patience=0, valid=0).fit(
        texts, labels
    )
    found = cw.inspect.spectra(model.history_)
    assert found["epoch"].unique().to_list() == [1, 2] and len(found) == 2 * 3 * 6
    now = cw.inspect.eigenvalues(model.network_.recurrent)["U_z"]
    last = found.filter(pl.col("epoch") == 2, pl.col("matrix") == "U_z")
    np.testing.assert_allclose(last["absolute"], now.abs(), atol=2e-4)
    np.testing.assert_allclose(last["real"], now.real, atol=1e-4)
    assert cw.inspect.spectra([{"epoch": 1, "loss": 0.5}]).is_empty()
