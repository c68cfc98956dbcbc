// rhn: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph d45b8df08d91a5ca
//
// g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
// t_t = σ(W_t x_t + U_t h_{t-1} + b_t)
// s_t = t_t ⊙ g_t + (1 - t_t) ⊙ h_{t-1}
// n_t = tanh(U_n s_t + b_n)
// k_t = σ(U_k s_t + b_k)
// h_t = k_t ⊙ n_t + (1 - k_t) ⊙ s_t

static int64_t room_of(const Forward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine, 1, deep(all.H));
  if (size > most) most = size;
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
    const real* const panels[] = {all.panel_2, all.panel_3};
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
      real* const at_W_g_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H));
      real* const to_g = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H));
      real* const at_W_t_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H) + all.H);
      real* const to_t = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H) + all.H);
      real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
      real* const to_s = (real*)(all.kept + (step * all.B + row) * (3 * all.H));
      real* const to_s_2 = (real*)(all.scratch + row * (all.H));
      const V W_g_x = load(at_W_g_x + unit, count);
      const V g = tanh_((W_g_x + result[0]));
      if (all.keep) store(to_g + unit, g, count);
      const V W_t_x = load(at_W_t_x + unit, count);
      const V t = sigmoid_((W_t_x + result[1]));
      if (all.keep) store(to_t + unit, t, count);
      const V h_prev = load(at_h_prev + unit, count);
      const V s = (t * g) + ((1 - t) * h_prev);
      if (all.keep) store(to_s + unit, s, count);
      store(to_s_2 + unit, s, count);
    });
}

static void forward_2(const Forward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_1[] = {all.H};
  product<2>(all.panel_1, 1, all.H, widths_1, share,
    [&](int term, int64_t row) -> const real* { return (all.scratch + row * (all.H)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_b_n = (real*)(all.b_n);
      real* const to_n_ = (real*)(all.kept + (step * all.B + row) * (3 * all.H) + all.H);
      real* const at_b_k = (real*)(all.b_k);
      real* const to_k_ = (real*)(all.kept + (step * all.B + row) * (3 * all.H) + 2 * all.H);
      real* const at_s = (real*)(all.scratch + row * (all.H));
      real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
      const V b_n = load(at_b_n + unit, count);
      const V n_ = tanh_((b_n + result[0]));
      if (all.keep) store(to_n_ + unit, n_, count);
      const V b_k = load(at_b_k + unit, count);
      const V k_ = sigmoid_((b_k + result[1]));
      if (all.keep) store(to_k_ + unit, k_, count);
      const V s = load(at_s + unit, count);
      const V h = (k_ * n_) + ((1 - k_) * s);
      store(to_h + unit, h, count);
    });
}

static int64_t room_of(const Backward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine, 1, deep(all.H) + deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine, 1, deep(all.H) + deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(all.H) + deep(all.H));
  if (size > most) most = size;
  size = room_size(1, 2 * all.H, all.I) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, 2 * all.H, all.H) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, 2 * all.H, all.H) * deep(mine * all.chunk);
  if (size > most) most = size;
  return most;
}

static int64_t pile_of(const Backward& all) {
  return pile_size(1, 2 * all.H, all.I) + pile_size(1, 2 * all.H, all.H) + pile_size(1, 2 * all.H, all.H);
}

