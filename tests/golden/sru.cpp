// sru: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph fe9591fc74a0af01
//
// f_t = σ(W_f x_t + v_f ⊙ c_{t-1} + b_f)
// r_t = σ(W_r x_t + v_r ⊙ c_{t-1} + b_r)
// c_t = f_t ⊙ c_{t-1} + (1 - f_t) ⊙ (W_n x_t)
// h_t = r_t ⊙ c_t + (1 - r_t) ⊙ (W_s x_t)

static int64_t room_of(const Forward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
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
    const real* const panels[] = {all.panel_0, all.panel_1, all.panel_2, all.panel_3};
    const real* const biases[] = {all.bias_0, all.bias_1, 0, 0};
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

static void forward_0(const Forward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_v_f = (real*)(all.v_f);
    real* const at_c_prev = (real*)(before(all, all.c, all.c_0, all.c_fresh, step, row, all.H, all.ring));
    real* const at_W_f_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H));
    real* const to_f = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H));
    real* const at_v_r = (real*)(all.v_r);
    real* const at_W_r_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + all.H);
    real* const to_r = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + all.H);
    real* const at_W_n_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + 2 * all.H);
    real* const to_c = (real*)(all.c + ((step & all.ring) * all.B + row) * (all.H));
    real* const at_W_s_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + 3 * all.H);
    real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V v_f = load(at_v_f + unit, count);
      const V c_prev = load(at_c_prev + unit, count);
      const V W_f_x = load(at_W_f_x + unit, count);
      const V f = sigmoid_((W_f_x + (v_f * c_prev)));
      if (all.keep) store(to_f + unit, f, count);
      const V v_r = load(at_v_r + unit, count);
      const V W_r_x = load(at_W_r_x + unit, count);
      const V r = sigmoid_((W_r_x + (v_r * c_prev)));
      if (all.keep) store(to_r + unit, r, count);
      const V W_n_x = load(at_W_n_x + unit, count);
      const V c = (f * c_prev) + ((1 - f) * W_n_x);
      store(to_c + unit, c, count);
      const V W_s_x = load(at_W_s_x + unit, count);
      const V h = (r * c) + ((1 - r) * W_s_x);
      store(to_h + unit, h, count);
    });
  }
}

static int64_t room_of(const Backward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine * all.chunk, 1, deep(all.H) + deep(all.H) + deep(all.H) + deep(all.H));
  if (size > most) most = size;
  size = room_size(1, 4 * all.H, all.I) * deep(mine * all.chunk);
  if (size > most) most = size;
  return most;
}

static int64_t pile_of(const Backward& all) {
  return pile_size(1, 4 * all.H, all.I);
}

// The gradients that a chunk of steps adds to matrices, and those of the hoisted operands.
static void backward_products(const Backward& all, int64_t first, const Share& share,
                              int part) {
  if (all.d_operand_0) {
    const int64_t widths[] = {all.H, all.H, all.H, all.H};
    product<1>(all.panel_0, 1, all.I, widths, share,
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
}

// The gradients of the matrices, from the sums of all threads.
static void backward_sums(void* data, int part, int parts) {
  const Backward& all = *(const Backward*)data;
  const real* pile = all.piles;
  if (all.outer_0)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 4 * all.H, all.I,
               all.outer_0, false, part, parts);
  pile += pile_size(1, 4 * all.H, all.I);
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_f = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H));
    real* const at_r = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H) + all.H);
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const at_W_s_x = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H) + 3 * all.H);
    real* const to_dW_s_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 3 * all.H);
    real* const at_c = (real*)(all.c + ((step & all.ring) * all.B + row) * (all.H));
    real* const at_dc_next = (real*)(all.carry_c + ((step & 1) * all.B + row) * (all.H));
    real* const at_W_n_x = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H) + 2 * all.H);
    real* const to_dW_n_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 2 * all.H);
    real* const at_c_prev = (real*)(before(all, all.c, all.c_0, all.c_fresh, step, row, all.H, all.ring));
    real* const to_dW_r_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + all.H);
    real* const at_v_r = (real*)(all.v_r);
    real* const to_dW_f_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H));
    real* const at_v_f = (real*)(all.v_f);
    real* const to_dc_prev_ = (real*)(all.carry_c + (((step + 1) & 1) * all.B + row) * (all.H));
    real* const to_v40 = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V f = load(at_f + unit, count);
      const V v6 = 1 - f;
      const V r = load(at_r + unit, count);
      const V v9 = 1 - r;
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V v13 = dh_next + dy;
      const V W_s_x = load(at_W_s_x + unit, count);
      const V dW_s_x = v13 * v9;
      store(to_dW_s_x + unit, dW_s_x, count);
      const V c = load(at_c + unit, count);
      const V dc_next = load(at_dc_next + unit, count);
      const V dc_ = dc_next + (v13 * r);
      const V W_n_x = load(at_W_n_x + unit, count);
      const V dW_n_x = dc_ * v6;
      store(to_dW_n_x + unit, dW_n_x, count);
      const V c_prev = load(at_c_prev + unit, count);
      const V dr_ = (-(v13 * W_s_x)) + (v13 * c);
      const V dW_r_x = dr_ * (r * v9);
      store(to_dW_r_x + unit, dW_r_x, count);
      collect(sums + 3 * all.H + unit, dW_r_x, count);
      const V dv_r = dW_r_x * c_prev;
      collect(sums + all.H + unit, dv_r, count);
      const V v_r = load(at_v_r + unit, count);
      const V df_ = (-(dc_ * W_n_x)) + (dc_ * c_prev);
      const V dW_f_x = df_ * (f * v6);
      store(to_dW_f_x + unit, dW_f_x, count);
      collect(sums + 2 * all.H + unit, dW_f_x, count);
      const V dv_f = dW_f_x * c_prev;
      collect(sums + 0 + unit, dv_f, count);
      const V v_f = load(at_v_f + unit, count);
      const V dc_prev_ = ((dc_ * f) + (dW_r_x * v_r)) + (dW_f_x * v_f);
      store(to_dc_prev_ + unit, dc_prev_, count);
      const V v40 = splat(0);
      store(to_v40 + unit, v40, count);
    });
  }
}
