// lem: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph fe59a8cd767ad802
//
// s_t = 1 · σ(W_1 x_t + U_1 h_{t-1} + b_1)
// r_t = 1 · σ(W_2 x_t + U_2 h_{t-1} + b_2)
// z_t = (1 - s_t) ⊙ z_{t-1} + s_t ⊙ tanh(W_z x_t + U_z h_{t-1} + b_z)
// h_t = (1 - r_t) ⊙ h_{t-1} + r_t ⊙ tanh(W_h x_t + U_h z_t + b_h)

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
    const real* const panels[] = {all.panel_2, all.panel_3, all.panel_4, all.panel_5};
    const real* const biases[] = {all.bias_0, all.bias_1, all.bias_2, all.bias_3};
    const int64_t units[] = {all.H, all.H, all.H, all.H};
    const int64_t offsets[] = {0, all.H, 2 * all.H, 3 * all.H};
    for (int k = 0; k < 4; k++)
      product<1>(panels[k], 1, units[k], widths, share,
        [&](int term, int64_t row) -> const real* { return all.operand_0 + (first * all.B + row) * (all.I); },
        [&](int64_t row, int64_t unit, auto count, const V* result) {
          real* const to = all.feed_0 + ((first & all.window) * all.B + row) * (4 * all.H);
          const V bias = biases[k] ? load(biases[k] + unit, count) : (V){};
          store(to + offsets[k] + unit, result[0] + bias, count);
        });
  }
}

static void forward_1(const Forward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {all.H};
  product<3>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return (before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_W_1_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H));
      real* const to_s = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H));
      real* const at_z_prev = (real*)(before(all, all.z, all.z_0, all.z_fresh, step, row, all.H, all.ring));
      real* const at_W_z_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + 2 * all.H);
      real* const to_v19 = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + 2 * all.H);
      real* const to_z = (real*)(all.z + ((step & all.ring) * all.B + row) * (all.H));
      real* const to_z_2 = (real*)(all.kept + (step * all.B + row) * (all.H));
      real* const to_v9 = (real*)(all.scratch + row * (all.H));
      const V W_1_x = load(at_W_1_x + unit, count);
      const V s = sigmoid_((W_1_x + result[0]));
      if (all.keep) store(to_s + unit, s, count);
      const V z_prev = load(at_z_prev + unit, count);
      const V W_z_x = load(at_W_z_x + unit, count);
      const V v19 = tanh_((W_z_x + result[2]));
      if (all.keep) store(to_v19 + unit, v19, count);
      const V z = ((1 - s) * z_prev) + (s * v19);
      store(to_z + unit, z, count);
      if (all.keep) store(to_z_2 + unit, z, count);
      store(to_v9 + unit, result[1], count);
    });
}

static void forward_2(const Forward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_1[] = {all.H};
  product<1>(all.panel_1, 1, all.H, widths_1, share,
    [&](int term, int64_t row) -> const real* { return (all.z + ((step & all.ring) * all.B + row) * (all.H)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_W_2_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + all.H);
      real* const at_v9 = (real*)(all.scratch + row * (all.H));
      real* const to_r = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + all.H);
      real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
      real* const at_W_h_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + 3 * all.H);
      real* const to_v28 = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + 3 * all.H);
      real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
      const V W_2_x = load(at_W_2_x + unit, count);
      const V v9 = load(at_v9 + unit, count);
      const V r = sigmoid_((W_2_x + v9));
      if (all.keep) store(to_r + unit, r, count);
      const V h_prev = load(at_h_prev + unit, count);
      const V W_h_x = load(at_W_h_x + unit, count);
      const V v28 = tanh_((W_h_x + result[0]));
      if (all.keep) store(to_v28 + unit, v28, count);
      const V h = ((1 - r) * h_prev) + (r * v28);
      store(to_h + unit, h, count);
    });
}

static int64_t room_of(const Backward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine, 1, deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine, 1, deep(all.H) + deep(all.H) + deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(all.H) + deep(all.H) + deep(all.H) + deep(all.H));
  if (size > most) most = size;
  size = room_size(1, 4 * all.H, all.I) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, 3 * all.H, all.H) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, all.H, all.H) * deep(mine * all.chunk);
  if (size > most) most = size;
  return most;
}

static int64_t pile_of(const Backward& all) {
  return pile_size(1, 4 * all.H, all.I) + pile_size(1, 3 * all.H, all.H) + pile_size(1, all.H, all.H);
}