// The gradients that a chunk of steps adds to matrices, and those of the hoisted operands.
static void backward_products(const Backward& all, int64_t first, const Share& share,
                              int part) {
  if (all.d_operand_0) {
    const int64_t widths[] = {all.H, all.H};
    product<1>(all.panel_2, 1, all.I, widths, share,
      [&](int term, int64_t row) -> const real* { return all.d + row * (4 * all.H) + (term == 0 ? 0 : all.H); },
      [&](int64_t row, int64_t unit, auto count, const V* result) {
        store(all.d_operand_0 + (first * all.B + row) * (all.I) + unit, result[0], count);
      });
  }
  real* pile = all.piles + (all.together ? 0 : part * all.pile);
  if (all.outer_0)
    pile_up(share, 1, 2 * all.H, all.I,
      [&](int64_t row) -> const real* { return all.d + row * (4 * all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return all.operand_0 + (step * all.B + row) * (all.I);
      }, pile);
  pile += pile_size(1, 2 * all.H, all.I);
  if (all.outer_1)
    pile_up(share, 1, 2 * all.H, all.H,
      [&](int64_t row) -> const real* { return all.d + row * (4 * all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1);
      }, pile);
  pile += pile_size(1, 2 * all.H, all.H);
  if (all.outer_2)
    pile_up(share, 1, 2 * all.H, all.H,
      [&](int64_t row) -> const real* { return all.d + row * (4 * all.H) + 2 * all.H; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return all.kept + (step * all.B + row) * (3 * all.H);
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
  if (all.outer_2)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 2 * all.H, all.H,
               all.outer_2, false, part, parts);
  pile += pile_size(1, 2 * all.H, all.H);
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_k_ = (real*)(all.kept + (step * all.B + row) * (3 * all.H) + 2 * all.H);
    real* const to_v12 = (real*)(all.scratch + row * (4 * all.H) + all.H);
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const to_v15 = (real*)(all.scratch + row * (4 * all.H) + 2 * all.H);
    real* const at_s = (real*)(all.kept + (step * all.B + row) * (3 * all.H));
    real* const at_n_ = (real*)(all.kept + (step * all.B + row) * (3 * all.H) + all.H);
    real* const to_db_k = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 3 * all.H);
    real* const to_db_n = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 2 * all.H);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V k_ = load(at_k_ + unit, count);
      const V v12 = 1 - k_;
      store(to_v12 + unit, v12, count);
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V v15 = dh_next + dy;
      store(to_v15 + unit, v15, count);
      const V s = load(at_s + unit, count);
      const V n_ = load(at_n_ + unit, count);
      const V dn_ = v15 * k_;
      const V dk_ = (-(v15 * s)) + (v15 * n_);
      const V db_k = dk_ * (k_ * v12);
      store(to_db_k + unit, db_k, count);
      collect(sums + all.H + unit, db_k, count);
      const V db_n = dn_ * (1 - (n_ * n_));
      store(to_db_n + unit, db_n, count);
      collect(sums + 0 + unit, db_n, count);
    });
  }
}

static void backward_1(const Backward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {all.H, all.H};
  product<1>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return term == 0 ? (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 3 * all.H)
      : (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 2 * all.H); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_t = (real*)(all.feed_0 + (step * all.B + row) * (2 * all.H) + all.H);
      real* const to_v6 = (real*)(all.scratch + row * (4 * all.H));
      real* const at_v15 = (real*)(all.scratch + row * (4 * all.H) + 2 * all.H);
      real* const at_v12 = (real*)(all.scratch + row * (4 * all.H) + all.H);
      real* const to_ds_ = (real*)(all.scratch + row * (4 * all.H) + 3 * all.H);
      real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
      real* const at_g = (real*)(all.feed_0 + (step * all.B + row) * (2 * all.H));
      real* const to_dW_t_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + all.H);
      real* const to_dW_g_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H));
      const V t = load(at_t + unit, count);
      const V v6 = 1 - t;
      store(to_v6 + unit, v6, count);
      const V v15 = load(at_v15 + unit, count);
      const V v12 = load(at_v12 + unit, count);
      const V ds_ = (v15 * v12) + result[0];
      store(to_ds_ + unit, ds_, count);
      const V h_prev = load(at_h_prev + unit, count);
      const V g = load(at_g + unit, count);
      const V dg_ = ds_ * t;
      const V dt_ = (-(ds_ * h_prev)) + (ds_ * g);
      const V dW_t_x = dt_ * (t * v6);
      store(to_dW_t_x + unit, dW_t_x, count);
      collect(sums + 3 * all.H + unit, dW_t_x, count);
      const V dW_g_x = dg_ * (1 - (g * g));
      store(to_dW_g_x + unit, dW_g_x, count);
      collect(sums + 2 * all.H + unit, dW_g_x, count);
    });
}

static void backward_2(const Backward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_1[] = {all.H, all.H};
  product<1>(all.panel_1, 1, all.H, widths_1, share,
    [&](int term, int64_t row) -> const real* { return term == 0 ? (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + all.H)
      : (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_ds_ = (real*)(all.scratch + row * (4 * all.H) + 3 * all.H);
      real* const at_v6 = (real*)(all.scratch + row * (4 * all.H));
      real* const to_dh_prev_ = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
      const V ds_ = load(at_ds_ + unit, count);
      const V v6 = load(at_v6 + unit, count);
      const V dh_prev_ = (ds_ * v6) + result[0];
      store(to_dh_prev_ + unit, dh_prev_, count);
    });
}
