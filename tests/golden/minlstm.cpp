// minlstm: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph db822a3e7ce09a57
//
// f_t = σ(W_f x_t + b_f)
// i_t = σ(W_i x_t + b_i)
// v_t = W_n x_t + b_n
// n_t = where(0 ≤ v_t, v_t + 0.5, σ(v_t))
// h_t = f_t / (f_t + i_t) ⊙ h_{t-1} + i_t / (f_t + i_t) ⊙ n_t

static void forward_0(const Forward& all, int64_t step, const Share& share, real* sums) {
  for (int64_t n = 0; n < share.count; n++) {
    const int64_t row = share.rows[n];
    real* const at_W_f_x = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H));
    real* const to_f = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H));
    real* const at_W_i_x = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H) + all.H);
    real* const to_i = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H) + all.H);
    real* const at_h_prev = (real*)(previous(all.h, all.h_0, step, row, all.B, all.H, -1));
    real* const at_W_n_x = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H) + 2 * all.H);
    real* const to_v14 = (real*)(all.kept + (step * all.B + row) * (2 * all.H));
    real* const to_n_ = (real*)(all.kept + (step * all.B + row) * (2 * all.H) + all.H);
    real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V W_f_x = load(at_W_f_x + unit, count);
      const V f = sigmoid_(W_f_x);
      if (all.keep) store(to_f + unit, f, count);
      const V W_i_x = load(at_W_i_x + unit, count);
      const V i = sigmoid_(W_i_x);
      if (all.keep) store(to_i + unit, i, count);
      const V v5 = f + i;
      const V h_prev = load(at_h_prev + unit, count);
      const V W_n_x = load(at_W_n_x + unit, count);
      const V v14 = sigmoid_(W_n_x);
      if (all.keep) store(to_v14 + unit, v14, count);
      const V n_ = (0 <= W_n_x) ? (W_n_x + (real)0.5) : v14;
      if (all.keep) store(to_n_ + unit, n_, count);
      const V h = ((i / v5) * n_) + ((f / v5) * h_prev);
      store(to_h + unit, h, count);
    });
  }
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  for (int64_t n = 0; n < share.count; n++) {
    const int64_t row = share.rows[n];
    real* const at_f = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H));
    real* const at_i = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H) + all.H);
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const at_n_ = (real*)(all.kept + (step * all.B + row) * (2 * all.H) + all.H);
    real* const at_W_n_x = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H) + 2 * all.H);
    real* const at_kept_14 = (real*)(all.kept + (step * all.B + row) * (2 * all.H));
    real* const at_h_prev = (real*)(previous(all.h, all.h_0, step, row, all.B, all.H, -1));
    real* const to_dh_prev_ = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
    real* const to_dW_i_x = (real*)(all.d + (step * all.B + row) * (3 * all.H) + all.H);
    real* const to_dW_f_x = (real*)(all.d + (step * all.B + row) * (3 * all.H));
    real* const to_dW_n_x = (real*)(all.d + (step * all.B + row) * (3 * all.H) + 2 * all.H);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V f = load(at_f + unit, count);
      const V i = load(at_i + unit, count);
      const V v3 = f + i;
      const V v4 = f / v3;
      const V v5 = i / v3;
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V v13 = dh_next + dy;
      const V n_ = load(at_n_ + unit, count);
      const V dn_ = v13 * v5;
      const V W_n_x = load(at_W_n_x + unit, count);
      const V kept_14 = load(at_kept_14 + unit, count);
      const V v22 = (v13 * n_) / v3;
      const V h_prev = load(at_h_prev + unit, count);
      const V dh_prev_ = v13 * v4;
      store(to_dh_prev_ + unit, dh_prev_, count);
      const V v27 = (v13 * h_prev) / v3;
      const V v30 = (-(v22 * v5)) + (-(v27 * v4));
      const V di_ = v22 + v30;
      const V dW_i_x = di_ * (i * (1 - i));
      store(to_dW_i_x + unit, dW_i_x, count);
      collect(sums + all.H + unit, dW_i_x, count);
      const V df_ = v27 + v30;
      const V dW_f_x = df_ * (f * (1 - f));
      store(to_dW_f_x + unit, dW_f_x, count);
      collect(sums + 0 + unit, dW_f_x, count);
      const V dW_n_x = (((0 <= W_n_x) ? splat(0) : dn_) * (kept_14 * (1 - kept_14))) + ((0 <= W_n_x) ? dn_ : splat(0));
      store(to_dW_n_x + unit, dW_n_x, count);
      collect(sums + 2 * all.H + unit, dW_n_x, count);
    });
  }
}