// The gradients that a chunk of steps adds to matrices, and those of the hoisted operands.
static void backward_products(const Backward& all, int64_t first, const Share& share,
                              int part) {
  if (all.d_operand_0) {
    const int64_t widths[] = {all.H, all.H, all.H, all.H};
    product<1>(all.panel_2, 1, all.I, widths, share,
      [&](int term, int64_t row) -> const real* { return all.d + row * (4 * all.H) + (term == 0 ? 0 : term == 1 ? all.H : term == 2 ? 2 * all.H : 3 * all.H); },
      [&](int64_t row, int64_t unit, auto count, const V* result) {
        store(all.d_operand_0 + (first * all.B + row) * (all.I) + unit, result[0], count);
      });
  }
  real* pile = all.piles + (all.together ? 0 : part * all.pile);
  if (all.outer_0)
    pile_up(share, 1, 4 * all.H, all.I,
      [&](int64_t row) -> const real* { return all.d + row * (4 * all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return all.operand_0 + (step * all.B + row) * (all.I);
      }, pile);
  pile += pile_size(1, 4 * all.H, all.I);
  if (all.outer_1)
    pile_up(share, 1, 3 * all.H, all.H,
      [&](int64_t row) -> const real* { return all.d + row * (4 * all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1);
      }, pile);
  pile += pile_size(1, 3 * all.H, all.H);
  if (all.outer_2)
    pile_up(share, 1, all.H, all.H,
      [&](int64_t row) -> const real* { return all.d + row * (4 * all.H) + 3 * all.H; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return all.kept + (step * all.B + row) * (all.H);
      }, pile);
  pile += pile_size(1, all.H, all.H);
}

// The gradients of the matrices, from the sums of all threads.
static void backward_sums(void* data, int part, int parts) {
  const Backward& all = *(const Backward*)data;
  const real* pile = all.piles;
  if (all.outer_0)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 4 * all.H, all.I,
               all.outer_0, false, part, parts);
  pile += pile_size(1, 4 * all.H, all.I);
  if (all.outer_1)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 3 * all.H, all.H,
               all.outer_1, false, part, parts);
  pile += pile_size(1, 3 * all.H, all.H);
  if (all.outer_2)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, all.H, all.H,
               all.outer_2, false, part, parts);
  pile += pile_size(1, all.H, all.H);
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const to_v15 = (real*)(all.scratch + row * (2 * all.H) + all.H);
    real* const at_r = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H) + all.H);
    real* const at_kept_28 = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H) + 3 * all.H);
    real* const to_dW_h_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 3 * all.H);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V v15 = dh_next + dy;
      store(to_v15 + unit, v15, count);
      const V r = load(at_r + unit, count);
      const V kept_28 = load(at_kept_28 + unit, count);
      const V dW_h_x = (v15 * r) * (1 - (kept_28 * kept_28));
      store(to_dW_h_x + unit, dW_h_x, count);
      collect(sums + 3 * all.H + unit, dW_h_x, count);
    });
  }
}

static void backward_1(const Backward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {all.H};
  product<1>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 3 * all.H); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_s = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H));
      real* const at_r = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H) + all.H);
      real* const to_v10 = (real*)(all.scratch + row * (2 * all.H));
      real* const at_v15 = (real*)(all.scratch + row * (2 * all.H) + all.H);
      real* const at_kept_28 = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H) + 3 * all.H);
      real* const at_h_prev = (real*)(before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1));
      real* const at_dz_next = (real*)(all.carry_z + ((step & 1) * all.B + row) * (all.H));
      real* const at_kept_19 = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H) + 2 * all.H);
      real* const to_dW_z_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 2 * all.H);
      real* const at_z_prev = (real*)(before(all, all.z, all.z_0, all.z_fresh, step, row, all.H, all.ring));
      real* const to_dz_prev_ = (real*)(all.carry_z + (((step + 1) & 1) * all.B + row) * (all.H));
      real* const to_dW_2_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + all.H);
      real* const to_dW_1_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H));
      const V s = load(at_s + unit, count);
      const V v7 = 1 - s;
      const V r = load(at_r + unit, count);
      const V v10 = 1 - r;
      store(to_v10 + unit, v10, count);
      const V v15 = load(at_v15 + unit, count);
      const V kept_28 = load(at_kept_28 + unit, count);
      const V h_prev = load(at_h_prev + unit, count);
      const V dz_next = load(at_dz_next + unit, count);
      const V dz_ = dz_next + result[0];
      const V kept_19 = load(at_kept_19 + unit, count);
      const V dW_z_x = (dz_ * s) * (1 - (kept_19 * kept_19));
      store(to_dW_z_x + unit, dW_z_x, count);
      collect(sums + 2 * all.H + unit, dW_z_x, count);
      const V z_prev = load(at_z_prev + unit, count);
      const V dz_prev_ = dz_ * v7;
      store(to_dz_prev_ + unit, dz_prev_, count);
      const V dr_ = (v15 * kept_28) + (-(v15 * h_prev));
      const V dW_2_x = dr_ * (r * v10);
      store(to_dW_2_x + unit, dW_2_x, count);
      collect(sums + all.H + unit, dW_2_x, count);
      const V ds_ = (dz_ * kept_19) + (-(dz_ * z_prev));
      const V dW_1_x = ds_ * (s * v7);
      store(to_dW_1_x + unit, dW_1_x, count);
      collect(sums + 0 + unit, dW_1_x, count);
    });
}

static void backward_2(const Backward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_1[] = {all.H, all.H, all.H};
  product<1>(all.panel_1, 1, all.H, widths_1, share,
    [&](int term, int64_t row) -> const real* { return term == 0 ? (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 2 * all.H)
      : term == 1 ? (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + all.H)
      : (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_v15 = (real*)(all.scratch + row * (2 * all.H) + all.H);
      real* const at_v10 = (real*)(all.scratch + row * (2 * all.H));
      real* const to_dh_prev_ = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
      const V v15 = load(at_v15 + unit, count);
      const V v10 = load(at_v10 + unit, count);
      const V dh_prev_ = (v15 * v10) + result[0];
      store(to_dh_prev_ + unit, dh_prev_, count);
    });
}
