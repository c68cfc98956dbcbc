// mingru: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph 78f16650be8247d6
//
// z_t = σ(W_z x_t + b_z)
// v_t = W_n x_t + b_n
// n_t = where(0 ≤ v_t, v_t + 0.5, σ(v_t))
// h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ n_t

static int64_t room_of(const Forward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
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
    const real* const panels[] = {all.panel_0, all.panel_1};
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

static void forward_0(const Forward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_W_z_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H));
    real* const to_z = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H));
    real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
    real* const at_W_n_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H) + all.H);
    real* const to_v11 = (real*)(all.kept + (step * all.B + row) * (2 * all.H));
    real* const to_n_ = (real*)(all.kept + (step * all.B + row) * (2 * all.H) + all.H);
    real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V W_z_x = load(at_W_z_x + unit, count);
      const V z = sigmoid_(W_z_x);
      if (all.keep) store(to_z + unit, z, count);
      const V h_prev = load(at_h_prev + unit, count);
      const V W_n_x = load(at_W_n_x + unit, count);
      const V v11 = sigmoid_(W_n_x);
      if (all.keep) store(to_v11 + unit, v11, count);
      const V n_ = (0 <= W_n_x) ? (W_n_x + (real)0.5) : v11;
      if (all.keep) store(to_n_ + unit, n_, count);
      const V h = (z * n_) + ((1 - z) * h_prev);
      store(to_h + unit, h, count);
    });
  }
}

static int64_t room_of(const Backward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine * all.chunk, 1, deep(all.H) + deep(all.H));
  if (size > most) most = size;
  size = room_size(1, 2 * all.H, all.I) * deep(mine * all.chunk);
  if (size > most) most = size;
  return most;
}

static int64_t pile_of(const Backward& all) {
  return pile_size(1, 2 * all.H, all.I);
}

// The gradients that a chunk of steps adds to matrices, and those of the hoisted operands.
static void backward_products(const Backward& all, int64_t first, const Share& share,
                              int part) {
  if (all.d_operand_0) {
    const int64_t widths[] = {all.H, all.H};
    product<1>(all.panel_0, 1, all.I, widths, share,
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
}

// The gradients of the matrices, from the sums of all threads.
static void backward_sums(void* data, int part, int parts) {
  const Backward& all = *(const Backward*)data;
  const real* pile = all.piles;
  if (all.outer_0)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 2 * all.H, all.I,
               all.outer_0, false, part, parts);
  pile += pile_size(1, 2 * all.H, all.I);
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_z = (real*)(all.feed_0 + (step * all.B + row) * (2 * all.H));
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const at_n_ = (real*)(all.kept + (step * all.B + row) * (2 * all.H) + all.H);
    real* const at_W_n_x = (real*)(all.feed_0 + (step * all.B + row) * (2 * all.H) + all.H);
    real* const at_kept_11 = (real*)(all.kept + (step * all.B + row) * (2 * all.H));
    real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
    real* const to_dh_prev_ = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
    real* const to_dW_z_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (2 * all.H));
    real* const to_dW_n_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (2 * all.H) + all.H);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V z = load(at_z + unit, count);
      const V v3 = 1 - z;
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V v11 = dh_next + dy;
      const V n_ = load(at_n_ + unit, count);
      const V dn_ = v11 * z;
      const V W_n_x = load(at_W_n_x + unit, count);
      const V kept_11 = load(at_kept_11 + unit, count);
      const V h_prev = load(at_h_prev + unit, count);
      const V dh_prev_ = v11 * v3;
      store(to_dh_prev_ + unit, dh_prev_, count);
      const V dz_ = (v11 * n_) + (-(v11 * h_prev));
      const V dW_z_x = dz_ * (z * v3);
      store(to_dW_z_x + unit, dW_z_x, count);
      collect(sums + 0 + unit, dW_z_x, count);
      const V dW_n_x = (((0 <= W_n_x) ? splat(0) : dn_) * (kept_11 * (1 - kept_11))) + ((0 <= W_n_x) ? dn_ : splat(0));
      store(to_dW_n_x + unit, dW_n_x, count);
      collect(sums + all.H + unit, dW_n_x, count);
    });
  }
}
