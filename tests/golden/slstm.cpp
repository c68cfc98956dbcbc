// slstm: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph c73be91d726b7638
//
// a_t = W_i x_t + R_i h_{t-1} + b_i
// l_t = -softplus(-(W_f x_t + R_f h_{t-1} + b_f)) + m_{t-1}
// m_t = where(n_{t-1} = 0, a_t, maximum(a_t, l_t))
// i_t = exp(a_t - m_t)
// f_t = exp(l_t - m_t)
// z_t = tanh(W_z x_t + R_z h_{t-1} + b_z)
// o_t = σ(W_o x_t + R_o h_{t-1} + b_o)
// c_t = f_t ⊙ c_{t-1} + i_t ⊙ z_t
// n_t = f_t ⊙ n_{t-1} + i_t
// h_t = o_t ⊙ c_t / n_t

static int64_t room_of(const Forward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
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
    const real* const panels[] = {all.panel_1, all.panel_2, all.panel_3, all.panel_4};
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
  product<4>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return (before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_W_i_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H));
      real* const to_a = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H));
      real* const at_W_f_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + all.H);
      real* const to_v12 = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + all.H);
      real* const at_m_prev = (real*)(before(all, all.m, all.m_0, all.m_fresh, step, row, all.H, all.ring));
      real* const to_l = (real*)(all.kept + (step * all.B + row) * (3 * all.H));
      real* const at_n__prev = (real*)(before(all, all.n_, all.n__0, all.n__fresh, step, row, all.H, all.ring));
      real* const to_m = (real*)(all.m + ((step & all.ring) * all.B + row) * (all.H));
      real* const to_i = (real*)(all.kept + (step * all.B + row) * (3 * all.H) + all.H);
      real* const to_f = (real*)(all.kept + (step * all.B + row) * (3 * all.H) + 2 * all.H);
      real* const at_W_z_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + 2 * all.H);
      real* const to_z = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + 2 * all.H);
      real* const at_W_o_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + 3 * all.H);
      real* const to_o = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H) + 3 * all.H);
      real* const at_c_prev = (real*)(before(all, all.c, all.c_0, all.c_fresh, step, row, all.H, all.ring));
      real* const to_c = (real*)(all.c + ((step & all.ring) * all.B + row) * (all.H));
      real* const to_n_ = (real*)(all.n_ + ((step & all.ring) * all.B + row) * (all.H));
      real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
      const V W_i_x = load(at_W_i_x + unit, count);
      const V a = W_i_x + result[0];
      if (all.keep) store(to_a + unit, a, count);
      const V W_f_x = load(at_W_f_x + unit, count);
      const V v12 = -(W_f_x + result[1]);
      if (all.keep) store(to_v12 + unit, v12, count);
      const V m_prev = load(at_m_prev + unit, count);
      const V l = (-softplus_(v12)) + m_prev;
      if (all.keep) store(to_l + unit, l, count);
      const V n__prev = load(at_n__prev + unit, count);
      const V m = (n__prev == 0) ? a : maximum_(a, l);
      store(to_m + unit, m, count);
      const V i = exp_((a - m));
      if (all.keep) store(to_i + unit, i, count);
      const V f = exp_((l - m));
      if (all.keep) store(to_f + unit, f, count);
      const V W_z_x = load(at_W_z_x + unit, count);
      const V z = tanh_((W_z_x + result[2]));
      if (all.keep) store(to_z + unit, z, count);
      const V W_o_x = load(at_W_o_x + unit, count);
      const V o = sigmoid_((W_o_x + result[3]));
      if (all.keep) store(to_o + unit, o, count);
      const V c_prev = load(at_c_prev + unit, count);
      const V c = (f * c_prev) + (i * z);
      store(to_c + unit, c, count);
      const V n_ = (f * n__prev) + i;
      store(to_n_ + unit, n_, count);
      const V h = (o * c) / n_;
      store(to_h + unit, h, count);
    });
}

static int64_t room_of(const Backward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine, 1, deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine, 1, deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine, 1, deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine, 1, deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(all.H) + deep(all.H) + deep(all.H) + deep(all.H));
  if (size > most) most = size;
  size = room_size(1, 4 * all.H, all.I) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, (all.H) / (1), (all.H) / (1)) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, (all.H) / (1), (all.H) / (1)) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, (all.H) / (1), (all.H) / (1)) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, (all.H) / (1), (all.H) / (1)) * deep(mine * all.chunk);
  if (size > most) most = size;
  return most;
}

