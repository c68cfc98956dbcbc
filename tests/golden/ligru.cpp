// ligru: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph 5a48748e7abb93d1
//
// z_t = σ(W_z x_t + U_z h_{t-1} + b_z)
// n_t = relu(W_n x_t + U_n h_{t-1} + b_n)
// h_t = z_t ⊙ h_{t-1} + (1 - z_t) ⊙ n_t

static int64_t room_of(const Forward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine, 1, deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(all.I));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(all.I));
  if (size > most) most = size;
  return most;
}

// The hoisted products of a chunk of steps, for one thread's sequences.
static void forward_feeds(const Forward& all, int64_t first, const Share& share) {
  {
    const int64_t widths[] = {all.I};
    const real* const panels[] = {all.panel_1, all.panel_2};
    const real* const biases[] = {all.bias_0, all.bias_1};
    const int64_t units[] = {all.H, all.H};
    const int64_t offsets[] = {0, all.H};
    for (int k = 0; k < 2; k++)
      product<1>(panels[k], 1, units[k], widths, share,
        [&](int term, int64_t row) -> const real* { return all.operand_0 + (first * all.B + row) * (all.I); },
        [&](int64_t row, int64_t unit, auto count, const V* result) {
          real* const to = all.feed_0 + ((first & all.window) * all.B + row) * (2 * all.H);
          const V bias = biases[k] ? load(biases[k] + unit, count) : (V){};
          store(to + offsets[k] + unit, result[0] + bias, count);
        });
  }
}

static void forward_1(const Forward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {all.H};
  product<2>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return (before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_W_z_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H));
      real* const to_z = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H));
      real* const at_W_n_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H) + all.H);
      real* const to_a_n_ = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H) + all.H);
      real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
      real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
      const V W_z_x = load(at_W_z_x + unit, count);
      const V z = sigmoid_((W_z_x + result[0]));
      if (all.keep) store(to_z + unit, z, count);
      const V W_n_x = load(at_W_n_x + unit, count);
      const V a_n_ = W_n_x + result[1];
      if (all.keep) store(to_a_n_ + unit, a_n_, count);
      const V n_ = relu_(a_n_);
      const V h_prev = load(at_h_prev + unit, count);
      const V h = (z * h_prev) + ((1 - z) * n_);
      store(to_h + unit, h, count);
    });
}

static int64_t room_of(const Backward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine, 1, deep(all.H) + deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(all.H) + deep(all.H));
  if (size > most) most = size;
  size = room_size(1, 2 * all.H, all.I) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, 2 * all.H, all.H) * deep(mine * all.chunk);
  if (size > most) most = size;
  return most;
}

static int64_t pile_of(const Backward& all) {
  return pile_size(1, 2 * all.H, all.I) + pile_size(1, 2 * all.H, all.H);
}

// The gradients that a chunk of steps adds to matrices, and those of the hoisted operands.
static void backward_products(const Backward& all, int64_t first, const Share& share,
                              int part) {
  if (all.d_operand_0) {
    const int64_t widths[] = {all.H, all.H};
    product<1>(all.panel_1, 1, all.I, widths, share,
      [&](int term, int64_t row) -> const real* { return all.d + row * (2 * all.H) + (term == 0 ? 0 : all.H); },
      [&](int64_t row, int64_t unit, auto count, const V* result) {
        store(all.d_operand_0 + (first * all.B + row) * (all.I) + unit, result[0], count);
      });
  }
  real* pile = all.piles + (all.together ? 0 : part * all.pile);
  if (all.outer_0)
    pile_up(share, 1, 2 * all.H, all.I,
      [&](int64_t row) -> const real* { return all.d + row * (2 * all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return all.operand_0 + (step * all.B + row) * (all.I);
      }, pile);
  pile += pile_size(1, 2 * all.H, all.I);
  if (all.outer_1)
    pile_up(share, 1, 2 * all.H, all.H,
      [&](int64_t row) -> const real* { return all.d + row * (2 * all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1);
      }, pile);
  pile += pile_size(1, 2 * all.H, all.H);
}

// The gradients of the matrices, from the sums of all threads.
static void backward_sums(void* data, int part, int parts) {
  const Backward& all = *(const Backward*)data;
  const real* pile = all.piles;
  if (all.outer_0)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 2 * all.H, all.I,
               all.outer_0, false, part, parts);
  pile += pile_size(1, 2 * all.H, all.I);
  if (all.outer_1)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 2 * all.H, all.H,
               all.outer_1, false, part, parts);
  pile += pile_size(1, 2 * all.H, all.H);
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_kept_9_ = (real*)(all.feed_0 + (step * all.B + row) * (2 * all.H) + all.H);
    real* const at_z = (real*)(all.feed_0 + (step * all.B + row) * (2 * all.H));
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const to_v10 = (real*)(all.scratch + row * (all.H));
    real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
    real* const to_dW_n_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (2 * all.H) + all.H);
    real* const to_dW_z_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (2 * all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V kept_9_ = load(at_kept_9_ + unit, count);
      const V n_ = relu_(kept_9_);
      const V z = load(at_z + unit, count);
      const V v7 = 1 - z;
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V v10 = dh_next + dy;
      store(to_v10 + unit, v10, count);
      const V dn_ = v10 * v7;
      const V h_prev = load(at_h_prev + unit, count);
      const V dW_n_x = (0 < kept_9_) ? dn_ : splat(0);
      store(to_dW_n_x + unit, dW_n_x, count);
      collect(sums + all.H + unit, dW_n_x, count);
      const V dz_ = (-(v10 * n_)) + (v10 * h_prev);
      const V dW_z_x = dz_ * (z * v7);
      store(to_dW_z_x + unit, dW_z_x, count);
      collect(sums + 0 + unit, dW_z_x, count);
    });
  }
}

static void backward_1(const Backward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {all.H, all.H};
  product<1>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return term == 0 ? (all.d + ((step & (all.chunk - 1)) * all.B + row) * (2 * all.H) + all.H)
      : (all.d + ((step & (all.chunk - 1)) * all.B + row) * (2 * all.H)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_v10 = (real*)(all.scratch + row * (all.H));
      real* const at_z = (real*)(all.feed_0 + (step * all.B + row) * (2 * all.H));
      real* const to_dh_prev_ = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
      const V v10 = load(at_v10 + unit, count);
      const V z = load(at_z + unit, count);
      const V dh_prev_ = (v10 * z) + result[0];
      store(to_dh_prev_ + unit, dh_prev_, count);
    });
}
