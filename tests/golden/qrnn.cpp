// qrnn: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph c9cba636601cfa88
//
// n_t = tanh(W_n x_t + b_n)
// f_t = σ(W_f x_t + b_f)
// o_t = σ(W_o x_t + b_o)
// c_t = f_t ⊙ c_{t-1} + (1 - f_t) ⊙ n_t
// h_t = o_t ⊙ c_t

static int64_t room_of(const Forward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine * all.chunk, 1, deep(all.I));
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
    const real* const panels[] = {all.panel_0, all.panel_1, all.panel_2};
    const real* const biases[] = {all.bias_0, all.bias_1, all.bias_2};
    const int64_t units[] = {all.H, all.H, all.H};
    const int64_t offsets[] = {0, all.H, 2 * all.H};
    for (int k = 0; k < 3; k++)
      product<1>(panels[k], 1, units[k], widths, share,
        [&](int term, int64_t row) -> const real* { return all.operand_0 + (first * all.B + row) * (all.I); },
        [&](int64_t row, int64_t unit, auto count, const V* result) {
          real* const to = all.feed_0 + ((first & all.window) * all.B + row) * (3 * all.H);
          const V bias = biases[k] ? load(biases[k] + unit, count) : (V){};
          store(to + offsets[k] + unit, result[0] + bias, count);
        });
  }
}

static void forward_0(const Forward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_W_f_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (3 * all.H));
    real* const to_f = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (3 * all.H));
    real* const at_c_prev = (real*)(before(all, all.c, all.c_0, all.c_fresh, step, row, all.H, all.ring));
    real* const at_W_n_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (3 * all.H) + all.H);
    real* const to_n_ = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (3 * all.H) + all.H);
    real* const to_c = (real*)(all.c + ((step & all.ring) * all.B + row) * (all.H));
    real* const at_W_o_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (3 * all.H) + 2 * all.H);
    real* const to_o = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (3 * all.H) + 2 * all.H);
    real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V W_f_x = load(at_W_f_x + unit, count);
      const V f = sigmoid_(W_f_x);
      if (all.keep) store(to_f + unit, f, count);
      const V c_prev = load(at_c_prev + unit, count);
      const V W_n_x = load(at_W_n_x + unit, count);
      const V n_ = tanh_(W_n_x);
      if (all.keep) store(to_n_ + unit, n_, count);
      const V c = ((1 - f) * n_) + (f * c_prev);
      store(to_c + unit, c, count);
      const V W_o_x = load(at_W_o_x + unit, count);
      const V o = sigmoid_(W_o_x);
      if (all.keep) store(to_o + unit, o, count);
      const V h = o * c;
      store(to_h + unit, h, count);
    });
  }
}

static int64_t room_of(const Backward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine * all.chunk, 1, deep(all.H) + deep(all.H) + deep(all.H));
  if (size > most) most = size;
  size = room_size(1, 3 * all.H, all.I) * deep(mine * all.chunk);
  if (size > most) most = size;
  return most;
}

static int64_t pile_of(const Backward& all) {
  return pile_size(1, 3 * all.H, all.I);
}

// The gradients that a chunk of steps adds to matrices, and those of the hoisted operands.
static void backward_products(const Backward& all, int64_t first, const Share& share,
                              int part) {
  if (all.d_operand_0) {
    const int64_t widths[] = {all.H, all.H, all.H};
    product<1>(all.panel_0, 1, all.I, widths, share,
      [&](int term, int64_t row) -> const real* { return all.d + row * (3 * all.H) + (term == 0 ? 0 : term == 1 ? all.H : 2 * all.H); },
      [&](int64_t row, int64_t unit, auto count, const V* result) {
        store(all.d_operand_0 + (first * all.B + row) * (all.I) + unit, result[0], count);
      });
  }
  real* pile = all.piles + (all.together ? 0 : part * all.pile);
  if (all.outer_0)
    pile_up(share, 1, 3 * all.H, all.I,
      [&](int64_t row) -> const real* { return all.d + row * (3 * all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return all.operand_0 + (step * all.B + row) * (all.I);
      }, pile);
  pile += pile_size(1, 3 * all.H, all.I);
}

// The gradients of the matrices, from the sums of all threads.
static void backward_sums(void* data, int part, int parts) {
  const Backward& all = *(const Backward*)data;
  const real* pile = all.piles;
  if (all.outer_0)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 3 * all.H, all.I,
               all.outer_0, false, part, parts);
  pile += pile_size(1, 3 * all.H, all.I);
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_f = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H));
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const at_c = (real*)(all.c + ((step & all.ring) * all.B + row) * (all.H));
    real* const at_o = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H) + 2 * all.H);
    real* const to_dW_o_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (3 * all.H) + 2 * all.H);
    real* const at_dc_next = (real*)(all.carry_c + ((step & 1) * all.B + row) * (all.H));
    real* const at_n_ = (real*)(all.feed_0 + (step * all.B + row) * (3 * all.H) + all.H);
    real* const to_dW_n_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (3 * all.H) + all.H);
    real* const at_c_prev = (real*)(before(all, all.c, all.c_0, all.c_fresh, step, row, all.H, all.ring));
    real* const to_dc_prev_ = (real*)(all.carry_c + (((step + 1) & 1) * all.B + row) * (all.H));
    real* const to_dW_f_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (3 * all.H));
    real* const to_v30 = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V f = load(at_f + unit, count);
      const V v3 = 1 - f;
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V v9 = dh_next + dy;
      const V c = load(at_c + unit, count);
      const V do_ = v9 * c;
      const V o = load(at_o + unit, count);
      const V dW_o_x = do_ * (o * (1 - o));
      store(to_dW_o_x + unit, dW_o_x, count);
      collect(sums + 2 * all.H + unit, dW_o_x, count);
      const V dc_next = load(at_dc_next + unit, count);
      const V dc_ = dc_next + (v9 * o);
      const V n_ = load(at_n_ + unit, count);
      const V dn_ = dc_ * v3;
      const V dW_n_x = dn_ * (1 - (n_ * n_));
      store(to_dW_n_x + unit, dW_n_x, count);
      collect(sums + all.H + unit, dW_n_x, count);
      const V c_prev = load(at_c_prev + unit, count);
      const V dc_prev_ = dc_ * f;
      store(to_dc_prev_ + unit, dc_prev_, count);
      const V df_ = (-(dc_ * n_)) + (dc_ * c_prev);
      const V dW_f_x = df_ * (f * v3);
      store(to_dW_f_x + unit, dW_f_x, count);
      collect(sums + 0 + unit, dW_f_x, count);
      const V v30 = splat(0);
      store(to_v30 + unit, v30, count);
    });
  }
}
