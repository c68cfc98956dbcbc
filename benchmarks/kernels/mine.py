"""A cell of a user's own: in no paper and no library; its second product waits for a gate."""

from cellwright import cell, sigmoid, tanh


@cell
def mine(x, h, m, *, W_r, U_r, b_r, W_k, U_k, p_k, b_k, W_n, U_n, b_n):
    r = sigmoid(W_r @ x + U_r @ h + b_r)
    k = sigmoid(W_k @ x + U_k @ h + p_k * m + b_k)
    n = tanh(W_n @ x + U_n @ (r * h) + b_n)
    m = k * m + (1 - k) * n
    h = (1 - r) * h + r * tanh(m)
    return h, m
