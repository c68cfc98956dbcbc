// ugrnn: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph d095ecb41c8c034d
//
// n_t = tanh(W_n x_t + U_n h_{t-1} + b_n)
// g_t = σ(W_g x_t + U_g h_{t-1} + b_g)
// h_t = g_t ⊙ h_{t-1} + (1 - g_t) ⊙ n_t

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
      real* const at_W_n_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H));
      real* const to_n_ = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H));
      real* const at_W_g_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H) + all.H);
      real* const to_g = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (2 * all.H) + all.H);
      real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
      real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
      const V W_n_x = load(at_W_n_x + unit, count);
      const V n_ = tanh_((W_n_x + result[0]));
      if (all.keep) store(to_n_ + unit, n_, count);
      const V W_g_x = load(at_W_g_x + unit, count);
      const V g = sigmoid_((W_g_x + result[1]));
      if (all.keep) store(to_g + unit, g, count);
      const V h_prev = load(at_h_prev + unit, count);
      const V h = (g * h_prev) + ((1 - g) * n_);
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
    real* const at_g = (real*)(all.feed_0 + (step * all.B + row) * (2 * all.H) + all.H);
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const to_v9 = (real*)(all.scratch + row * (all.H));
    real* const at_n_ = (real*)(all.feed_0 + (step * all.B + row) * (2 * all.H));
    real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
    real* const to_dW_g_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (2 * all.H) + all.H);
    real* const to_dW_n_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (2 * all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V g = load(at_g + unit, count);
      const V v6 = 1 - g;
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V v9 = dh_next + dy;
      store(to_v9 + unit, v9, count);
      const V n_ = load(at_n_ + unit, count);
      const V dn_ = v9 * v6;
      const V h_prev = load(at_h_prev + unit, count);
      const V dg_ = (-(v9 * n_)) + (v9 * h_prev);
      const V dW_g_x = dg_ * (g * v6);
      store(to_dW_g_x + unit, dW_g_x, count);
      collect(sums + all.H + unit, dW_g_x, count);
      const V dW_n_x = dn_ * (1 - (n_ * n_));
      store(to_dW_n_x + unit, dW_n_x, count);
      collect(sums + 0 + unit, dW_n_x, count);
    });
  }
}

static void backward_1(const Backward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {all.H, all.H};
  product<1>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return term == 0 ? (all.d + ((step & (all.chunk - 1)) * all.B + row) * (2 * all.H) + all.H)
      : (all.d + ((step & (all.chunk - 1)) * all.B + row) * (2 * all.H)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_v9 = (real*)(all.scratch + row * (all.H));
      real* const at_g = (real*)(all.feed_0 + (step * all.B + row) * (2 * all.H) + all.H);
      real* const to_dh_prev_ = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
      const V v9 = load(at_v9 + unit, count);
      const V g = load(at_g + unit, count);
      const V dh_prev_ = (v9 * g) + result[0];
      store(to_dh_prev_ + unit, dh_prev_, count);
    });
}
