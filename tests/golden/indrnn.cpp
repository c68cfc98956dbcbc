// indrnn: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph 957123245f1365c4
//
// h_t = tanh(W x_t + u ⊙ h_{t-1} + b)

static void forward_0(const Forward& all, int64_t step, const Share& share, real* sums) {
  for (int64_t n = 0; n < share.count; n++) {
    const int64_t row = share.rows[n];
    real* const at_u = (real*)(all.u);
    real* const at_h_prev = (real*)(previous(all.h, all.h_0, step, row, all.B, all.H, -1));
    real* const at_W_x = (real*)(all.feed_0 + (step * all.B + row) * (all.H));
    real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V u = load(at_u + unit, count);
      const V h_prev = load(at_h_prev + unit, count);
      const V W_x = load(at_W_x + unit, count);
      const V h = tanh_((W_x + (u * h_prev)));
      store(to_h + unit, h, count);
    });
  }
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  for (int64_t n = 0; n < share.count; n++) {
    const int64_t row = share.rows[n];
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const at_h = (real*)(all.h + (step * all.B + row) * (all.H));
    real* const to_dW_x = (real*)(all.d + (step * all.B + row) * (all.H));
    real* const at_h_prev = (real*)(previous(all.h, all.h_0, step, row, all.B, all.H, -1));
    real* const at_u = (real*)(all.u);
    real* const to_dh_prev_ = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V h = load(at_h + unit, count);
      const V dW_x = (dh_next + dy) * (1 - (h * h));
      store(to_dW_x + unit, dW_x, count);
      collect(sums + all.H + unit, dW_x, count);
      const V h_prev = load(at_h_prev + unit, count);
      const V du_ = dW_x * h_prev;
      collect(sums + 0 + unit, du_, count);
      const V u = load(at_u + unit, count);
      const V dh_prev_ = dW_x * u;
      store(to_dh_prev_ + unit, dh_prev_, count);
    });
  }
}