static int64_t pile_of(const Backward& all) {
  return pile_size(1, 4 * all.H, all.I) + pile_size(1, (all.H) / (1), (all.H) / (1)) + pile_size(1, (all.H) / (1), (all.H) / (1)) + pile_size(1, (all.H) / (1), (all.H) / (1)) + pile_size(1, (all.H) / (1), (all.H) / (1));
}

// The gradients that a chunk of steps adds to matrices, and those of the hoisted operands.
static void backward_products(const Backward& all, int64_t first, const Share& share,
                              int part) {
  if (all.d_operand_0) {
    const int64_t widths[] = {all.H, all.H, all.H, all.H};
    product<1>(all.panel_4, 1, all.I, widths, share,
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
    pile_up(share, 1, (all.H) / (1), (all.H) / (1),
      [&](int64_t row) -> const real* { return all.d + row * (4 * all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1);
      }, pile);
  pile += pile_size(1, (all.H) / (1), (all.H) / (1));
  if (all.outer_2)
    pile_up(share, 1, (all.H) / (1), (all.H) / (1),
      [&](int64_t row) -> const real* { return all.d + row * (4 * all.H) + all.H; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1);
      }, pile);
  pile += pile_size(1, (all.H) / (1), (all.H) / (1));
  if (all.outer_3)
    pile_up(share, 1, (all.H) / (1), (all.H) / (1),
      [&](int64_t row) -> const real* { return all.d + row * (4 * all.H) + 2 * all.H; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1);
      }, pile);
  pile += pile_size(1, (all.H) / (1), (all.H) / (1));
  if (all.outer_4)
    pile_up(share, 1, (all.H) / (1), (all.H) / (1),
      [&](int64_t row) -> const real* { return all.d + row * (4 * all.H) + 3 * all.H; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1);
      }, pile);
  pile += pile_size(1, (all.H) / (1), (all.H) / (1));
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
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, (all.H) / (1), (all.H) / (1),
               all.outer_1, false, part, parts);
  pile += pile_size(1, (all.H) / (1), (all.H) / (1));
  if (all.outer_2)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, (all.H) / (1), (all.H) / (1),
               all.outer_2, false, part, parts);
  pile += pile_size(1, (all.H) / (1), (all.H) / (1));
  if (all.outer_3)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, (all.H) / (1), (all.H) / (1),
               all.outer_3, false, part, parts);
  pile += pile_size(1, (all.H) / (1), (all.H) / (1));
  if (all.outer_4)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, (all.H) / (1), (all.H) / (1),
               all.outer_4, false, part, parts);
  pile += pile_size(1, (all.H) / (1), (all.H) / (1));
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const at_n_ = (real*)(all.n_ + ((step & all.ring) * all.B + row) * (all.H));
    real* const at_h = (real*)(all.h + (step * all.B + row) * (all.H));
    real* const at_c = (real*)(all.c + ((step & all.ring) * all.B + row) * (all.H));
    real* const at_o = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H) + 3 * all.H);
    real* const at_dn__next = (real*)(all.carry_n_ + ((step & 1) * all.B + row) * (all.H));
    real* const at_n__prev = (real*)(before(all, all.n_, all.n__0, all.n__fresh, step, row, all.H, all.ring));
    real* const at_f = (real*)(all.kept + (step * all.B + row) * (3 * all.H) + 2 * all.H);
    real* const to_dn_prev_ = (real*)(all.carry_n_ + (((step + 1) & 1) * all.B + row) * (all.H));
    real* const at_dc_next = (real*)(all.carry_c + ((step & 1) * all.B + row) * (all.H));
    real* const at_z = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H) + 2 * all.H);
    real* const at_i = (real*)(all.kept + (step * all.B + row) * (3 * all.H) + all.H);
    real* const at_c_prev = (real*)(before(all, all.c, all.c_0, all.c_fresh, step, row, all.H, all.ring));
    real* const to_dc_prev_ = (real*)(all.carry_c + (((step + 1) & 1) * all.B + row) * (all.H));
    real* const to_dW_o_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 3 * all.H);
    real* const to_dW_z_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 2 * all.H);
    real* const at_dm_next = (real*)(all.carry_m + ((step & 1) * all.B + row) * (all.H));
    real* const at_a = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H));
    real* const at_l = (real*)(all.kept + (step * all.B + row) * (3 * all.H));
    real* const to_dl_ = (real*)(all.carry_m + (((step + 1) & 1) * all.B + row) * (all.H));
    real* const at_kept_12 = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H) + all.H);
    real* const to_dW_f_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + all.H);
    real* const to_da_ = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V n_ = load(at_n_ + unit, count);
      const V v24 = (dh_next + dy) / n_;
      const V h = load(at_h + unit, count);
      const V c = load(at_c + unit, count);
      const V do_ = v24 * c;
      const V o = load(at_o + unit, count);
      const V dn__next = load(at_dn__next + unit, count);
      const V dn_ = dn__next + (-(v24 * h));
      const V n__prev = load(at_n__prev + unit, count);
      const V f = load(at_f + unit, count);
      const V dn_prev_ = dn_ * f;
      store(to_dn_prev_ + unit, dn_prev_, count);
      const V dc_next = load(at_dc_next + unit, count);
      const V dc_ = dc_next + (v24 * o);
      const V z = load(at_z + unit, count);
      const V i = load(at_i + unit, count);
      const V dz_ = dc_ * i;
      const V c_prev = load(at_c_prev + unit, count);
      const V dc_prev_ = dc_ * f;
      store(to_dc_prev_ + unit, dc_prev_, count);
      const V dW_o_x = do_ * (o * (1 - o));
      store(to_dW_o_x + unit, dW_o_x, count);
      collect(sums + 3 * all.H + unit, dW_o_x, count);
      const V dW_z_x = dz_ * (1 - (z * z));
      store(to_dW_z_x + unit, dW_z_x, count);
      collect(sums + 2 * all.H + unit, dW_z_x, count);
      const V df_ = (dn_ * n__prev) + (dc_ * c_prev);
      const V v49 = df_ * f;
      const V di_ = dn_ + (dc_ * z);
      const V v52 = di_ * i;
      const V dm_next = load(at_dm_next + unit, count);
      const V dm_ = (dm_next + (-v49)) + (-v52);
      const V v57 = (n__prev == 0) ? splat(0) : dm_;
      const V a = load(at_a + unit, count);
      const V l = load(at_l + unit, count);
      const V v61 = (a == l) ? (v57 * (real)0.5) : splat(0);
      const V dl_ = v49 + ((a < l) ? v57 : v61);
      store(to_dl_ + unit, dl_, count);
      const V kept_12 = load(at_kept_12 + unit, count);
      const V dW_f_x = -((-dl_) * sigmoid_(kept_12));
      store(to_dW_f_x + unit, dW_f_x, count);
      collect(sums + all.H + unit, dW_f_x, count);
      const V da_ = (v52 + ((n__prev == 0) ? dm_ : splat(0))) + ((l < a) ? v57 : v61);
      store(to_da_ + unit, da_, count);
      collect(sums + 0 + unit, da_, count);
    });
  }
  wait_for_all(all, share);
  const int64_t widths_0[] = {all.H};
  product<1>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 3 * all.H); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      store((real*)(all.scratch + row * (4 * all.H)) + unit, result[0], count);
    });
  const int64_t widths_1[] = {all.H};
  product<1>(all.panel_1, 1, all.H, widths_1, share,
    [&](int term, int64_t row) -> const real* { return (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + 2 * all.H); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      store((real*)(all.scratch + row * (4 * all.H) + all.H) + unit, result[0], count);
    });
  const int64_t widths_2[] = {all.H};
  product<1>(all.panel_2, 1, all.H, widths_2, share,
    [&](int term, int64_t row) -> const real* { return (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H) + all.H); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      store((real*)(all.scratch + row * (4 * all.H) + 2 * all.H) + unit, result[0], count);
    });
  const int64_t widths_3[] = {all.H};
  product<1>(all.panel_3, 1, all.H, widths_3, share,
    [&](int term, int64_t row) -> const real* { return (all.d + ((step & (all.chunk - 1)) * all.B + row) * (4 * all.H)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      store((real*)(all.scratch + row * (4 * all.H) + 3 * all.H) + unit, result[0], count);
    });
}

static void backward_1(const Backward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_v42 = (real*)(all.scratch + row * (4 * all.H));
    real* const at_v47 = (real*)(all.scratch + row * (4 * all.H) + all.H);
    real* const at_v72 = (real*)(all.scratch + row * (4 * all.H) + 2 * all.H);
    real* const at_v76 = (real*)(all.scratch + row * (4 * all.H) + 3 * all.H);
    real* const to_dh_prev_ = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V v42 = load(at_v42 + unit, count);
      const V v47 = load(at_v47 + unit, count);
      const V v72 = load(at_v72 + unit, count);
      const V v76 = load(at_v76 + unit, count);
      const V dh_prev_ = ((v42 + v47) + v72) + v76;
      store(to_dh_prev_ + unit, dh_prev_, count);
    });
  }
}
